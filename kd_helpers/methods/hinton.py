"""Loss functions: pure, student first, named terms."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from kd_helpers.data.splits import UNLABELLED
from kd_helpers.runtime.validate import check_share, check_temperature


class NotFinite(ValueError, FloatingPointError):
    """Logits that are not numbers: a bad input, and what a training that diverges ends with."""


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


def hard_loss(
    student_logits: torch.Tensor, labels: torch.Tensor, *, label_smoothing: float = 0.0
) -> torch.Tensor:
    """Cross-entropy with the labels (B,), mean over the labelled images; 0 if there are none.

    Images with the label UNLABELLED are left out. label_smoothing: ε in 0..1.
    """
    check_share("label_smoothing", label_smoothing)
    total = F.cross_entropy(
        student_logits.float(),
        labels,
        reduction="sum",
        ignore_index=UNLABELLED,
        label_smoothing=label_smoothing,
    )
    return total / (labels != UNLABELLED).sum().clamp(min=1)


def distillation_terms(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor | None,
    labels: torch.Tensor,
    *,
    temperature: float = 4.0,
    kd_weight: float = 0.0,
    label_smoothing: float = 0.0,
    soft_loss: Callable[..., torch.Tensor] | None = None,
) -> dict[str, torch.Tensor]:
    """The loss of a training step, (1 - kd_weight) · ce + kd_weight · kd, and its two terms.

    Args:
        student_logits: (B, K). teacher_logits: (B, K), or None when kd_weight is 0.
        labels: (B,) int64, UNLABELLED (-100) where hidden.
        temperature: T > 0, for the soft term only. kd_weight: from 0 (labels) to 1 (teacher).
        label_smoothing: ε in 0..1, for the hard term only.
        soft_loss: another soft term than `kd_loss`, such as a `lessons.Lesson`:
            (student_logits, teacher_logits, labels, temperature=T) → scalar.

    Returns:
        {"loss", "ce", "kd"}: scalars. Only "loss" is to be minimised; the others are for plots.
    """
    check_share("kd_weight", kd_weight)
    ce = hard_loss(student_logits, labels, label_smoothing=label_smoothing)
    if teacher_logits is None:
        if kd_weight:
            raise ValueError(f"got kd_weight={kd_weight} and no teacher; give a teacher or use 0")
        return {"loss": ce, "ce": ce.detach(), "kd": torch.zeros_like(ce.detach())}
    if soft_loss:
        kd = soft_loss(student_logits, teacher_logits, labels, temperature=temperature)
    else:
        kd = kd_loss(student_logits, teacher_logits, temperature=temperature)
    return {"loss": (1 - kd_weight) * ce + kd_weight * kd, "ce": ce.detach(), "kd": kd.detach()}


def check_logits(student_logits: torch.Tensor, teacher_logits: torch.Tensor) -> None:
    """Raise ValueError unless both are (B, K) with the same B and K, and finite."""
    if student_logits.dim() != 2 or student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"got student logits of shape {tuple(student_logits.shape)} and teacher logits of shape "
            f"{tuple(teacher_logits.shape)}; expected one shape (batch, classes) for both: student "
            "and teacher must know the same classes"
        )
    for role, logits in (("student", student_logits), ("teacher", teacher_logits)):
        # On a GPU this question would stall every step; there the loop looks at the loss instead.
        if logits.device.type == "cpu" and not torch.isfinite(logits).all():
            raise NotFinite(
                f"got {role} logits that are not finite; expected numbers. Lower the learning rate, "
                "or look for a division by zero before this point"
            )
