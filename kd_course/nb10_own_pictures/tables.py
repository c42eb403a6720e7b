"""Tables of notebook 10: three seeds, so each says how many they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from kd_helpers.experiments.compare import (
    accuracies,
    group_accuracies,
    paired_verdict,
    verdict_cells,
)
from kd_helpers.experiments.run import Run

Runs = Mapping[str, list[Run]]


def verdicts_of(runs: Runs) -> pd.DataFrame:
    """Test accuracy of each arm, and the verdict against the first."""
    scores = accuracies(runs)
    rows = {name: {"mean, %": f"{np.mean(told):.2f}"} for name, told in scores.items()}
    baseline, *others = scores
    for name in others:
        rows[name] |= verdict_cells(paired_verdict(scores[name], scores[baseline], fewest=3))
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


def copy_table(runs: Runs, labels: torch.Tensor, near: torch.Tensor) -> pd.DataFrame:
    """Test accuracy in percent, mean over the seeds, of pictures with a copy and of the others.

    Args:
        labels, near: (N,) of the test pictures; near: whether a training picture is a copy.
    """
    groups = {f"with a copy ({near.sum()})": near, f"without ({(~near).sum()})": ~near}
    found = group_accuracies(runs, labels, groups)
    return pd.DataFrame(
        {
            name: {group: f"{np.mean(told):.2f}" for group, told in of_arm.items()}
            for name, of_arm in found.items()
        }
    )
