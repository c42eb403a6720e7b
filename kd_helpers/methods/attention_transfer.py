"""Attention transfer, AT. Zagoruyko and Komodakis, ICLR 2017, arXiv 1612.03928; chapter 03.

Where does a layer look? Its attention map is the sum of squares over its channels, as a vector of
length 1: ‖Q_s/‖Q_s‖ - Q_t/‖Q_t‖‖², mean over the images (eq. 2; squared, as in the authors' code).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from kd_helpers.methods.on_features import OnFeatures


def attention(features: torch.Tensor) -> torch.Tensor:
    """The map of a layer's output (B, C, H, W), with length 1: (B, H·W)."""
    return F.normalize(features.pow(2).sum(dim=1).flatten(1), dim=1)


@dataclass(frozen=True, kw_only=True)
class AttentionTransfer(OnFeatures):
    """Any numbers of channels; the student's map is pooled to the teacher's height and width.

    The paper's β of 1000 stands before a mean over the H·W places: feature_weight 1000/(H·W).
    """

    def regressor(self, student: torch.Tensor, teacher: torch.Tensor) -> nn.Module:
        return nn.AdaptiveAvgPool2d(tuple(teacher.shape[2:]))

    def distance(self, student, teacher):
        return (attention(student) - attention(teacher)).pow(2).sum(dim=1).mean()
