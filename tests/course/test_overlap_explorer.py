"""The explorer of shared errors in notebook 06: its grid of pairs, and the images that two have
wrong."""

import base64
import io
import itertools
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from kd_course.nb06_assistants.error_overlap import build_overlap_explorer

N, K, PAGE = 60, 6, 12
NAMES = ("teacher", "<i>big one", "middle", "student")
CLASSES = ("tea", "milk & oat", "salt", "rye", "<b>jam", "egg'")
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


@pytest.fixture
def explorer(pictures):
    answers = {way: torch.from_numpy(answered(way)) for way in OVERLAP}
    labels = torch.from_numpy(LABELS)
    return build_overlap_explorer(pictures, labels, CLASSES, NAMES, OVERLAP, answers)


def cells(explorer) -> dict:
    return explorer.controls["pair"].cells


def look(explorer, way, pair, page=0):
    explorer.controls["way"].value = way
    cells(explorer)[pair].click()
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


def test_every_pair_has_one_cell_with_its_number_and_its_names(explorer):
    children, width = explorer.controls["pair"].children, len(NAMES)
    assert sorted(cells(explorer)) == PAIRS and len(children) == width * width
    for (i, j), cell in cells(explorer).items():
        row, column = divmod(children.index(cell), width)
        assert children[row * width].value == NAMES[i] and children[column].value == NAMES[j]
        assert cell.tooltip == f"{NAMES[i]} and {NAMES[j]}"
    for way, matrix in OVERLAP.items():
        explorer.controls["way"].value = way
        told = {pair: cell.description for pair, cell in cells(explorer).items()}
        assert told == {pair: f"{matrix[pair]:.3f}" for pair in PAIRS}


def test_all_images_that_both_have_wrong_are_shown_page_by_page(explorer, pictures):
    """From none in common to four pages; each click comes from a late page of another pair."""
    start = explorer.view.value
    for way, pair in itertools.product(OVERLAP, PAIRS):
        look(explorer, "chain", (1, 0), page=2)
        look(explorer, way, pair)
        first, second = (set(WRONG[way][m]) for m in pair)
        rows, page = sorted(first & second), explorer.controls["page"]
        assert counts(explorer) == [len(rows), len(first | second)]
        pages = -(-len(rows) // PAGE)
        assert (page.min, page.max) == (0, max(pages - 1, 0)) and str(pages) in page.description
        answers, found = answered(way), []
        for number in range(page.max + 1):
            page.value = number
            for row, (label, *said) in shown(explorer, pictures).items():
                found.append(row)
                assert label == f"label: {CLASSES[LABELS[row]]}"
                expected = [f"{NAMES[m]}: {CLASSES[answers[m, row]]}" for m in reversed(pair)]
                assert said == expected
        assert found == rows
    explorer.reset_button.click()
    assert explorer.view.value == start
    assert "solid" in cells(explorer)[3, 0].layout.border_top
