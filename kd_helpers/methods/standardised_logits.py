"""Logit standardisation. Sun et al., CVPR 2024, arXiv 2403.01427; chapter 03.

Each row of logits, of teacher and student, is brought to mean 0 and standard deviation 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kd_helpers.methods.terms import check_batch
from kd_helpers.methods.treatment import Treatment


def standardise(logits: torch.Tensor) -> torch.Tensor:
    """Each row with mean 0 and standard deviation 1 (Sun et al. 2024, arXiv 2403.01427).

    Takes the size of a teacher's logits out of its answer: standardise(a·z + b) = standardise(z)
    for a > 0. To be applied to teacher and student both. (B, K) → (B, K) float32.

    A constant row has no standard deviation to divide by: it is centred only. It becomes 0, and its
    gradient is that of centring, so that a network whose last layer starts at 0 can leave it.
    Constant means: up to rounding, a standard deviation of at most 1e-6 · (1 + largest entry).

    Raises:
        ValueError: K < 3. Two standardised logits are ±0.71 whatever the network says, so nothing
            could be learnt from them.
    """
    check_batch("teacher or student", logits)
    if logits.shape[1] < 3:
        raise ValueError(
            f"got logits of {logits.shape[1]} classes to standardise; expected 3 or more: two are "
            "always ±0.71 and teach nothing but which is larger. Use HintonKD as it is"
        )
    wide = logits.float()
    centred = wide - wide.mean(dim=-1, keepdim=True)
    deviation = wide.std(dim=-1, keepdim=True)
    constant = deviation <= 1e-6 * (1 + wide.detach().abs().amax(dim=-1, keepdim=True))
    return centred / (deviation + 1e-7).where(~constant, 1.0)


@dataclass(frozen=True)
class Standardised(Treatment):
    """The method inside sees standardised logits of both. The paper's soft term has strength 9.

    For 3 classes or more, see `standardise`.
    """

    def treated(self, student, teacher, labels):
        return standardise(student), standardise(teacher)
