"""Self-checks of the exercises on evidence: the best of a search, and how many seeds are enough."""

from __future__ import annotations

import math
from collections.abc import Callable

from kd_course.exercises import report
from kd_course.progress import exercise


def best_of_nothing(settings: int, spread: float) -> float:
    """Expected largest of so many independent normal scores around 0 with this standard deviation.

    The integral of x · n φ(x) Φ(x)^(n-1), by the trapezoid rule.
    """
    import numpy as np
    from scipy.stats import norm

    x = np.linspace(-8, 8, 4001)
    y = x * settings * norm.pdf(x) * norm.cdf(x) ** (settings - 1)
    return spread * float(y.sum() * (x[1] - x[0]))  # y is 0 at both ends


def seeds_needed(spread: float, difference: float, share: float = 0.975, whole: float = 1) -> int:
    """The fewest seeds whose 95 % interval around this mean difference leaves out 0.

    spread: standard deviation of the paired differences, as it will be found. Student's t. share:
    the quantile. whole: 1 for half of the interval, which has to be shorter than the difference.
    """
    from scipy.stats import t

    seeds = range(2, 10_000)
    half = (t.ppf(share, n - 1) * spread / math.sqrt(n) for n in seeds)
    return next(n for n, length in zip(seeds, half, strict=False) if whole * length < difference)


@exercise(
    hint="draw `settings` scores around 0 many times, take the largest of each draw, then the mean",
    place="The newest losses",
    why=(
        "the best of many tries lies above 0 even where nothing works: a search shows this "
        "gain by itself"
    ),
)
def check_best_of_nothing(answer: Callable[[int, float], float]) -> str:
    """Check the expected best of n settings that all do nothing: (n, spread) → points. By
    simulation or by integration: 5 % off is right."""
    n, spread = 29, 0.4
    right = best_of_nothing(n, spread)
    mistakes = {
        "this is the mean of all settings; take the largest": 0.0,
        "this is one spread, whatever the number of settings": spread,
        "the largest does not grow with the root of n": spread * math.sqrt(n),
        "this is the spread of a mean of n, s/√n; nobody averages here": spread / math.sqrt(n),
        "the spread is missing": best_of_nothing(n, 1.0),
        "this is the distance from the worst to the best; the baseline is one run at 0": 2 * right,
    }
    return report(answer, (n, spread), right, mistakes, tolerance=0.05)


@exercise(
    hint=(
        "go up from n = 2 until `t.ppf(0.975, n - 1)` · spread / √n is smaller than the difference"
    ),
    place="The newest losses",
    why="more seeds help twice: √n grows, and Student's t comes nearer to 1.96",
)
def check_seeds_needed(answer: Callable[[float, float], int]) -> str:
    """Check the number of seeds: (spread of the paired differences, difference) → a whole
    number."""
    spread, gap = 0.55, 0.33
    right = seeds_needed(spread, gap)
    mistakes = {
        "1.96 is for many seeds; for few, Student's t with n - 1 degrees of freedom": math.floor(
            (1.96 * spread / gap) ** 2
        )
        + 1,
        "a 95 % interval leaves 2.5 % on each side: 0.975, not 0.95": seeds_needed(
            spread, gap, share=0.95
        ),
        "one seed too few: the interval still touches 0. "
        "Student's t has n - 1 degrees of freedom": right - 1,
        "one seed too many": right + 1,
        "the whole interval is shorter than the difference here; "
        "half of it is enough": seeds_needed(spread, gap, whole=2),
        "spread and difference are swapped": seeds_needed(gap, spread),
    }
    return report(answer, (spread, gap), right, mistakes)
