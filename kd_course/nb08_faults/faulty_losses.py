"""Mistakes of published code, to be switched on in the real loop: the two terms, and their weights.

For notebook 08 only; where each was found is in `museum`. Faults of teachers: `faulty_teachers`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from kd_helpers.methods.hinton import hard_loss, kd_loss

RIGHT = "none"  # the right loss, watched like the others
LOSS_FAULTS = (
    "mean",
    "no T²",
    "roles swapped",
    "no logarithm",
    "softmax twice",
    "T on the labels",
    "teacher against itself",
    "weights swapped",
    "label without gradient",
)
TEACHER_FAULTS = ("train mode", "learning teacher", "reshuffled", "other view", "means as logits")
BEST_STEP = "best step"  # of the test images
FAULTS = (RIGHT, *LOSS_FAULTS, *TEACHER_FAULTS, BEST_STEP)


def soft_term(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, temperature: float, fault: str
) -> torch.Tensor:
    """T² · KL(teacher(T) ‖ student(T)), or what a fault makes of it: a scalar.

    Args:
        student_logits, teacher_logits: (B, K). fault: one of FAULTS; most leave this term alone.
    """
    s, t = student_logits / temperature, teacher_logits / temperature
    if fault == "mean":  # PyTorch's default also divides by the number of classes
        return kd_loss(student_logits, teacher_logits, temperature=temperature) / s.shape[1]
    if fault == "no T²":
        return kd_loss(student_logits, teacher_logits, temperature=temperature) / temperature**2
    if fault == "roles swapped":
        return kl(t, s) * temperature**2
    if fault == "no logarithm":  # and the arguments exchanged
        exchanged = F.kl_div(t.softmax(1), s.softmax(1), reduction="batchmean")
        return exchanged * temperature**2
    if fault == "softmax twice":
        return kd_loss(student_logits, teacher_logits.softmax(1), temperature=temperature)
    if fault == "teacher against itself":
        return kl(t, t) * temperature**2
    if fault == "learning teacher":  # its answer keeps its gradient
        return kl(s, t) * temperature**2
    return kd_loss(student_logits, teacher_logits, temperature=temperature)


def kl(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """KL(softmax(targets) ‖ softmax(inputs)), mean over the batch; both may take a gradient."""
    return F.kl_div(
        inputs.log_softmax(1), targets.log_softmax(1), reduction="batchmean", log_target=True
    )


def label_term(
    student_logits: torch.Tensor,
    labels: torch.Tensor,
    temperature: float,
    fault: str,
    *,
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """Cross-entropy with the labels (B,), or what a fault makes of it: a scalar."""
    if fault == "T on the labels":
        student_logits = student_logits / temperature
    term = hard_loss(student_logits, labels, label_smoothing=label_smoothing)
    return term.detach() if fault == "label without gradient" else term


@dataclass(frozen=True)
class FaultyLoss:
    """The loss of a recipe with a fault. For `training`; it also measures its two gradients."""

    temperature: float
    kd_weight: float
    label_smoothing: float
    fault: str

    def __call__(
        self, student_logits: torch.Tensor, teacher_logits: torch.Tensor, labels: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """{"loss", "ce", "kd"} as ever, and "soft pull", "hard pull": for each of the two weighted
        terms the length of its gradient with respect to the student's logits (B, K)."""
        weight = 1 - self.kd_weight if self.fault == "weights swapped" else self.kd_weight
        ce = label_term(
            student_logits,
            labels,
            self.temperature,
            self.fault,
            label_smoothing=self.label_smoothing,
        )
        kd = soft_term(student_logits, teacher_logits, self.temperature, self.fault)
        return {
            "loss": (1 - weight) * ce + weight * kd,
            "ce": ce.detach(),
            "kd": kd.detach(),
            "soft pull": pull(weight * kd, student_logits),
            "hard pull": pull((1 - weight) * ce, student_logits),
        }


def pull(term: torch.Tensor, student_logits: torch.Tensor) -> torch.Tensor:
    """Length of the gradient of a term with respect to the student's logits; 0 where it has
    none."""
    zero = torch.zeros((), device=student_logits.device)
    if not term.requires_grad:
        return zero
    (gradient,) = torch.autograd.grad(term, student_logits, retain_graph=True, allow_unused=True)
    return zero if gradient is None else gradient.norm()
