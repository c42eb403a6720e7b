"""Ladders read from stored runs, the errors that their rungs share, and the figures of ladders."""

import io
import itertools
import json
import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib._pylab_helpers import Gcf
from matplotlib.colors import to_rgba
from matplotlib.textpath import TextPath

from kd_course.nb06_assistants.chain_builder import render_ladder
from kd_course.nb06_assistants.figures import draw_intervals
from kd_course.nb06_assistants.tables import Rung, overlaps, stored_rungs
from kd_helpers.data.datasets import load_dataset
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments import records
from kd_helpers.experiments import run as runs
from kd_helpers.experiments.ladders import climb
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import load_or_train
from kd_helpers.experiments.store import Run
from kd_helpers.training.schedules import Schedule
from kd_helpers.widgets.figures import new_figure

SHORT = Recipe(schedule=Schedule(steps=20, batch_size=16), transfer=TransferSet(images=320))
TOP = replace(SHORT, student="cnn-4", seed=77)  # one teacher for both seeds
LADDERS = [
    climb(("cnn-4", "cnn-2", "cnn-2"), "dense", base=replace(SHORT, seed=seed), top=TOP)
    for seed in (0, 1)
]
RECIPES = list(dict.fromkeys(recipe for ladder in LADDERS for recipe in ladder))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two ladders of three, trained for twenty steps: five networks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KD_OUT", str(tmp_path_factory.mktemp("out")))
        patch.setenv("KD_PRECISION", "float32")
        patch.setattr(records, "measure_latencies", lambda *_: [])
        for recipe in RECIPES:
            load_or_train(recipe, quiet=True)
        patch.setattr(runs, "train_recipe", lambda *_, **__: pytest.fail("trained again"))
        yield runs.run_folders()[-1]


def record_of(folder, recipe) -> dict:
    return json.loads((folder / f"{recipe.hash}.json").read_text())


def test_rungs_have_the_numbers_of_the_records(folder):
    assert len(list(folder.glob("*.json"))) == len(RECIPES) == 5
    rungs = stored_rungs(LADDERS)
    assert [rung.name for rung in rungs] == ["cnn-4", "cnn-2", "cnn-2"]
    for place, rung in enumerate(rungs):
        own = [record_of(folder, ladder[place]) for ladder in LADDERS]
        assert rung.accuracies == tuple(100 * record["test"]["accuracy"] for record in own)
        assert rung.seconds == pytest.approx(sum(record["seconds"] for record in own) / 2)
        assert {rung.parameters} == {record["parameters"] for record in own}
    same = [rung.accuracies[0] == rung.accuracies[1] for rung in rungs]
    assert same == [True, False, False]
    assert rungs[0].parameters > rungs[1].parameters
    (alone,) = stored_rungs([(TOP,)])
    assert len(alone.accuracies) == 1


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.hash)
def test_a_ladder_without_one_of_its_runs_is_unknown(folder, recipe):
    path = folder / f"{recipe.hash}.json"
    content = path.read_bytes()
    path.unlink()
    try:
        assert stored_rungs(LADDERS) is None
        assert not path.exists()
    finally:
        path.write_bytes(content)
    assert stored_rungs(LADDERS) is not None


def test_ladders_of_different_lengths_are_refused(folder):
    with pytest.raises(ValueError):
        stored_rungs([LADDERS[0], LADDERS[1][:2]])


def test_shared_errors_are_counted_one_by_one(folder, monkeypatch):
    labels = load_dataset("fashion-mnist").test.labels
    rng, told = np.random.default_rng(0), {}
    for number, recipe in enumerate(RECIPES):  # known errors, of very different numbers
        answers = labels.clone()
        answers[torch.from_numpy(rng.random(len(labels)) < 0.1 * (1 + number))] += 1
        told[recipe] = answers
    monkeypatch.setattr(Run, "answers", lambda run: told[run.recipe])
    expected = np.zeros((2, 3, 3))
    for at, ladder in enumerate(LADDERS):
        wrong = [
            {
                row
                for row, pair in enumerate(zip(told[r].tolist(), labels.tolist(), strict=True))
                if len(set(pair)) > 1
            }
            for r in ladder
        ]
        for i, j in itertools.product(range(3), repeat=2):
            expected[at, i, j] = len(wrong[i] & wrong[j]) / len(wrong[i] | wrong[j])
    found = overlaps(LADDERS)
    np.testing.assert_allclose(found, expected.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(overlaps(LADDERS[1:]), expected[1], rtol=1e-9)
    assert abs(expected[0] - expected[1]).max() > 0.01  # a mean is not just one of them
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diag(found), 1)


def test_networks_without_errors_share_none(folder, monkeypatch):
    labels = load_dataset("fashion-mnist").test.labels
    monkeypatch.setattr(Run, "answers", lambda run: labels)
    np.testing.assert_array_equal(overlaps(LADDERS), np.zeros((3, 3)))


# Figures


@pytest.fixture
def ax():
    """Axes of a figure of its own, which must bear being drawn; pyplot must not know of any."""
    known = set(Gcf.figs)
    figure, (ax,) = new_figure()
    yield ax
    figure.savefig(io.BytesIO(), format="png", dpi=40)
    assert set(Gcf.figs) == known


def test_intervals_are_drawn_as_given(ax):
    scores = {
        "chain": [(70.0, 69.0, 71.5), (80.0, 78.0, 81.0), (75.0, 75.0, 75.0)],
        "dense": [(71.0, 70.0, 72.0), (82.0, 81.0, 84.0), (76.0, 74.0, 77.0)],
    }
    names = ["cnn-2", "cnn-4", "cnn-6"]
    assert draw_intervals(ax, names, scores, title="gap", x="teacher", y="accuracy, %") is ax
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("teacher", "accuracy, %")
    assert ax.get_title(loc="left") == "gap"
    assert [tick.get_text() for tick in ax.get_xticklabels()] == names
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(scores)
    places, colours, marks = [], set(), set()
    for drawn, points in zip(ax.containers, scores.values(), strict=True):
        line, _, (bars,) = drawn.lines
        np.testing.assert_allclose(line.get_ydata(), [mean for mean, _, _ in points])
        ends = [sorted(segment[:, 1]) for segment in bars.get_segments()]
        np.testing.assert_allclose(ends, [(low, high) for _, low, high in points])
        assert np.abs(line.get_xdata() - np.arange(3)).max() < 0.3  # still over its name
        places.append(tuple(line.get_xdata()))
        colours.add(to_rgba(line.get_color()))
        marks.add(line.get_marker())
    assert len(set(places)) == len(colours) == len(marks) == 2


def test_one_line_stands_over_its_names(ax):
    draw_intervals(ax, ["a", "b"], {"only": [(1.0, 0.0, 2.0), (2.0, 1.0, 3.0)]})
    np.testing.assert_allclose(ax.containers[0].lines[0].get_xdata(), [0, 1], atol=1e-9)


# The picture of the chain builder


def points_of(path: ElementTree.Element) -> np.ndarray:
    """Points (2, 99) along a line, or along a cubic curve."""
    corners = np.array(re.findall(r"-?\d+(?:\.\d+)?", path.get("d")), float).reshape(-1, 2).T
    t, order = np.linspace(0, 1, 99), corners.shape[1] - 1
    parts = [math.comb(order, k) * t**k * (1 - t) ** (order - k) for k in range(order + 1)]
    return corners @ np.array(parts)


@pytest.mark.parametrize("teacher", ("resnet-20", "resnet-20, 6,000 steps"))
def test_everything_lies_inside_the_picture(teacher):
    names = (teacher, "cnn-8", "cnn-6", "cnn-4", "cnn-2")
    rungs = [Rung(name, (91.0, 91.5, 92.0, 92.5, 93.0), 1.0, 2_487_850) for name in names]
    tree = ElementTree.fromstring(render_ladder(names, names, "dense", rungs))
    size, lines = (float(tree.get("width")), float(tree.get("height"))), {}
    for text in tree.iter("text"):
        drawn = TextPath((0, 0), text.text, size=float(text.get("font-size"))).get_extents()
        x, half = float(text.get("x")), drawn.width / 2
        assert half <= x <= size[0] - half and 0 < float(text.get("y")) < size[1] - 3, text.text
        lines.setdefault(text.get("y"), []).extend([x - half, x + half])
    assert all(ends == sorted(ends) for ends in lines.values())  # no name runs into another one
    for path in tree.findall("path"):
        half = float(path.get("stroke-width")) / 2
        for along, end in zip(points_of(path), size, strict=True):
            assert half <= along.min() and along.max() <= end - half, path.get("d")
