"""The numbers of an exhibit of notebook 08, from stored runs: curves, gradients, accuracies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kd_course.nb08_faults.exhibits import Exhibit
from kd_helpers.experiments.labs import collect
from kd_helpers.experiments.run import Run


@dataclass(frozen=True)
class Arm:
    """One arm of an exhibit over the seeds."""

    steps: tuple[int, ...]
    loss: np.ndarray  # (entries,), mean over the seeds
    ratio: (
        np.ndarray | None
    )  # soft gradient over hard gradient, of the same entries; None: no teacher
    accuracies: tuple[float, ...]  # on the test images, percent, one a seed


def arms_of(exhibit: Exhibit, seeds: Iterable[int]) -> tuple[Arm, Arm]:
    """(with the fault, without it); runs that are missing are trained."""
    runs = collect(exhibit.arms, seeds)
    return make_arm(runs[exhibit.fault]), make_arm(runs[exhibit.baseline])


def make_arm(runs: list[Run]) -> Arm:
    histories = [run.record["history"] for run in runs]
    pulls = [[h.get(f"{who} pull") for h in histories] for who in ("soft", "hard")]
    ratio = None
    if pulls[0][0] is not None:
        soft, hard = (np.mean(pull, axis=0) for pull in pulls)
        ratio = soft / np.maximum(hard, 1e-5)  # a record holds five decimals
    return Arm(
        steps=tuple(histories[0]["step"]),
        loss=np.mean([h["loss"] for h in histories], axis=0),
        ratio=ratio,
        accuracies=tuple(run.accuracy for run in runs),
    )
