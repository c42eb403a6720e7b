"""The static pages: complete, offline, and alive without a kernel."""

import html
import json
import re

import nbformat
import pytest

import build_site
from notebook_io import NOTEBOOKS
from site_explorers import LIVE, without_guess

NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def page(site, name) -> str:
    return (site / f"{name}.html").read_text(encoding="utf-8")


def cells(name, kind):
    return [c for c in nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4).cells if c.cell_type == kind]


@pytest.mark.parametrize("name", [*NAMES, "index"])
def test_a_page_loads_nothing_and_its_links_lead_somewhere(name, site):
    text = page(site, name)
    loaded = re.findall(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=[\"']([^\"']+)", text)
    assert all(source.startswith("data:") for source in loaded)
    assert "@import" not in text and not re.search(r"url\((?!#)", text)
    for target in re.findall(r"<a [^>]*href=[\"']([^\"'#]+)", text):
        assert target.startswith("https://") or (site / target).is_file(), target
    assert len(text) < 3e6


def test_the_first_page_lists_all_notebooks(site):
    assert re.findall(r"<li><a href='([^']+)\.html'>", page(site, "index")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_formula_is_mathml_and_every_figure_is_there(name, site):
    text = page(site, name)
    prose = re.sub(
        r"```.*?```|`[^`\n]*`", "", "\n".join(c.source for c in cells(name, "markdown")), flags=re.S
    )
    formulas = len(re.findall(r"\$\$.+?\$\$|\$[^$\n]+?\$", prose, re.S))
    assert text.count("<math") == formulas and not re.search(r"FORMULA\d|EXPLORERX", text)
    figures = [
        o for c in cells(name, "code") for o in c.outputs if "image/png" in o.get("data", {})
    ]
    replaced = name in LIVE
    drawn = first_frame(text).count("data:image/png") if replaced else 0
    shown = re.sub(r"<script type='application/json'>.*?</script>", "", text, flags=re.S)
    assert shown.count("data:image/png") == len(figures) - replaced + drawn
    for figure in figures:
        alt = figure.metadata.get("image/png", {}).get("alt", "")
        assert alt
    assert shown.count("alt=") >= len(figures) - replaced + drawn


def test_formulas_in_code_stay_code():
    kept = {}
    text = build_site.take_formulas_out("a $x_1$ `cost $5 or $6` ```$y$``` $$z$$", kept)
    assert "`cost $5 or $6`" in text and "```$y$```" in text and len(kept) == 2
    assert [("block" in made) for made in kept.values()] == [False, True]


def test_a_logarithm_stands_apart_from_its_argument():
    kept = {}
    build_site.take_formulas_out(r"$\log p_i$ $\log(p)$", kept)
    letter, bracket = kept.values()
    assert "<mi>log</mi><mspace" in letter and "<mspace" not in bracket


def data_of(text) -> dict:
    (stored,) = re.findall(r"<script type='application/json'>(.*?)</script>", text, re.S)
    return json.loads(stored)


def first_frame(text) -> str:
    """The picture of the settings at which the controls begin."""
    data, row = data_of(text), 0
    for place, values in zip(data["defaults"], data["values"], strict=True):
        row = row * len(values) + place
    return data["frames"][data["index"][row]]


@pytest.mark.parametrize("name", LIVE)
def test_every_setting_has_the_picture_that_the_notebook_would_show(name, site):
    live, data = LIVE[name], data_of(page(site, name))
    explorer, sizes = live.build(), [len(control.values) for control in live.controls.values()]
    count = 1
    for size in sizes:
        count *= size
    assert len(data["index"]) == count and {*data["index"]} == {*range(len(data["frames"]))}
    for row in (0, count // 3, count // 2, count - 1):
        places, rest = [], row
        for size in reversed(sizes):
            places.insert(0, rest % size)
            rest //= size
        chosen = {
            key: control.values[place]
            for (key, control), place in zip(live.controls.items(), places, strict=True)
        }
        for key, value in {**(live.fixed or {}), **chosen}.items():  # one by one, as a reader does
            explorer.controls[key].value = value
        shown = data["frames"][data["index"][row]]
        expected = explorer.view.value if not live.fixed else without_guess(explorer.view.value)
        assert shown == expected
        assert [data["values"][i][place] for i, place in enumerate(places)] == [
            str(v) for v in chosen.values()
        ]


@pytest.mark.parametrize("name", LIVE)
def test_controls_have_labels_and_begin_where_the_notebook_does(name, site):
    text, live = page(site, name), LIVE[name]
    first, data = live.build().defaults, data_of(text)
    for place, (key, control) in enumerate(live.controls.items()):
        assert re.search(rf"<label>[^<]*(?:<[^>]*>)?[^<]*<?[^>]*data-control='{name}-{key}'", text)
        assert html.escape(control.label) in text
        if first[key] in control.values:
            assert control.values[data["defaults"][place]] == first[key]


def test_a_notebook_without_the_explorer_is_refused():
    with pytest.raises(ValueError, match="expected a cell with build_x"):
        build_site.cell_of(nbformat.v4.new_notebook(), "build_x")
