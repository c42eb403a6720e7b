"""Verdicts against SciPy's paired t-test, and the lists that cannot be compared."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_rel

from kd_helpers.experiments.compare import (
    BETTER,
    NO_CLEAR_DIFFERENCE,
    WORSE,
    mean_interval,
    paired_verdict,
)

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
