"""Build static pages of all notebooks, out/site/ (`make site`): they open from a file, offline.

Nothing is run: figures and numbers are the stored ones. Formulas become MathML, and some explorers
stay alive by pictures that are drawn now, one for each setting (`site_explorers`).
"""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path

import latex2mathml.converter
import nbformat
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

from notebook_io import NOTEBOOKS, ROOT, read
from site_explorers import LIVE, block

SITE = ROOT / "out" / "site"
PARTS = ROOT / "tools" / "site"
FORMULA = re.compile(r"\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$\n]+?)\$", re.DOTALL)
LOG = re.compile(r"\\log\s+(?=[A-Za-z])")
PAGE = re.compile(r'href="(\w+)\.(?:md|ipynb)(?=["#])')  # a notebook, or the glossary
TO_GLOSSARY = "<a href='glossary.html'>Glossary</a>"
TITLE = "Knowledge distillation, live"
INTRODUCTION = (
    "An interactive course in knowledge distillation, as pages to read. The controls in a frame "
    "are alive; to train networks and to change code, open the notebooks in JupyterLab."
)


def build(folder: Path, live: bool = True) -> list[Path]:
    """Write the pages anew; live: with explorers that answer."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
    titles = {name: title_of(read(NOTEBOOKS / f"{name}.ipynb")) for name in names}
    for name in names:
        body = body_of(read(NOTEBOOKS / f"{name}.ipynb"), name, live)
        write(folder / f"{name}.html", titles[name], f"{links(titles, name)}<main>{body}</main>")
    write_glossary(folder, titles)
    listed = "".join(f"<li><a href='{n}.html'>{html.escape(t)}</a></li>" for n, t in titles.items())
    start = f"<main><h1>{TITLE}</h1><p>{INTRODUCTION} {TO_GLOSSARY}</p><ul>{listed}</ul></main>"
    write(folder / "index.html", TITLE, start)
    return sorted(folder.glob("*.html"))


def write_glossary(folder: Path, titles: dict[str, str]) -> None:
    page = nbformat.v4.new_markdown_cell((NOTEBOOKS / "glossary.md").read_text(encoding="utf-8"))
    body = f"{links(titles, 'glossary')}<main>{as_html([page], {})}</main>"
    write(folder / "glossary.html", "Glossary", body)


def title_of(notebook: NotebookNode) -> str:
    return notebook.cells[0].source.splitlines()[0].removeprefix("# ")


def links(titles: dict[str, str], here: str) -> str:
    """To the list of pages, the glossary, the page before and the page after."""
    names = list(titles)
    place = names.index(here) if here in names else -2  # the glossary has none beside it
    near = [name for at, name in enumerate(names) if abs(at - place) == 1]
    others = "".join(f"<a href='{n}.html'>{html.escape(titles[n])}</a>" for n in near)
    return f"<nav><a href='index.html'>All notebooks</a>{TO_GLOSSARY}{others}</nav>"


def body_of(notebook: NotebookNode, name: str, live: bool) -> str:
    """The cells as HTML."""
    return as_html(notebook.cells, take_out(notebook, name, live))


def take_out(notebook: NotebookNode, name: str, live: bool) -> dict[str, str]:
    """What Markdown must not touch, formulas and live explorers, by the mark left in its place."""
    kept: dict[str, str] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = take_formulas_out(cell.source, kept)
    if live and name in LIVE:
        put_explorer_in(cell_of(notebook, LIVE[name].call), block(LIVE[name], name), kept)
    return kept


def as_html(cells: list[NotebookNode], kept: dict[str, str], code: bool = True) -> str:
    """The cells as HTML, with what was kept put back; code: with the code of code cells."""
    exporter = HTMLExporter(template_name="basic", exclude_input=not code)
    body, _ = exporter.from_notebook_node(nbformat.v4.new_notebook(cells=cells))
    body = PAGE.sub(r'href="\1.html', body)
    for mark, content in kept.items():
        body = body.replace(mark, content)
    return body


def take_formulas_out(text: str, kept: dict[str, str]) -> str:
    """The text with a mark in place of each formula; `kept` gets the MathML of each mark.

    Code, between backquotes, is left as it is.
    """

    def replace(match: re.Match[str]) -> str:
        latex, display = match["block"] or match["inline"], "block" if match["block"] else "inline"
        mark = f"FORMULA{len(kept):03d}X"
        spaced = LOG.sub(r"\\log\\,", latex.strip())  # else MathML sets "log" against its argument
        kept[mark] = latex2mathml.converter.convert(spaced, display=display)
        return mark

    parts = re.split(r"(```.*?```|`[^`\n]*`)", text, flags=re.DOTALL)
    return "".join(p if p.startswith("`") else FORMULA.sub(replace, p) for p in parts)


def cell_of(notebook: NotebookNode, call: str) -> NotebookNode:
    """The cell that shows what `call` built: the first with `display_live` from that call on.

    Raises:
        ValueError: there is none.
    """
    built = False
    for cell in notebook.cells:
        built = built or f"{call}(" in cell.source
        if built and "display_live(" in cell.source:
            return cell
    raise ValueError(
        f"expected a cell with {call}( and one with display_live( after it, found none"
    )


def put_explorer_in(cell: NotebookNode, content: str, kept: dict[str, str]) -> None:
    """The explorer in place of its stored picture."""
    kept["EXPLORERX"] = content
    data = {"text/html": "EXPLORERX"}
    cell.outputs = [NotebookNode(output_type="display_data", data=data, metadata={})]


def write(path: Path, title: str, body: str, dress: str = "") -> None:
    """One file: dress is the name of the style and script that come on top, such as "slides"."""
    code = HtmlFormatter(style="xcode").get_style_defs(".highlight")
    parts = ["scrolling"] + ["explorer"] * ("class='explorer'" in body) + [dress] * bool(dress)
    styles = [PARTS / f"{part}.css" for part in ("page", *[dress] * bool(dress))]
    style = "".join(style.read_text() for style in styles) + code
    script = "".join(f"{{{(PARTS / f'{part}.js').read_text()}}}" for part in parts)
    path.write_text(
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{html.escape(title)}</title><style>{style}</style>{body}"
        f"<script>{script}</script></html>\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    for made in build(SITE):
        print(f"{made.relative_to(ROOT)}: {made.stat().st_size / 1000:.0f} kB")
