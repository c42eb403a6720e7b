"""Knowledge distillation. Hinton, Vinyals, Dean 2015, arXiv 1503.02531; chapter 02.

(1 - α) · CE + α · T² · KL(teacher(T) ‖ student(T)); α is `kd_weight`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from kd_helpers.methods.method import Distillation
from kd_helpers.methods.terms import check_logits
from kd_helpers.runtime.plain import check_temperature


def kd_loss(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, *, temperature: float
) -> torch.Tensor:
    """Distillation loss T² · KL(teacher(T) ‖ student(T)), mean over the batch (Hinton et al. 2015).

    T² keeps the size of its gradient, which falls as 1/T², beside that of the hard loss.
    "batchmean" because the default "mean" also divides by the number of classes.

    Args:
        student_logits: (B, K), before softmax. teacher_logits: (B, K), takes no gradient.
        temperature: T > 0.

    Returns:
        A scalar ≥ 0; 0 when both distributions agree.

    Raises:
        ValueError: T ≤ 0, shapes that differ, or (on the CPU, as NotFinite) logits that are not
            finite.
    """
    check_temperature(temperature)
    check_logits(student_logits, teacher_logits)
    student = F.log_softmax(student_logits.float() / temperature, dim=-1)
    teacher = F.log_softmax(teacher_logits.detach().float() / temperature, dim=-1)
    return F.kl_div(student, teacher, reduction="batchmean", log_target=True) * temperature**2


def kd_rows(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, temperature: float | torch.Tensor
) -> torch.Tensor:
    """KL(teacher(T) ‖ student(T)) of each image, (B,), not yet times T².

    Args:
        temperature: T > 0 for all images, or (B, 1) with one for each.
    """
    check_logits(student_logits, teacher_logits)
    student = F.log_softmax(student_logits.float() / temperature, dim=-1)
    teacher = F.log_softmax(teacher_logits.detach().float() / temperature, dim=-1)
    return F.kl_div(student, teacher, reduction="none", log_target=True).sum(dim=-1)


@dataclass(frozen=True, kw_only=True)
class HintonKD(Distillation):
    """Soft targets as they are: all classes, one temperature, every image alike."""

    def compare(self, student, teacher, labels, temperature):
        return kd_rows(student, teacher, temperature)

    def soft(self, student, teacher, labels):
        return kd_loss(student, teacher, temperature=self.temperature)
