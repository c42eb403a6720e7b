"""Verdicts against SciPy's paired t-test, what test images add, tables of many comparisons, and
the lists that cannot be compared."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import ttest_1samp, ttest_rel

from kd_helpers.experiments.compare import (
    BETTER,
    NO_CLEAR_DIFFERENCE,
    WORSE,
    gain_table,
    paired_verdict,
    right_answers,
    verdict_table,
    verdict_tables,
)
from kd_helpers.experiments.intervals import mean_interval

BASELINE = [80.0, 81.0, 79.5, 80.5, 80.2]


def test_interval_word_and_sentence_against_scipy():
    for count, shift in product((5, 12), (-2.0, -0.4, 0.0, 0.4, 2.0)):
        random = np.random.default_rng([count, int(10 * shift) + 50])
        baseline = 80 + random.normal(size=count)
        method = baseline + shift + 0.5 * random.normal(size=count)
        found, test = paired_verdict(method, baseline), ttest_rel(method, baseline)
        low, high = test.confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((low, high))
        assert found.mean == pytest.approx(np.mean(method) - np.mean(baseline))
        assert found.p == pytest.approx(test.pvalue)
        word = BETTER if test.statistic > 0 else WORSE
        assert found.word == (word if test.pvalue <= 0.05 else NO_CLEAR_DIFFERENCE)
        assert str(found) == (
            f"{found.word}: {found.mean:+.2f} points, 95 % interval {low:+.2f} to {high:+.2f}, "
            f"{count} paired seeds"
        )


def test_the_three_words():
    assert (BETTER, WORSE, NO_CLEAR_DIFFERENCE) == ("BETTER", "WORSE", "NO CLEAR DIFFERENCE")
    found = paired_verdict(BASELINE, list(BASELINE))
    assert (found.word, found.mean, found.low, found.high) == (NO_CLEAR_DIFFERENCE, 0, 0, 0)


def test_lists_that_cannot_be_compared_are_refused():
    for method, baseline in ((BASELINE, BASELINE[:4]), (BASELINE[:4],) * 2, ([], [])):
        told = f"got {len(method)} and {len(baseline)} scores; expected"
        with pytest.raises(ValueError, match=told):
            paired_verdict(method, baseline)
    for worse in ([*BASELINE[:4], float("nan")], [*BASELINE[:4], float("inf")]):
        for pair in ((worse, BASELINE), (BASELINE, worse), (worse, worse)):
            with pytest.raises(ValueError, match="not finite"):
                paired_verdict(*pair)


def test_the_interval_of_a_mean_against_scipy():
    interval = ttest_1samp(BASELINE, 0).confidence_interval(0.95)
    assert mean_interval(BASELINE) == pytest.approx((interval.low, interval.high))
    assert mean_interval([3.0, 3.0]) == (3.0, 3.0)
    with pytest.raises(ValueError, match="got 1 scores"):
        mean_interval([3.0])


def right(gained: int, lost: int) -> np.ndarray:
    """Right answers (5, 1000): all seeds gain and lose the same images, one seed one image more."""
    told = np.repeat([False, True], 500)[None].repeat(5, axis=0)
    told[:, :gained], told[:, 500 : 500 + lost] = True, False
    told[0, 999 if lost else 499] ^= True
    return told


ARMS = {"none": right(0, 0), "few": right(42, 30), "many": right(90, 10)}


def test_the_sentence_says_where_other_test_images_might_undo_a_verdict():
    few, many = (paired_verdict(ARMS[name], ARMS["none"]) for name in ("few", "many"))
    assert few.word == many.word == BETTER and few.only_over_seeds and not many.only_over_seeds
    scores = [100 * ARMS[name].mean(axis=1) for name in ("many", "none")]
    assert str(many) == str(paired_verdict(*scores)) and paired_verdict(*scores).with_images is None
    ends = "{:+.2f} to {:+.2f}".format(*few.with_images)
    assert str(few) == (
        "BETTER over seeds, but not over seeds and test images: +1.16 points, 95 % interval "
        f"{few.low:+.2f} to {few.high:+.2f} (over both {ends}), 5 paired seeds"
    )
    turned = paired_verdict(ARMS["none"], ARMS["few"])
    assert turned.word == WORSE and turned.only_over_seeds
    with pytest.raises(ValueError, match="the same seeds and test images"):
        paired_verdict(ARMS["few"], ARMS["none"][:, :900])


def test_right_answers_are_those_to_the_labels_that_the_runs_were_counted_with():
    labels, answers = torch.tensor([0, 1, 2, 1]), torch.tensor([0, 1, 1, 1])
    recipe = SimpleNamespace(hash="abc", dataset="dots")
    run = SimpleNamespace(answers=lambda: answers, accuracy=75.0, recipe=recipe)
    assert right_answers({"arm": [run]}, labels)["arm"].tolist() == [[True, True, False, True]]
    with pytest.raises(ValueError, match=r"abc has 25.00 % right; expected its 75.00 %.*of dots"):
        right_answers({"arm": [run]}, labels.flip(0))


def test_tables_say_how_many_comparisons_there_are_and_correct_for_them():
    baseline = np.array(BASELINE)
    barely = baseline + np.array([0.1, 0.8, 0.4, 0.7, 0.2])
    scores = {"baseline": BASELINE, "barely": barely, "clearly": baseline + 2 + barely / 100}
    table = verdict_table(scores, "baseline", corrected=True)
    p = [ttest_rel(scores[name], BASELINE).pvalue for name in ("barely", "clearly")]
    assert list(table["p, Holm for 2"]) == ["", f"{p[0]:.3f}", "< 0.001"] and p[1] < p[0] < 0.05
    both = verdict_tables({"a": scores, "b": scores}, "baseline", corrected=True)
    assert both["p, Holm for 4"][("b", "barely")] == f"{2 * p[0]:.3f}"
    assert "Holm" not in " ".join(
        [*verdict_table(scores, "baseline"), *verdict_tables({"a": scores}, "baseline")]
    )
    rows = {name: {"a": values, "b": values} for name, values in scores.items()}
    for corrected, star in ((False, " *"), (True, "")):
        gains, words = gain_table(rows, "baseline", corrected=corrected)
        assert words == [[f"{gains[0, 0]:+.2f}{star}"] * 2, [f"{gains[1, 0]:+.2f} *"] * 2]
    cells = verdict_table(ARMS, "none")["over images too"]
    assert (
        cells["none"] == "" and cells["few"].endswith(", holds 0") and "holds" not in cells["many"]
    )
