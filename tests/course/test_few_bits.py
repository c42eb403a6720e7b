"""Chapter 11: scheme A, what rounding afterwards costs, the int8 file, and the explorer's ends."""

import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from kd_course.nb11_low_precision import experiments as low
from kd_course.nb11_low_precision.afterwards import (
    all_afterwards,
    cost,
    key_of,
    rounded_afterwards,
    stored_file,
)
from kd_course.nb11_low_precision.explorer import (
    AFTER,
    WHILE,
    build_width_explorer,
    output_weights,
    points_of,
)
from kd_course.nb11_low_precision.files import FLOAT, file_table, write_files
from kd_helpers import load_dataset
from kd_helpers.experiments.compare import paired_verdict
from kd_helpers.experiments.room import dataset_of
from kd_helpers.experiments.run import load_run, new_student, training_arguments
from kd_helpers.training.loop import train
from small_exports import few_images, without_timing  # noqa: F401

SAME = 0.98  # of the test images get one answer from the int8 file and from the notebook's network


@pytest.fixture(scope="module")
def first():
    """The runs of seed 0 by (width, lesson)."""
    runs = {(FLOAT, arm): load_run(recipe) for arm, recipe in low.float_arms(0).items()}
    return runs | {key: load_run(recipe) for key, recipe in low.low_arms(0).items()}


def test_the_teacher_beside_becomes_the_float_twin():
    """Trained beside a ternary student for some steps, it is the network trained alone."""
    schedule = replace(low.WHOLE, steps=6)
    beside = replace(low.together_arms(7)[low.BESIDE], schedule=schedule)
    alone = low.student(7, schedule=schedule)
    networks = {}
    for name, recipe in (("beside", beside), ("alone", alone)):
        data = dataset_of(recipe)
        how, student = training_arguments(recipe, data), new_student(recipe, data)
        train(student, **how)
        networks[name] = how["teacher"].model if name == "beside" else student
    for one, other in zip(*(n.parameters() for n in networks.values()), strict=True):
        torch.testing.assert_close(one, other)


def test_rounding_afterwards_and_its_cost(first):
    data, run = few_images(1000), first[FLOAT, low.TAUGHT]
    whole = (run.answers()[:1000] == data.test.labels).numpy()
    eight, ternary = (rounded_afterwards(run, width, data) for width in ("int8", "ternary"))
    assert (eight == whole).mean() > 0.98 and ternary.mean() < whole.mean()
    stored = all_afterwards({low.TAUGHT: [run]}, load_dataset("fashion-mnist"))
    for width, right in (("int8", eight), ("ternary", ternary)):
        assert key_of(run, width) in np.load(stored_file())
        assert (stored[width, low.TAUGHT][0, :1000] == right).all()
    lost = cost(ternary, whole)
    assert lost.mean() == pytest.approx(ternary.mean() - whole.mean()) and set(lost) <= {-1, 0, 1}
    told = paired_verdict(np.stack([lost] * 5), np.stack([cost(eight, whole)] * 5))
    assert told.mean == pytest.approx(100 * (ternary.mean() - eight.mean()))


@pytest.mark.filterwarnings("ignore")
def test_the_files_answer_as_the_networks_of_the_notebook(first, monkeypatch, tmp_path):
    monkeypatch.setenv("KD_OUT", str(tmp_path))
    data = few_images(1000)
    runs = {width: first[width, low.TAUGHT] for width in (FLOAT, *low.WIDTHS)}
    files = write_files(runs, data)
    table = file_table(files, runs, data)
    same = table["as the network, %"].astype(float)
    assert same[FLOAT] == 100 and (same >= 100 * SAME).all(), table
    packed = table["gzipped, kB"].astype(float)
    assert list(packed) == sorted(packed, reverse=True) and packed["ternary"] < packed[FLOAT] / 5
    assert files["int4"].about["network"] == "cnn-2" and files["int4"].about["precision"] == "int8"


def test_the_explorer_at_both_ends(first):
    weights = output_weights(first, 6)
    arms, widths = (low.LABELS, low.TAUGHT), (FLOAT, *low.WIDTHS)
    whole = {arm: [80.0 + i] for i, arm in enumerate(arms)}
    few = {key: [70.0 + i] for i, key in enumerate(product(low.WIDTHS, arms))}
    after = {key: [value[0] - 10] for key, value in few.items()}
    points = points_of(whole, few, after, {w: 40.0 - 10 * i for i, w in enumerate(widths)})
    assert points[low.TAUGHT, AFTER, FLOAT] == (40.0, 81.0)
    assert points[low.LABELS, WHILE, "ternary"] == (10.0, 74.0)
    explorer = build_width_explorer(points, weights, "Shirt")
    start = explorer.state
    for width, lesson, when in product(widths, arms, (WHILE, AFTER)):
        explorer.set(width=width, lesson=lesson, when=when)
        size, accuracy = points[lesson, when, width]
        assert f"{size:.1f} kB, {accuracy:.2f} %" in explorer.view.value
        assert not re.search(r"\bnan\b|Error", explorer.view.value)
        levels = int(re.search(r"have (\d+) different", explorer.view.value)[1])
        most = {FLOAT: 784, "int8": 255, "int4": 15, "ternary": 3}[width]
        assert 1 < levels <= most
    explorer.reset()
    assert explorer.state == start
