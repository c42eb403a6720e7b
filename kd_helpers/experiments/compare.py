"""Is one method better than another? Decided from runs paired by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BETTER, WORSE, NO_CLEAR_DIFFERENCE = "BETTER", "WORSE", "NO CLEAR DIFFERENCE"
FEWEST_SEEDS = 5


@dataclass(frozen=True)
class Verdict:
    """The word, and the paired differences that it rests on (same unit as the input)."""

    word: str
    mean: float
    low: float  # ends of the 95 % interval of the mean difference
    high: float
    n: int

    def __str__(self) -> str:
        return (
            f"{self.word}: {self.mean:+.2f} points, 95 % interval {self.low:+.2f} to "
            f"{self.high:+.2f}, {self.n} paired seeds"
        )


def paired_verdict(method: Sequence[float], baseline: Sequence[float]) -> Verdict:
    """Compare two lists of scores, the i-th of each from the same seed; larger is better.

    The 95 % interval is Student's t for the mean of the differences method - baseline. BETTER or
    WORSE needs an interval that leaves out 0.

    Args:
        method, baseline: one score a seed, in points (percent), at least 5 of each.

    Raises:
        ValueError: lists of different lengths, fewer than 5 seeds, or scores that are not finite.
    """
    if len(method) != len(baseline) or len(method) < FEWEST_SEEDS:
        raise ValueError(
            f"got {len(method)} and {len(baseline)} scores; expected the same number of both, "
            f"at least {FEWEST_SEEDS}, paired by seed"
        )
    scores, others = np.asarray(method, float), np.asarray(baseline, float)
    if not (np.isfinite(scores).all() and np.isfinite(others).all()):
        raise ValueError(f"got scores that are not finite: {list(method)} and {list(baseline)}")
    differences = scores - others
    low, high = mean_interval(differences)
    word = BETTER if low > 0 else WORSE if high < 0 else NO_CLEAR_DIFFERENCE
    return Verdict(word, float(differences.mean()), low, high, len(differences))


def mean_interval(scores: Sequence[float]) -> tuple[float, float]:
    """Ends of the 95 % interval (Student's t) of the mean of one score a seed, at least 2."""
    from scipy.stats import t as student_t

    values = np.asarray(scores, float)
    if len(values) < 2:
        raise ValueError(f"got {len(values)} scores; expected 2 at least for an interval")
    half = float(student_t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)
    return float(values.mean()) - half, float(values.mean()) + half
