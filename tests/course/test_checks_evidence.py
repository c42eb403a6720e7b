"""The self-checks on evidence: the best of a search, and how many seeds are enough."""

import math

import numpy as np
import pytest
from scipy import stats

from kd_course.nb07_papers.checks import (
    best_of_nothing,
    check_best_of_nothing,
    check_seeds_needed,
    seeds_needed,
)


@pytest.mark.parametrize(
    ("settings", "expected"), ((1, 0.0), (2, 0.56419), (5, 1.16296), (10, 1.53875))
)
def test_the_largest_of_normal_scores_is_that_of_the_tables(settings, expected):
    assert best_of_nothing(settings, 2.0) == pytest.approx(2 * expected, abs=1e-4)


@pytest.mark.parametrize(("spread", "difference"), ((0.4, 0.33), (0.2, 0.5), (1.0, 0.25)))
def test_so_many_seeds_leave_out_zero_and_one_less_does_not(spread, difference):
    n = seeds_needed(spread, difference)

    def low(count):  # the end of the interval for scores with exactly this mean and spread
        scores = np.linspace(-1, 1, count)
        scores = difference + spread * scores / scores.std(ddof=1)
        return stats.t.interval(0.95, count - 1, scores.mean(), stats.sem(scores))[0]

    assert low(n) > 0 and (n == 2 or low(n - 1) <= 0)


def simulated(settings, spread):
    return np.random.default_rng(1).normal(0, spread, (5_000, settings)).max(axis=1).mean()


def with_factor(factor):
    return lambda s, d: next(n for n in range(2, 999) if factor(n) * s / math.sqrt(n) < d)


ANSWERS = (
    (check_best_of_nothing, simulated, "[ok] right"),
    (check_best_of_nothing, best_of_nothing, "[ok] right"),
    (check_best_of_nothing, lambda n, s: 0, "take the largest"),
    (check_best_of_nothing, lambda n, s: s, "one spread"),
    (check_best_of_nothing, lambda n, s: s * n**0.5, "root of n"),
    (check_best_of_nothing, lambda n, s: s / n**0.5, "mean of n"),
    (check_best_of_nothing, lambda n, s: simulated(n, 1.0), "spread is missing"),
    (check_best_of_nothing, lambda n, s: 2 * simulated(n, s), "worst to the best"),
    (check_best_of_nothing, lambda n, s: 7, "not one of the known"),
    (check_best_of_nothing, lambda n, s: ..., "[todo]"),
    (check_best_of_nothing, lambda n, s: [1, 2], "expected shape ()"),
    (check_seeds_needed, seeds_needed, "[ok] right"),
    (check_seeds_needed, with_factor(lambda n: stats.t.ppf(0.975, n - 1)), "[ok] right"),
    (check_seeds_needed, with_factor(lambda n: 1.96), "1.96 is for many"),
    (check_seeds_needed, with_factor(lambda n: stats.t.ppf(0.975, n)), "n - 1 degrees"),
    (check_seeds_needed, with_factor(lambda n: stats.t.ppf(0.95, n - 1)), "0.975, not 0.95"),
    (check_seeds_needed, lambda s, d: seeds_needed(s, d) - 1, "too few"),
    (check_seeds_needed, lambda s, d: seeds_needed(s, d) + 1, "too many"),
    (check_seeds_needed, with_factor(lambda n: 2 * stats.t.ppf(0.975, n - 1)), "half of it"),
    (check_seeds_needed, lambda s, d: seeds_needed(d, s), "swapped"),
    (check_seeds_needed, lambda s, d: 1000, "not one of the known"),
    (check_seeds_needed, lambda s, d: None, "[todo]"),
    (check_seeds_needed, lambda s, d: 1 / 0, "[error]"),
)


@pytest.mark.parametrize(("check", "answer", "words"), ANSWERS)
def test_an_answer_is_told_what_it_is(check, answer, words):
    assert words in check(answer)
