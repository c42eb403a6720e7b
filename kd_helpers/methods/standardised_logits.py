"""Logit standardisation. Sun et al., CVPR 2024, arXiv 2403.01427; chapter 03.

Each row of logits, of teacher and student, is brought to mean 0 and standard deviation 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kd_helpers.methods.treatment import Treatment


def standardise(logits: torch.Tensor) -> torch.Tensor:
    """Each row with mean 0 and standard deviation 1 (Sun et al. 2024, arXiv 2403.01427).

    Takes the size of a teacher's logits out of its answer: standardise(a·z + b) = standardise(z)
    for a > 0. To be applied to teacher and student both. (B, K) → (B, K) float32.
    """
    wide = logits.float()
    centred = wide - wide.mean(dim=-1, keepdim=True)
    return centred / (wide.std(dim=-1, keepdim=True) + 1e-7)


@dataclass(frozen=True)
class Standardised(Treatment):
    """The method inside sees standardised logits of both. The paper's soft term has strength 9."""

    def treated(self, student, teacher, labels):
        return standardise(student), standardise(teacher)
