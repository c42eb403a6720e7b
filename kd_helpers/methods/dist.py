"""Distillation from a stronger teacher, DIST. Huang et al., NeurIPS 2022, arXiv 2205.10536;
chapter 03.

β · mean_i [1 - ρ(q_i, p_i)] + γ · mean_k [1 - ρ(q_·k, p_·k)], ρ being Pearson's correlation: of the
classes of an image, and of the images of a batch in a class. Nothing but the relations has to
agree, so an answer and any positive affine map of it are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from kd_helpers.methods.method import Distillation
from kd_helpers.methods.terms import check_logits
from kd_helpers.runtime.plain import check_weight


def correlation(x: torch.Tensor, y: torch.Tensor, dim: int) -> torch.Tensor:
    """Pearson's correlation along a dimension.

    Values that are all equal have none: they are centred only. It is 0 for them, and its gradient
    that of centring, so that a network whose last layer starts at 0 can leave it.
    """
    sides = [value - value.mean(dim, keepdim=True) for value in (x, y)]
    for place, side in enumerate(sides):
        length = torch.linalg.vector_norm(side, dim=dim, keepdim=True)
        sides[place] = side / length.where(length > 1e-6, 1.0)
    return (sides[0] * sides[1]).sum(dim)


@dataclass(frozen=True, kw_only=True)
class DIST(Distillation):
    """The soft term of an image depends on who else is in its batch."""

    beta: float = 1.0  # β, weight of the relations within an image, 0 or more
    gamma: float = 1.0  # γ, of those within a class, 0 or more

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("beta", "gamma"):
            check_weight(name, getattr(self, name))

    def compare(self, student, teacher, labels, temperature):
        check_logits(student, teacher)
        q, p = (F.softmax(z.float() / temperature, 1) for z in (student, teacher))
        within_classes = (1 - correlation(q, p, dim=0)).mean()
        return self.beta * (1 - correlation(q, p, dim=1)) + self.gamma * within_classes
