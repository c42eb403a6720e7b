"""A teacher who knows only the labels. Yuan et al., CVPR 2020."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from kd_helpers.data.splits import UNLABELLED


def virtual_teacher(labels: torch.Tensor, num_classes: int, confidence: float) -> torch.Tensor:
    """A teacher who knows only the labels: `confidence` for the true class, the rest evenly.

    Tf-KD (Yuan et al., CVPR 2020): label smoothing in the shape of a teacher, a control for how
    much of distillation is smoothing. (B,) → logits (B, K) whose softmax at T = 1 is that target.
    """
    if not 1 / num_classes < confidence < 1:
        raise ValueError(
            f"got confidence={confidence}; expected more than 1/{num_classes} and less than 1"
        )
    if (labels == UNLABELLED).any():
        raise ValueError("got images without a label; a virtual teacher knows only the labels")
    own = F.one_hot(labels, num_classes).float()
    return (own * confidence + (1 - own) * (1 - confidence) / (num_classes - 1)).log()
