"""Probabilistic knowledge transfer, PKT. Passalis and Tefas, ECCV 2018, arXiv 1803.10837;
chapter 03.

Which images of the batch are neighbours? (1 + cosine) / 2 of the features of two images, divided by
the sum over the batch, is the chance to pick the one from the other: KL(teacher ‖ student), the
mean over the images. An image is among its own neighbours, as in the authors' code.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from kd_helpers.methods.on_features import OnFeatures

SMALL = 1e-7  # kept from 0: what is added before the logarithm, as in the authors' code


def neighbours(features: torch.Tensor) -> torch.Tensor:
    """The chance to go from an image of the batch (B, …) to another: (B, B), rows of sum 1."""
    unit = F.normalize(features.flatten(1), dim=1)
    near = (1 + unit @ unit.T) / 2
    return near / near.sum(dim=1, keepdim=True) + SMALL


@dataclass(frozen=True, kw_only=True)
class PKT(OnFeatures):
    """Features of any two sizes.

    The authors' code takes the mean over all pairs: its weight of 30,000 in CRD's benchmark is a
    feature_weight of 30,000/B here, B being the size of the batch.
    """

    def distance(self, student, teacher):
        q, p = map(neighbours, (student, teacher))
        return (p * (p / q).log()).sum(dim=1).mean()
