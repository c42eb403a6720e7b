"""Quantisation after training: a finished float32 network is rounded, and not trained again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kd_course.nb11_low_precision.experiments import WIDTHS
from kd_helpers.data.augment import to_float
from kd_helpers.data.datasets import Dataset
from kd_helpers.experiments.store import Run
from kd_helpers.models.low_precision import WEIGHTS, calibrate, lowered
from kd_helpers.training.loop import predict

IMAGES = 512  # training images that show the ranges of activations, as in an export


def rounded_afterwards(run: Run, width: str, data: Dataset) -> np.ndarray:
    """Which test images the network of a float32 run has right once it is rounded, (N,) bool.

    Args:
        width: of WIDTHS.
    """
    low = lowered(run.model(), WEIGHTS[f"-{width}"])
    calibrate(low, to_float(data.train.images[:IMAGES].cpu()))
    answers = predict(low, data.test.images.cpu()).argmax(dim=1)
    return (answers == data.test.labels.cpu()).numpy()


def all_afterwards(
    runs: Mapping[str, list[Run]], data: Dataset
) -> dict[tuple[str, str], np.ndarray]:
    """(width, arm) → right answers (S, N) bool of the rounded networks, in the order of seeds."""
    return {
        (width, arm): np.stack([rounded_afterwards(run, width, data) for run in of_arm])
        for width in WIDTHS
        for arm, of_arm in runs.items()
    }


def cost(low: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """What rounding costs: right answers (S, N) of the low network minus those of the float32 one,
    -1, 0 or 1 for each image. A score like any other: `paired_verdict` compares two costs."""
    return low.astype(int) - whole
