"""The numbers of notebook 02's laboratory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kd_course.nb02_hinton.experiments import KD_WEIGHTS, TEMPERATURES
from kd_helpers.experiments.run import Run


def gain_matrix(
    grid: Mapping[tuple[float, float], Sequence[float]], baseline: Sequence[float]
) -> np.ndarray:
    """Mean gain over the baseline in points, row: kd_weight, column: temperature.

    Args:
        grid: (temperature, kd_weight) → accuracies in percent, one a seed, as in the baseline.
    """
    mean = {key: np.mean(np.subtract(values, baseline)) for key, values in grid.items()}
    return np.array([[mean[t, w] for t in TEMPERATURES] for w in KD_WEIGHTS])


def recalls(runs: Sequence[Run]) -> np.ndarray:
    """Recall of each class on the test images in percent: (seeds, K)."""
    return 100 * np.array([run.record["test"]["per_class"]["recall"] for run in runs])
