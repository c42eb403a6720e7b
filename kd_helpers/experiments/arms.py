"""A student on labels alone, on smoothed labels and with a teacher: the runs and what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from kd_helpers.data.splits import Dataset
from kd_helpers.experiments.compare import Verdict, accuracies, paired_verdict, right_answers
from kd_helpers.experiments.metrics import accuracy
from kd_helpers.experiments.store import Run

LABELS, SMOOTHED, TAUGHT = "labels alone", "smoothed labels", "distilled"
FEWEST_SEEDS = 3  # for a verdict


@dataclass(frozen=True)
class Trial:
    """A short training that helped to choose: what was tried, and accuracy on validation in %."""

    setting: str
    accuracy: float


def undecided(trials: Sequence[Trial]) -> list[str]:
    """The arms whose short trainings are all equally good, say because none learned anything yet:
    they say nothing of the settings."""
    found: dict[str, list[float]] = {}
    for trial in trials:
        found.setdefault(trial.setting.partition(",")[0], []).append(trial.accuracy)
    return [arm for arm, scores in found.items() if len(scores) > 1 and len(set(scores)) == 1]


@dataclass(frozen=True)
class Arms:
    """The runs of three arms, paired by seed, the teacher, and what they say."""

    data: Dataset
    teacher: nn.Module  # images as the student sees them to logits (B, K)
    teacher_logits: torch.Tensor  # (N, K) float32, of the test images
    runs: Mapping[str, list[Run]]  # LABELS, SMOOTHED, TAUGHT
    trials: tuple[Trial, ...] = ()
    code: str = ""  # the call that does it again

    @property
    def teacher_accuracy(self) -> float:
        """On the test images, in percent."""
        return 100 * accuracy(self.teacher_logits, self.data.test.labels.cpu())

    @property
    def accuracies(self) -> dict[str, list[float]]:
        """Of each arm on the test images, in percent, in the order of the seeds."""
        return accuracies(self.runs)

    @property
    def best(self) -> Run:
        """The distilled network to take: the best of its seeds on validation."""
        return max(self.runs[TAUGHT], key=lambda run: run.record["val"]["accuracy"])

    def verdict(self, baseline: str = LABELS) -> Verdict | None:
        """The distilled student against another arm; None for fewer than three seeds."""
        if len(self.runs[TAUGHT]) < FEWEST_SEEDS:
            return None
        right = right_answers(self.runs, self.data.test.labels)
        return paired_verdict(right[TAUGHT], right[baseline], fewest=FEWEST_SEEDS)

    def __str__(self) -> str:
        means = ", ".join(f"{arm} {np.mean(told):.2f} %" for arm, told in self.accuracies.items())
        found, smoothed = self.verdict(), self.verdict(SMOOTHED)
        if not (found and smoothed):
            seeds = len(self.runs[TAUGHT])
            return f"{seeds} seeds are too few for a verdict, {FEWEST_SEEDS} at least; {means}"
        return (
            f"Distilled against labels alone: {found}. Against smoothed labels: {smoothed.said} "
            f"({smoothed.mean:+.2f}). Test accuracy: {means}; the teacher "
            f"{self.teacher_accuracy:.2f} %."
        )
