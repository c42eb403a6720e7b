"""The numbers in the folded answers of notebooks 01 and 03, anew from the stored logits."""

import re

import numpy as np
import pytest
from scipy.special import softmax

from kd_course.nb02_hinton.experiments import TEACHER
from kd_helpers import load_dataset, load_or_train
from kd_helpers.training.loop import predict
from notebook_io import NOTEBOOKS

SHIRT, DRESS, BAG = 6, 3, 8


def folded(name: str) -> str:
    source = (NOTEBOOKS / "src" / f"{name}.py").read_text(encoding="utf-8")
    return re.search(r"An answer</summary>\n#\n# (.+?)\n", source)[1]


def test_01_says_what_the_first_and_the_last_image_show():
    told = folded("01_soft_and_hard_targets")
    logits = load_or_train(TEACHER, quiet=True).logits("test").double().numpy()
    labels = load_dataset("fashion-mnist").test.labels
    top_two = np.sort(softmax(logits, axis=1), axis=1)[:, -2:]
    order = np.diff(top_two, axis=1)[:, 0].argsort(kind="stable")
    first, last = logits[order[0]], logits[order[-1]]
    assert (labels[order[0]], labels[order[-1]]) == (SHIRT, BAG)
    dress = [100 * softmax(first / T)[DRESS] for T in (4, 1)]
    assert f"{dress[0]:.0f} % of a dress; of these, {dress[1]:.0f} % are left" in told
    second = {T: np.sort(softmax(last / T))[-2] for T in (3, 4, 20)}
    assert "only between T = 3 and T = 4" in told and second[3] < 0.01 < second[4]
    assert "even at T = 20 it stays below a tenth" in told and second[20] < 0.1


def test_03_says_how_sure_right_and_wrong_answers_are():
    told, val = folded("03_confident_logits"), load_dataset("fashion-mnist").val
    logits = predict(load_or_train(TEACHER, quiet=True).model(), val.images).double().numpy()
    right = logits.argmax(axis=1) == val.labels.numpy()

    def median(some: np.ndarray, T: float) -> float:
        return np.median(softmax(logits[some] / T, axis=1).max(axis=1))

    half, T = map(float, re.search(r"above ([\d.]+)\..+ at T = ([\d.]+)\.", told).groups())
    assert median(right, 4.0) == pytest.approx(half, abs=0.005)
    assert median(~right, T) == pytest.approx(half, abs=0.01)
