"""Teacher-free distillation, Tf-KD. Yuan et al., CVPR 2020, arXiv 1909.11723; chapter 03.

A virtual teacher gives the true class a fixed confidence and the others the rest, evenly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn import functional as F

from kd_helpers.methods.labels import check_shown
from kd_helpers.methods.treatment import Treatment


def virtual_teacher(labels: torch.Tensor, num_classes: int, confidence: float) -> torch.Tensor:
    """A teacher who knows only the labels: `confidence` for the true class, the rest evenly.

    Tf-KD (Yuan et al., CVPR 2020): label smoothing in the shape of a teacher, a control for how
    much of distillation is smoothing. (B,) → logits (B, K) whose softmax at T = 1 is that target.
    """
    if not 1 / num_classes < confidence < 1:
        raise ValueError(
            f"got confidence={confidence}; expected more than 1/{num_classes} and less than 1"
        )
    check_shown(labels, (len(labels), num_classes), "a virtual teacher")
    own = F.one_hot(labels, num_classes).float()
    return (own * confidence + (1 - own) * (1 - confidence) / (num_classes - 1)).log()


@dataclass(frozen=True)
class TeacherFreeKD(Treatment):
    """The method inside is taught by the virtual teacher; no real one is asked."""

    confidence: float = 0.99  # of the true class: above 1/K, below 1
    needs_teacher: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.confidence < 1:
            raise ValueError(f"got confidence={self.confidence}; expected a number between 0 and 1")

    def treated(self, student, teacher, labels):
        return student, virtual_teacher(labels, student.shape[1], self.confidence)
