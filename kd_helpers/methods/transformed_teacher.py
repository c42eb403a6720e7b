"""Transformed teacher matching, TTM and WTTM. Zheng and Yang, ICLR 2024; chapter 03.

KL(p̃ ‖ q) with p̃_k = p_k^γ / Σ_j p_j^γ, γ = 1/T: the teacher alone is softened, the student
answers at temperature 1. WTTM weighs each image by Σ_j p_j^γ: 1 where the teacher is sure, up to
K^(1-γ) where it is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from kd_helpers.methods.method import Distillation
from kd_helpers.methods.terms import check_logits


@dataclass(frozen=True, kw_only=True)
class TTM(Distillation):
    """The papers' soft term is not times T²; they add it, times β, to the cross-entropy: that is
    `kd_weight` 0.5 and strength β, for half of the loss."""

    def compare(self, student, teacher, labels, temperature):
        check_logits(student, teacher)
        heat = torch.as_tensor(temperature)
        log_p = F.log_softmax(teacher.float(), 1)
        soft, log_q = F.log_softmax(log_p / heat, 1), F.log_softmax(student.float(), 1)
        rows = F.kl_div(log_q, soft, reduction="none", log_target=True).sum(1)
        return self.weights(log_p / heat) * rows / heat.flatten() ** 2

    def weights(self, powers: torch.Tensor) -> torch.Tensor | float:
        """Of the images: the logarithms of p_k^γ, (B, K) → (B,)."""
        return 1.0


@dataclass(frozen=True, kw_only=True)
class WTTM(TTM):
    """TTM that counts the images more of which the teacher is less sure."""

    def weights(self, powers):
        return powers.logsumexp(1).exp()
