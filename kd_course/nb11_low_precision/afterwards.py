"""Quantisation after training: a finished float32 network is rounded, and not trained again.

What the rounded networks of the stored runs answer is stored too; `python -m` this module does it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kd_course.nb02_hinton.experiments import SEEDS
from kd_course.nb11_low_precision.experiments import WIDTHS, float_arms
from kd_helpers.data.augment import to_float
from kd_helpers.data.datasets import Dataset, load_dataset
from kd_helpers.experiments.compare import collect
from kd_helpers.experiments.store import Run
from kd_helpers.models.low_precision import WEIGHTS, calibrate, lowered
from kd_helpers.runtime.files import write_atomically
from kd_helpers.runtime.folders import data_dir
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
    """(width, arm) → right answers (S, N) bool of the rounded networks, in the order of seeds.

    Read where they are stored for these very weights, else asked for.
    """
    path = stored_file()
    known: dict[str, np.ndarray] = dict(np.load(path)) if path.is_file() else {}

    def right(run: Run, width: str) -> np.ndarray:
        bits = known.get(key_of(run, width))
        if bits is None:
            return rounded_afterwards(run, width, data)
        return np.unpackbits(bits, count=len(data.test.labels)).astype(bool)

    return {
        (width, arm): np.stack([right(run, width) for run in of_arm])
        for width in WIDTHS
        for arm, of_arm in runs.items()
    }


def stored_file() -> Path:
    return data_dir() / "runs" / "nb11_low_precision" / "rounded_afterwards.npz"


def key_of(run: Run, width: str) -> str:
    """Names the network by its weights, so that other ones are asked anew."""
    return f"{width}-{run.record['sha256'][:12]}"


def store_all() -> None:
    """Ask the rounded networks of all stored runs; store what they have right, a bit an image."""
    data, runs = load_dataset("fashion-mnist"), collect(float_arms, SEEDS)
    found: dict[str, Any] = {
        key_of(run, width): np.packbits(rounded_afterwards(run, width, data))
        for of_arm in runs.values()
        for run in of_arm
        for width in WIDTHS
    }
    content = io.BytesIO()
    np.savez_compressed(content, **found)
    write_atomically(stored_file(), content.getvalue())


def cost(low: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """What rounding costs: right answers (S, N) of the low network minus those of the float32 one,
    -1, 0 or 1 for each image. A score like any other: `paired_verdict` compares two costs."""
    return low.astype(int) - whole


if __name__ == "__main__":
    store_all()
