"""Densely guided knowledge distillation, DGKD. Son, Na, Choi, Hwang, ICCV 2021, arXiv 2009.08825.

With n assistants and their teacher as sources: (n + 1)(1 - λ)·CE + λ·Σ T²·KL(source ‖ student); λ
is our `kd_weight`. Stochastic: each source is left out of a mini-batch with probability
1 - survival.
Chapter 06.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from kd_helpers.methods.hinton import kd_loss
from kd_helpers.methods.method import Distillation, Terms
from kd_helpers.runtime.plain import check_share, check_whole


@dataclass(frozen=True, kw_only=True)
class DenselyGuidedKD(Distillation):
    """One soft term for each source; the teacher is a `Dense` team, its logits (B, M·K).

    The public code takes `strength` 1/K, since it averages the divergence over the classes too.
    """

    survival: float = 1.0  # probability that a source teaches a mini-batch
    removed: int = 0  # or: exactly so many, drawn anew, are left out of each (the public code)
    mean: bool = False  # of the whole loss: divided by the number of sources; else the paper's sum
    labels_once: bool = (
        False  # label term 1 - λ, the public code's; else the paper's (n + 1)(1 - λ)
    )
    sources_apart: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share("survival", self.survival)
        check_whole("removed", self.removed, 0)
        if self.removed and self.survival < 1:
            raise ValueError("got survival and removed; choose one of them")

    def draw_sources(self, count: int) -> torch.Tensor:
        """Which of `count` sources teach this mini-batch, (count,) bool; from PyTorch's random
        numbers, which the loop seeds anew for each step: a resumed training draws the same."""
        if self.removed >= count:
            raise ValueError(f"got removed={self.removed} of {count} sources; expected fewer")
        if self.removed:
            return torch.randperm(count) >= self.removed
        if self.survival == 1:
            return torch.ones(count, dtype=torch.bool)
        return torch.rand(count) < self.survival

    def terms(self, student, teacher, labels, strength) -> Terms:
        """kd is the sum over the sources that teach. Where all were left out the mini-batch teaches
        its labels only, at the usual weight."""
        parts = self.parts(student, teacher)
        teach = self.draw_sources(len(parts))
        ce = self.label_term(student, labels)
        kd = torch.zeros_like(ce)
        for part, is_on in zip(parts, teach.tolist(), strict=True):
            if is_on:
                kd = kd + kd_loss(student, part, temperature=self.temperature)
        times = 1 if self.labels_once else len(parts)
        kd = strength * kd
        loss = times * (1 - self.kd_weight) * ce + self.kd_weight * kd
        if self.mean:
            loss = loss / len(parts)
        return {"loss": loss, "ce": ce.detach(), "kd": kd.detach()}

    def parts(self, student: torch.Tensor, told: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The sources' logits, (B, K) each."""
        classes = student.shape[1]
        if told.shape[1] % classes or not told.shape[1]:
            raise ValueError(
                f"got {told.shape[1]} outputs of all sources; expected a multiple of {classes}, "
                "the student's classes: all must know the same"
            )
        return told.split(classes, dim=1)
