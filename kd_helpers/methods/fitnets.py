"""FitNets: a hint from the middle of the teacher. Romero et al., ICLR 2015, arXiv 1412.6550.

First, for `hint_share` of the steps, the student up to its own middle learns the teacher's
features, ½‖teacher - r(student)‖² with a convolution r (eq. 3); then it is distilled as usual
(eq. 4, with the weights of `Distillation`). Chapter 03.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from kd_helpers.methods.method import Terms
from kd_helpers.methods.on_features import WithLayers


@dataclass(frozen=True, kw_only=True)
class FitNets(WithLayers):
    hint_share: float = 0.25  # of the steps, above 0 and below 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.hint_share < 1:
            raise ValueError(f"got hint_share={self.hint_share}; expected a number between 0 and 1")

    def regressor(self, student: torch.Tensor, teacher: torch.Tensor) -> nn.Module:
        """A 1×1 convolution after pooling to the teacher's height and width."""
        pool = nn.AdaptiveAvgPool2d(tuple(teacher.shape[2:]))
        return nn.Sequential(pool, nn.Conv2d(student.shape[1], teacher.shape[1], 1))

    def at(self, progress: float) -> Callable[..., Terms]:
        if progress < self.hint_share:
            return self.hint
        return partial(self.distilled, super().at(progress))

    def hint(self, student, teacher, labels, student_features, teacher_features) -> Terms:
        """The first stage: the hint alone. Behind it gradients are 0: weights only decay there."""
        terms = super().__call__(student, teacher, labels)
        hint = F.mse_loss(student_features, teacher_features) / 2
        return terms | {"loss": hint + 0 * terms["loss"], "hint": hint.detach()}

    def distilled(self, stage, student, teacher, labels, student_features, teacher_features):
        """The second stage; the distance to the hint is watched, not learnt."""
        hint = F.mse_loss(student_features.detach(), teacher_features) / 2
        return stage(student, teacher, labels) | {"hint": hint}

    def __call__(self, student_logits, teacher_logits, labels, *features) -> Terms:
        return super().__call__(student_logits, teacher_logits, labels)
