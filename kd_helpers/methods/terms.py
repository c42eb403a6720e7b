"""What all methods share: the label term, and a look at the logits before they are compared."""

from __future__ import annotations

import warnings

import torch
from torch.nn import functional as F

from kd_helpers.data.splits import UNLABELLED
from kd_helpers.methods.labels import are_soft, check_labels
from kd_helpers.runtime.plain import check_share


class NotFinite(ValueError, FloatingPointError):
    """Logits that are not numbers: a bad input, and what a training that diverges ends with."""


def hard_loss(
    student_logits: torch.Tensor,
    labels: torch.Tensor,
    *,
    label_smoothing: float = 0.0,
    class_weights: tuple[float, ...] = (),
) -> torch.Tensor:
    """Cross-entropy with the labels, mean over the labelled images; 0 if there are none.

    Args:
        student_logits: (B, K). labels: (B,) int64, UNLABELLED where hidden; or soft labels (B, K)
            whose rows sum to 1.
        label_smoothing: ε in 0..1.
        class_weights: one for each class, 0 or more. The mean is then weighted, as in PyTorch's
            `cross_entropy`: divided by the summed weight of the labels. A soft label weighs what
            its classes weigh on average, so that a one-hot one counts as the class that it names.
    """
    check_share("label_smoothing", label_smoothing)
    check_batch("student", student_logits)
    check_labels(labels, student_logits.shape)
    weight = weight_tensor(class_weights, student_logits)
    total = F.cross_entropy(
        student_logits.float(),
        labels.float() if are_soft(labels) else labels,
        reduction="sum",
        weight=weight,
        ignore_index=UNLABELLED,
        label_smoothing=label_smoothing,
    )
    if weight is None:
        return total / labelled_count(labels)
    return total / labelled_weight(labels, weight)


def labelled_count(labels: torch.Tensor) -> torch.Tensor | int:
    """How many images have a label, at least 1."""
    return len(labels) if are_soft(labels) else (labels != UNLABELLED).sum().clamp(min=1)


def labelled_weight(labels: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The summed weight of all labels; where it is 0, so is the loss, and any number will do."""
    if are_soft(labels):
        weights = labels.float() @ weight
    else:
        known = labels != UNLABELLED
        weights = weight[labels.where(known, 0)] * known
    total = weights.sum()
    return total.where(total > 0, 1)


def weight_tensor(class_weights: tuple[float, ...], logits: torch.Tensor) -> torch.Tensor | None:
    """The weights (K,) float32 beside the logits (B, K); None where there are none."""
    if not class_weights:
        return None
    if len(class_weights) != logits.shape[1]:
        raise ValueError(
            f"got {len(class_weights)} class weights for {logits.shape[1]} classes; expected one "
            "for each"
        )
    return torch.tensor(class_weights, device=logits.device)


def check_batch(role: str, logits: torch.Tensor) -> None:
    """Raise ValueError unless logits are a tensor (B, K) with at least one image."""
    if not isinstance(logits, torch.Tensor):
        raise ValueError(
            f"got {role} logits of type {type(logits).__name__}; expected a tensor (batch, "
            "classes), as torch.as_tensor makes of an array"
        )
    if logits.dim() != 2:
        raise ValueError(
            f"got {role} logits of shape {tuple(logits.shape)}; expected (batch, classes)"
        )
    if not len(logits):
        raise ValueError("got an empty batch; expected at least one image: no mean exists of none")


def warn_of_two(logits: torch.Tensor, what: str) -> None:
    """Say (once for each place, as Python's warnings do) that the other classes are one.

    Raises:
        ValueError: there is one class only.
    """
    if logits.shape[1] < 2:
        raise ValueError("got logits of 1 class; expected at least 2: one class tells nothing")
    if logits.shape[1] == 2:
        told = "has no effect with two classes: there is one other class, and nothing to tell apart"
        warnings.warn(f"{what} {told}; HintonKD is as good", stacklevel=2)


def check_logits(student_logits: torch.Tensor, teacher_logits: torch.Tensor) -> None:
    """Raise ValueError unless both are (B, K) with the same B and K, finite, and in their roles."""
    check_batch("student", student_logits)
    check_batch("teacher", teacher_logits)
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"got student logits of shape {tuple(student_logits.shape)} and teacher logits of "
            f"shape {tuple(teacher_logits.shape)}; expected one shape (batch, classes) for both: "
            "student and teacher must know the same classes"
        )
    if teacher_logits.requires_grad and not student_logits.requires_grad:
        raise ValueError(
            "got student logits without a gradient and teacher logits with one; expected the "
            "student's first, as in kd_loss(student_logits, teacher_logits, …): nothing would be "
            "learnt from this loss"
        )
    for role, logits in (("student", student_logits), ("teacher", teacher_logits)):
        # On a GPU this question would stall every step; there the loop looks at the loss instead.
        if logits.device.type == "cpu" and not torch.isfinite(logits).all():
            raise NotFinite(
                f"got {role} logits that are not finite; expected numbers. Lower the learning "
                "rate, or look for a division by zero before this point"
            )
