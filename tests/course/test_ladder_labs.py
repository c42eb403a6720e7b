"""Ladders read from stored runs, the errors that their rungs share, and the figures of ladders."""

import itertools
import math
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.textpath import TextPath

from kd_course.nb06_assistants import experiments as lab
from kd_course.nb06_assistants.chain_builder import render_ladder
from kd_course.nb06_assistants.figures import draw_intervals
from kd_course.nb06_assistants.tables import Rung, overlaps, stored_rungs
from kd_helpers.data.datasets import load_dataset
from kd_helpers.experiments import run as runs
from kd_helpers.experiments.run import load_run
from kd_helpers.experiments.store import Run
from kd_helpers.widgets.figures import new_figure

LADDERS = [lab.ladder(seed, ("cnn-6", "cnn-4"), "dense", teacher=lab.MEDIUM) for seed in (0, 1)]
RECIPES = [recipe for ladder in LADDERS for recipe in ladder]


def test_rungs_have_the_numbers_of_the_records_and_a_run_that_is_missing_is_not_trained(
    monkeypatch,
):
    monkeypatch.setattr(runs, "train_recipe", lambda *_, **__: pytest.fail("trained"))
    rungs = stored_rungs(LADDERS)
    assert [rung.name for rung in rungs] == ["cnn-8", "cnn-6", "cnn-4", "cnn-2"]
    for rung, recipes in zip(rungs, zip(*LADDERS, strict=True), strict=True):
        own = [load_run(recipe).record for recipe in recipes]
        assert rung.accuracies == tuple(100 * record["test"]["accuracy"] for record in own)
        assert rung.seconds == pytest.approx(sum(record["seconds"] for record in own) / 2)
        assert {rung.parameters} == {record["parameters"] for record in own}
    for place, recipe in enumerate(LADDERS[0]):
        ladder = list(LADDERS[0])
        ladder[place] = replace(recipe, seed=987_654)
        assert stored_rungs([ladder, LADDERS[1]]) is None


def test_shared_errors_are_counted_one_by_one(monkeypatch):
    labels = load_dataset("fashion-mnist").test.labels
    rng, told = np.random.default_rng(0), {}
    for number, recipe in enumerate(RECIPES):  # known errors, of very different numbers
        told[recipe] = labels + torch.from_numpy(rng.random(len(labels)) < 0.1 * (1 + number))
    monkeypatch.setattr(Run, "answers", lambda run: told[run.recipe])
    expected = np.zeros((2, 4, 4))
    for at, i, j in itertools.product(range(2), range(4), range(4)):
        a, b = (told[LADDERS[at][place]] != labels for place in (i, j))
        expected[at, i, j] = (a & b).sum() / (a | b).sum()
    np.testing.assert_allclose(overlaps(LADDERS), expected.mean(axis=0), rtol=1e-6)
    monkeypatch.setattr(Run, "answers", lambda run: labels)  # nobody is wrong
    np.testing.assert_array_equal(overlaps(LADDERS), np.zeros((4, 4)))


def test_intervals_are_those_of_students_t():
    _, (ax,) = new_figure()
    scores = {"cnn-2": [70.0, 71.0, 72.0, 73.0, 74.0], "cnn-4": [80.0] * 5}
    draw_intervals(ax, scores, title="gap", x="teacher", y="accuracy, %")
    line, _, (bars,) = ax.containers[0].lines
    np.testing.assert_allclose(line.get_ydata(), [72, 80])
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    half = 2.776445 * math.sqrt(2.5 / 5)  # t for 4 degrees of freedom
    np.testing.assert_allclose(ends, [[72 - half, 72 + half], [80, 80]], rtol=1e-6)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == list(scores)


# The picture of the chain builder


def test_everything_lies_inside_the_picture():
    names = ("resnet-20, 6,000 steps", "cnn-8", "cnn-6", "cnn-4", "cnn-2")
    rungs = [Rung(name, (91.0, 91.5, 92.0, 92.5, 93.0), 1.0, 2_487_850) for name in names]
    tree = ElementTree.fromstring(render_ladder(names, names, "dense", rungs))
    size, lines = (float(tree.get("width")), float(tree.get("height"))), {}
    for text in tree.iter("text"):
        drawn = TextPath((0, 0), text.text, size=float(text.get("font-size"))).get_extents()
        x, half = float(text.get("x")), drawn.width / 2
        assert half <= x <= size[0] - half and 0 < float(text.get("y")) < size[1] - 3, text.text
        lines.setdefault(text.get("y"), []).extend([x - half, x + half])
    assert all(ends == sorted(ends) for ends in lines.values())  # no name runs into another one
