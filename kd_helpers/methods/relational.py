"""Relational knowledge distillation, RKD. Park et al., CVPR 2019, arXiv 1904.05068; chapter 03.

How do the images of a batch lie to one another? Huber's loss between student and teacher of their
distances, in units of the mean distance (eq. 6 and 8), and of the cosines of the angles that they
form three by three (eq. 10 and 11).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from kd_helpers.methods.on_features import OnFeatures
from kd_helpers.runtime.plain import check_weight


def relations(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the images of a batch (B, …): distances, mean 1 over the pairs, (B, B); and the cosine at
    the first image between the second and the third, (B, B, B). Both are 0 between equal images.

    From inner products alone: differences of all pairs would take (B, B, D).
    """
    flat = features.flatten(1)
    flat = flat - flat.mean(dim=0)
    inner = flat @ flat.T
    own = inner.diagonal()
    squares = own[:, None] + own - 2 * inner
    apart = squares > 1e-6 * squares.mean()
    lengths = squares.where(apart, 1.0).sqrt()  # the root has no gradient at 0
    mean = (lengths * apart).sum() / apart.sum().clamp(min=1)
    unit = apart / lengths
    at_first = inner - inner[:, :, None] - inner[:, None] + own[:, None, None]
    return lengths * apart / mean.where(mean > 0, 1.0), at_first * unit[:, :, None] * unit[:, None]


@dataclass(frozen=True, kw_only=True)
class RelationalKD(OnFeatures):
    """Features of any two sizes. The weights are those of the paper for classification."""

    distance_weight: float = 25.0  # λ_D, 0 or more
    angle_weight: float = 50.0  # λ_A, 0 or more

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("distance_weight", "angle_weight"):
            check_weight(name, getattr(self, name))

    def distance(self, student, teacher):
        both = zip(relations(student), relations(teacher), strict=True)
        of_two, of_three = (F.smooth_l1_loss(mine, its) for mine, its in both)
        return self.distance_weight * of_two + self.angle_weight * of_three
