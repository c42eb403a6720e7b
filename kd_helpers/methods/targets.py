"""What is done to labels and teacher answers before they teach. Pure functions."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from kd_helpers.methods.labels import check_shown
from kd_helpers.runtime.plain import check_share, check_temperature


def soften(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Probabilities softmax(logits / T) (Hinton et al. 2015, eq. 1).

    Args:
        logits: (B, K), before softmax.
        temperature: T > 0; 1 leaves the distribution as it is, large T evens it out.

    Returns:
        (B, K), rows sum to 1.
    """
    check_temperature(temperature)
    return F.softmax(logits / temperature, dim=-1)


def smooth_labels(labels: torch.Tensor, num_classes: int, smoothing: float) -> torch.Tensor:
    """Smoothed labels (1 - ε)·onehot + ε/K (Szegedy et al. 2016): the same doubt for every image.

    Args:
        labels: (B,) int64. smoothing: ε in 0..1.

    Returns:
        (B, K) float32, rows sum to 1.
    """
    check_share("smoothing", smoothing)
    check_shown(labels, (len(labels), num_classes), "a smoothed label")
    return (1 - smoothing) * F.one_hot(labels, num_classes).float() + smoothing / num_classes


def entropy_bits(probabilities: torch.Tensor) -> torch.Tensor:
    """Entropy in bits, (B, K) → (B,): 0 for a certain answer, log2(K) for an even one."""
    return torch.special.entr(probabilities).sum(dim=-1) / torch.log(torch.tensor(2.0))
