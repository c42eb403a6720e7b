"""The explorer of shared errors in notebook 06: its grid of pairs, and the images that two have
wrong."""

import base64
import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from matplotlib.colors import to_hex, to_rgb
from PIL import Image

from kd_course.nb06_assistants.error_overlap import PairGrid, build_overlap_explorer

N, K, PAGE = 60, 6, 12
NAMES = ("teacher", "big one", "middle", "student")
CLASSES = ("tea", "milk", "salt", "rye", "jam", "egg")
LABELS = np.arange(N) % K
# Way → which images each network has wrong.
WRONG = {
    "chain": (range(40), range(5, 45), range(30, 60), range(10, 50)),
    "dense": (range(40), range(36, 60), range(20), range(38, 60)),
}
PAIRS = [(i, j) for i in range(4) for j in range(i)]
OVERLAP = {
    "chain": np.array([[1, 0, 0, 0], [0.5, 1, 0, 0], [0.1, 0.3, 1, 0], [0.42, 0.9, 0.625, 1]]),
    "dense": np.array([[1, 0, 0, 0], [0.2, 1, 0, 0], [0.35, 0.05, 1, 0], [0.45, 0.7, 0.8, 1]]),
}


def answered(way) -> np.ndarray:
    """Classes (R, N); two that are wrong on an image do not always say the same."""
    answers = np.tile(LABELS, (4, 1))
    for m, rows in enumerate(WRONG[way]):
        for row in rows:
            answers[m, row] = (LABELS[row] + 1 + (row + m) % (K - 1)) % K
    return answers


@pytest.fixture
def pictures():
    return np.random.default_rng(3).integers(0, 256, (N, 1, 28, 28), np.uint8)


def build(pictures, names=NAMES, classes=CLASSES, overlap=OVERLAP):
    answers = {way: torch.from_numpy(answered(way)) for way in overlap}
    labels = torch.from_numpy(LABELS)
    return build_overlap_explorer(pictures, labels, classes, names, overlap, answers)


@pytest.fixture
def explorer(pictures):
    return build(pictures)


def grid(explorer) -> PairGrid:
    return explorer.controls["pair"]


def look(explorer, way, pair, page=0):
    explorer.controls["way"].value = way
    grid(explorer).cells[pair].click()
    explorer.controls["page"].value = page


def shown(explorer, pictures) -> dict[int, list[str]]:
    """Row of each image in the view → the lines under it. The view must be well-formed."""
    tree = ElementTree.fromstring(f"<all>{explorer.view.value}</all>")
    rows = {}
    for cell in tree.iter("div"):
        image = cell.find("img")
        if image is not None:
            data = base64.b64decode(image.get("src").split("base64,")[1])
            pixels = np.asarray(Image.open(io.BytesIO(data)))
            (row,) = [n for n in range(N) if (pictures[n, 0] == pixels).all()]
            rows[row] = [line.text for line in cell.findall("div")]
    return rows


def counts(explorer) -> list[int]:
    """The numbers in the sentence; no name of a network here has a digit."""
    sentence = re.search("<div style='font-size:14px[^>]*>(.*?)</div>", explorer.view.value)
    return sorted(int(n) for n in re.findall(r"\d+", sentence.group(1)))


def in_common(way, pair) -> list[int]:
    first, second = (set(WRONG[way][m]) for m in pair)
    return sorted(first & second)


# The grid


def test_every_pair_has_one_cell_at_its_row_and_column(explorer):
    assert sorted(grid(explorer).cells) == PAIRS
    children, width = grid(explorer).children, len(NAMES)
    assert len(children) == width * width
    assert f"repeat({width - 1}," in grid(explorer).layout.grid_template_columns
    for (i, j), cell in grid(explorer).cells.items():
        row, column = divmod(children.index(cell), width)
        assert children[row * width].value == NAMES[i] and children[column].value == NAMES[j]
        assert NAMES[i] in cell.tooltip and NAMES[j] in cell.tooltip
    empty = [c for c in children if c not in grid(explorer).cells.values()]
    assert sum(bool(label.value) for label in empty) == 2 * (width - 1)


@pytest.mark.parametrize("way", OVERLAP)
def test_cells_have_the_numbers_of_the_way(explorer, way):
    explorer.controls["way"].value = way
    for pair, cell in grid(explorer).cells.items():
        assert cell.description == f"{OVERLAP[way][pair]:.3f}"


def luminance(colour) -> float:
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot([0.2126, 0.7152, 0.0722], parts))


def test_colours_have_one_scale_for_all_ways(explorer):
    colours = {}
    for way in OVERLAP:
        explorer.controls["way"].value = way
        colours |= {OVERLAP[way][p]: c.style.button_color for p, c in grid(explorer).cells.items()}
    assert colours[0.05] == to_hex(colormaps["cividis"](0.0))  # the smallest, in "dense"
    assert colours[0.9] == to_hex(colormaps["cividis"](1.0))  # the largest, in "chain"
    light = [luminance(colours[value]) for value in sorted(colours)]
    assert light == sorted(light) and len(set(light)) == len(light)


def test_numbers_can_be_read_on_every_colour():
    """Contrast of at least 4.5, as WCAG asks of text of this size."""
    cells = PairGrid(NAMES, (3, 0))
    for share in np.linspace(0, 1, 101):
        cells.paint(np.full((4, 4), share), 0.0, 1.0)
        style = cells.cells[2, 1].style
        dark, light = sorted(luminance(c) for c in (style.button_color, style.text_color))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, share


def test_cells_that_are_all_alike_are_painted(pictures):
    same = np.full((4, 4), 0.25)
    explorer = build(pictures, overlap={"chain": same})
    assert {cell.description for cell in grid(explorer).cells.values()} == {"0.250"}
    assert len({cell.style.button_color for cell in grid(explorer).cells.values()}) == 1


def test_the_frame_follows_the_click(explorer):
    assert explorer.state["pair"] == (3, 0)  # teacher and student
    for pair in [(3, 0), *PAIRS, (3, 0)]:
        grid(explorer).cells[pair].click()
        assert explorer.state["pair"] == pair
        framed = [
            p for p, c in grid(explorer).cells.items() if "solid" in (c.layout.border_top or "")
        ]
        assert framed == [pair]


# What both have wrong


@pytest.mark.parametrize("way", OVERLAP)
@pytest.mark.parametrize("pair", PAIRS)
def test_all_images_that_both_have_wrong_are_shown_page_by_page(explorer, pictures, way, pair):
    """From none in common to four pages."""
    look(explorer, way, pair)
    rows, either = in_common(way, pair), set(WRONG[way][pair[0]]) | set(WRONG[way][pair[1]])
    assert counts(explorer) == [len(rows), len(either)]
    pages = -(-len(rows) // PAGE)
    page = explorer.controls["page"]
    assert (page.min, page.max) == (0, max(pages - 1, 0)) and str(pages) in page.description
    answers, found = answered(way), []
    for number in range(page.max + 1):
        page.value = number
        for row, lines in shown(explorer, pictures).items():
            found.append(row)
            assert CLASSES[LABELS[row]] in lines[0]
            for m in pair:
                (line,) = [line for line in lines if line.startswith(NAMES[m])]
                assert line.endswith(CLASSES[answers[m, row]])
            assert len(lines) == 3
    assert found == rows


def test_no_error_in_common(explorer, pictures):
    look(explorer, "chain", (1, 0), page=2)
    look(explorer, "dense", (2, 1))
    assert not in_common("dense", (2, 1)) and shown(explorer, pictures) == {}
    assert counts(explorer) == [0, 44]
    assert (explorer.state["page"], explorer.controls["page"].max) == (0, 0)
    look(explorer, "dense", (2, 0))
    assert list(shown(explorer, pictures)) == list(range(PAGE))


def test_no_error_at_all(pictures):
    labels = torch.from_numpy(LABELS)
    answers = {"chain": labels.expand(4, -1)}
    zeros = {"chain": np.zeros((4, 4))}
    explorer = build_overlap_explorer(pictures, labels, CLASSES, NAMES, zeros, answers)
    for pair in PAIRS:
        grid(explorer).cells[pair].click()
        assert counts(explorer) == [0, 0] and shown(explorer, pictures) == {}


def test_a_click_on_a_late_page_leads_to_a_page_that_exists(explorer, pictures):
    for way, pair in [(way, pair) for way in OVERLAP for pair in PAIRS]:
        look(explorer, "chain", (1, 0), page=2)
        assert explorer.state["page"] == 2 and shown(explorer, pictures)
        explorer.controls["way"].value = way
        grid(explorer).cells[pair].click()
        rows = in_common(way, pair)
        assert explorer.state["page"] <= max(-(-len(rows) // PAGE) - 1, 0)
        start = PAGE * explorer.state["page"]
        assert list(shown(explorer, pictures)) == rows[start : start + PAGE]
        assert bool(rows) == bool(shown(explorer, pictures))


def test_reset_goes_back(explorer):
    first, start = explorer.view.value, explorer.state
    look(explorer, "dense", (2, 0), page=1)
    assert explorer.view.value != first
    explorer.reset_button.click()
    assert (explorer.state, explorer.view.value) == (start, first)
    assert "solid" in grid(explorer).cells[3, 0].layout.border_top
    assert grid(explorer).cells[2, 0].description == f"{OVERLAP['chain'][2, 0]:.3f}"


def test_a_ladder_of_two(pictures):
    answers = {"direct": torch.from_numpy(answered("chain"))[[0, 3]]}
    overlap = {"direct": np.array([[1, 0.6], [0.6, 1]])}
    labels = torch.from_numpy(LABELS)
    explorer = build_overlap_explorer(pictures, labels, CLASSES, ("T", "S"), overlap, answers)
    assert list(grid(explorer).cells) == [(1, 0)] and counts(explorer) == [30, 50]


def test_special_characters_are_only_characters(pictures):
    names = ("<i>T", "R&D", "it's", 'say "S"')
    classes = ("<b>jam", "oil & fat", "egg'", "&lt;", 'so "rye"', "<script>")
    explorer = build(pictures, names, classes)
    for way, pair in [(way, pair) for way in OVERLAP for pair in PAIRS]:
        look(explorer, way, pair)
        assert not re.search("<i>|<b>|<script>", explorer.view.value)
        for row, lines in shown(explorer, pictures).items():
            assert classes[LABELS[row]] in lines[0]
            assert all(any(names[m] in line for line in lines[1:]) for m in pair)
