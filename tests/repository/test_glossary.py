"""The glossary has every term that a notebook links to, and each page finds the other."""

import re
from html.parser import HTMLParser

import pytest

import build_site
import notebook_io
from notebook_io import NOTEBOOKS

PAGE = (NOTEBOOKS / "glossary.md").read_text(encoding="utf-8")
TERMS = re.findall(r"^### (.+)$", PAGE, re.MULTILINE)
MOST = 8  # links in a notebook: the lesson comes first


def prose_of(folder):
    for path in sorted(folder.glob("*.ipynb")):
        cells = notebook_io.read(path).cells
        yield path, "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("folder, page", [("", "glossary.md"), ("solutions", "../glossary.md")])
def test_every_notebook_links_terms_that_are_there(folder, page):
    known = {term.replace(" ", "-") for term in TERMS}
    for path, text in prose_of(NOTEBOOKS / folder):
        links = re.findall(r"\]\(([^)]*glossary\.md)#([^)]+)\)", text)
        terms = [term for _, term in links]
        assert {target for target, _ in links} == {page}, path
        assert len(terms) == len(set(terms)) <= MOST, path
        assert set(terms) <= known, path


def test_terms_are_in_order_and_name_a_notebook():
    assert sorted(TERMS) == TERMS
    assert all(re.fullmatch(r"[a-z -]+", term) for term in TERMS)  # the same anchor everywhere
    for entry in PAGE.split("\n### ")[1:]:
        (target,) = re.findall(r"\[Notebook \d\d\]\((.+?)\)", entry)
        assert (NOTEBOOKS / target).is_file(), entry


class Anchors(HTMLParser):
    """The ids of a page, and where its links lead."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids.add(found.get("id"))
        self.links |= {found["href"]} if tag == "a" and "href" in found else set()


def test_on_the_site_links_lead_to_the_terms(tmp_path):
    made = build_site.build(tmp_path, live=False)
    pages = {path.name: Anchors(path.read_text(encoding="utf-8")) for path in made}
    inside = {link for page in pages.values() for link in page.links if ".html" in link}
    assert len({link for link in inside if "glossary.html#" in link}) > len(TERMS) / 2
    for link in inside - {link for link in inside if "//" in link}:
        name, _, anchor = link.partition("#")
        assert name in pages and (not anchor or anchor in pages[name].ids), link
