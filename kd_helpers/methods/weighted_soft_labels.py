"""Weighted soft labels, WSLD. Zhou et al., ICLR 2021, arXiv 2102.00650; chapter 03.

Each image's soft term is weighted by 1 - exp(-CE_student / CE_teacher). Beside it the plain gate:
only the images of which the teacher is sure, or only the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from kd_helpers.methods.labels import check_shown
from kd_helpers.methods.terms import check_logits
from kd_helpers.methods.treatment import Weighted
from kd_helpers.runtime.plain import check_share


def wsld_weights(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Weights of weighted soft labels: w = 1 - exp(-CE_student / CE_teacher), at T = 1 (B,).

    Near 1 where the teacher is surely right, near 0 where the student is better already (Zhou et
    al. 2021, arXiv 2102.00650). Without gradient.
    """
    check_logits(student_logits, teacher_logits)
    check_shown(labels, student_logits.shape, "WeightedSoftLabels")
    own, others = (
        F.cross_entropy(logits.detach().float(), labels, reduction="none")
        for logits in (student_logits, teacher_logits)
    )
    return 1 - torch.exp(-own / others.clamp(min=1e-12))


def confidence_gate(teacher_logits: torch.Tensor, threshold: float, *, above: bool) -> torch.Tensor:
    """1.0 where the teacher's top probability (T = 1) is at least `threshold`, else 0.0; (B,).

    `above=False` turns it round: only what the teacher is not sure of is taught.
    """
    top = F.softmax(teacher_logits.detach().float(), dim=-1).max(dim=-1).values
    return ((top >= threshold) == above).float()


@dataclass(frozen=True)
class WeightedSoftLabels(Weighted):
    """Less of the teacher where the student is better already. Every image needs its label."""

    def weights(self, student, teacher, labels):
        return wsld_weights(student, teacher, labels)


@dataclass(frozen=True)
class ConfidenceGate(Weighted):
    """Only where the teacher's top probability at T = 1 is at least `threshold`, or where not."""

    threshold: float = 0.9
    above: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share("threshold", self.threshold)

    def weights(self, student, teacher, labels):
        return confidence_gate(teacher, self.threshold, above=self.above)
