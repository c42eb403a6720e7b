"""The numbers of the exhibits of notebook 08, from stored runs: curves, gradients, accuracies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kd_course.nb08_faults.exhibits import Exhibit, outcome
from kd_helpers.experiments.compare import collect
from kd_helpers.experiments.run import Run


@dataclass(frozen=True)
class Arm:
    """One arm of an exhibit over the seeds."""

    steps: tuple[int, ...]
    loss: np.ndarray  # (entries,), mean over the seeds
    ratio: np.ndarray | None  # soft over hard gradient, of the same entries; None: no teacher
    accuracies: tuple[float, ...]  # on the test images, percent, one a seed

    @property
    def middle_ratio(self) -> float | None:
        """The ratio in the middle of the training."""
        return None if self.ratio is None else self.ratio[len(self.ratio) // 2]


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


def exhibit_table(found: Mapping[Exhibit, tuple[Arm, Arm]]) -> pd.DataFrame:
    """What shows a fault, with it / without it: the loss at the end, the ratio of the gradients in
    the middle of the training, the assertion."""
    rows = {}
    for exhibit, arms in found.items():
        ratios = [arm.middle_ratio for arm in arms]
        said = [outcome(exhibit, is_on=on).split(":")[0] for on in (True, False)]
        cells = {
            "loss": [f"{arm.loss[-1]:.2f}" for arm in arms],
            "gradient ratio": [f"{ratio:.3g}" for ratio in ratios if ratio is not None],
            "assertion": said,
        }
        rows[exhibit.title] = {name: " / ".join(pair) for name, pair in cells.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("with / without the fault")
