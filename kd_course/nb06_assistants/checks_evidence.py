"""Self-checks of the exercises on evidence: the best of a search, and how many seeds are enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from kd_course.exercises import NOT_YET


def best_of_nothing(settings: int, spread: float) -> float:
    """Expected largest of so many independent normal scores around 0 with this standard deviation.

    The integral of x · n φ(x) Φ(x)^(n-1), by the trapezoid rule.
    """
    from scipy.integrate import trapezoid
    from scipy.stats import norm

    x = [-8 + 16 * i / 4000 for i in range(4001)]
    y = [v * settings * norm.pdf(v) * norm.cdf(v) ** (settings - 1) for v in x]
    return spread * float(trapezoid(y, x))


def seeds_needed(spread: float, difference: float) -> int:
    """The fewest seeds whose 95 % interval around this mean difference leaves out 0.

    spread: standard deviation of the paired differences, as it will be found. Student's t.
    """
    from scipy.stats import t as student_t

    n = 2
    while student_t.ppf(0.975, n - 1) * spread / math.sqrt(n) >= difference:
        n += 1
    return n


def check_best_of_nothing(answer: Callable[[int, float], float]) -> str:
    """Check the expected best of n settings that all do nothing: (n, spread) → points. By
    simulation or by integration: 5 % off is right."""
    case = (29, 0.4)
    mistakes = {
        "this is the mean of all settings; take the largest": lambda n, s: 0.0,
        "this is one spread, whatever the number of settings": lambda n, s: s,
        "the largest does not grow with the root of n": lambda n, s: s * math.sqrt(n),
        "this is the spread of a mean of n, s/√n; nobody averages here": lambda n, s: (
            s / math.sqrt(n)
        ),
        "the spread is missing": lambda n, s: best_of_nothing(n, 1.0),
        "this is the distance from the worst to the best; the baseline is one run at 0": lambda n, s: (
            2 * best_of_nothing(n, s)
        ),
    }
    return compare(answer, case, best_of_nothing(*case), mistakes, tolerance=0.05)


def check_seeds_needed(answer: Callable[[float, float], int]) -> str:
    """Check the number of seeds: (spread of the paired differences, difference) → a whole
    number."""
    from scipy.stats import t as student_t

    case = (0.55, 0.33)

    def with_factor(factor: Callable[[int], float], s: float, d: float) -> int:
        return next(n for n in range(2, 10_000) if factor(n) * s / math.sqrt(n) < d)

    mistakes = {
        "1.96 is for many seeds; for few, Student's t with n - 1 degrees of freedom": lambda s, d: (
            with_factor(lambda _: 1.96, s, d)
        ),
        "a 95 % interval leaves 2.5 % on each side: 0.975, not 0.95": lambda s, d: with_factor(
            lambda n: student_t.ppf(0.95, n - 1), s, d
        ),
        "one seed too few: the interval still touches 0. Student's t has n - 1 degrees of freedom": lambda s, d: (
            seeds_needed(s, d) - 1
        ),
        "one seed too many": lambda s, d: seeds_needed(s, d) + 1,
        "the whole interval is shorter than the difference here; half of it is enough": lambda s, d: (
            with_factor(lambda n: 2 * student_t.ppf(0.975, n - 1), s, d)
        ),
        "spread and difference are swapped": lambda s, d: seeds_needed(d, s),
    }
    return compare(answer, case, seeds_needed(*case), mistakes, tolerance=0.0)


def compare(
    answer: Callable,
    case: tuple,
    expected: float,
    mistakes: Mapping[str, Callable],
    tolerance: float,
) -> str:
    """Like `checks.report`, for one number that may be off by a share of the expected one."""
    try:
        value = answer(*case)
        if value is None or value is ...:
            return f"[todo] {NOT_YET}"
        value = float(value)
    except Exception as problem:
        return f"[error] your function stopped with {type(problem).__name__}: {problem}"
    near = lambda goal: abs(value - goal) <= max(tolerance * abs(goal), 1e-6)  # noqa: E731
    if near(expected):
        return "[ok] right"
    for words, mistake in mistakes.items():
        if near(mistake(*case)):
            return f"[wrong] {words}"
    return f"[wrong] expected {expected:.3g}, got {value:.3g}: not one of the known mistakes"
