"""What all methods share: the label term, and a look at the logits before they are compared."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from kd_helpers.data.splits import UNLABELLED
from kd_helpers.runtime.plain import check_share


class NotFinite(ValueError, FloatingPointError):
    """Logits that are not numbers: a bad input, and what a training that diverges ends with."""


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


def check_labelled(labels: torch.Tensor, who: str) -> None:
    """Raise ValueError if a label is hidden: who asks how sure the teacher is of the true class."""
    if (labels == UNLABELLED).any():
        raise ValueError(
            f"got images without a label; expected labels for all: {who} needs the true class"
        )


def check_logits(student_logits: torch.Tensor, teacher_logits: torch.Tensor) -> None:
    """Raise ValueError unless both are (B, K) with the same B and K, and finite."""
    if student_logits.dim() != 2 or student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"got student logits of shape {tuple(student_logits.shape)} and teacher logits of "
            f"shape {tuple(teacher_logits.shape)}; expected one shape (batch, classes) for both: "
            "student and teacher must know the same classes"
        )
    for role, logits in (("student", student_logits), ("teacher", teacher_logits)):
        # On a GPU this question would stall every step; there the loop looks at the loss instead.
        if logits.device.type == "cpu" and not torch.isfinite(logits).all():
            raise NotFinite(
                f"got {role} logits that are not finite; expected numbers. Lower the learning "
                "rate, or look for a division by zero before this point"
            )
