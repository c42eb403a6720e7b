"""Logits without their size. Sun et al., CVPR 2024, arXiv 2403.01427."""

from __future__ import annotations

import torch


def standardise(logits: torch.Tensor) -> torch.Tensor:
    """Each row with mean 0 and standard deviation 1 (Sun et al. 2024, arXiv 2403.01427).

    Takes the size of a teacher's logits out of its lesson: standardise(a·z + b) = standardise(z)
    for a > 0. To be applied to teacher and student both. (B, K) → (B, K) float32.
    """
    wide = logits.float()
    centred = wide - wide.mean(dim=-1, keepdim=True)
    return centred / (wide.std(dim=-1, keepdim=True) + 1e-7)
