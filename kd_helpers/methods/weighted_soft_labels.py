"""A weight for each image. Zhou et al., ICLR 2021, arXiv 2102.00650."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def wsld_weights(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Weights of weighted soft labels: w = 1 - exp(-CE_student / CE_teacher), at T = 1 (B,).

    Near 1 where the teacher is surely right, near 0 where the student is better already (Zhou et
    al. 2021, arXiv 2102.00650). Without gradient.
    """
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
