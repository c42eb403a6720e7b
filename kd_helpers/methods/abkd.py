"""Distillation by the α-β-divergence, ABKD. Wang et al., ICML 2025, arXiv 2505.04560; chapter 03.

-1/(αβ) Σ_k [p^α q^β - α/(α+β) p^(α+β) - β/(α+β) q^(α+β)]. (α, β) = (1, 0) is KL(p ‖ q), which
covers all that the teacher thinks possible; (0, 1) is KL(q ‖ p), which seeks what it thinks
likeliest.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from kd_helpers.methods.method import Distillation
from kd_helpers.methods.terms import check_logits


def divergence(log_p: torch.Tensor, log_q: torch.Tensor, a: float, b: float) -> torch.Tensor:
    """The α-β-divergence of log-probabilities (B, K), its limits included: (B,)."""
    if b == 0:
        powers = a * log_p, a * log_q
        return (powers[0].exp() * (powers[0] - powers[1] - 1) + powers[1].exp()).sum(1) / a**2
    if a == 0:
        return divergence(log_q, log_p, b, 0.0)
    both, whole = (a * log_p + b * log_q).exp(), a + b
    mean = (a * (whole * log_p).exp() + b * (whole * log_q).exp()) / whole
    return (mean - both).sum(1) / (a * b)


@dataclass(frozen=True, kw_only=True)
class ABKD(Distillation):
    """From covering to seeking: the smaller α and the larger β, the more."""

    alpha: float = 0.8  # α, power of the teacher's probabilities, 0 or more
    beta: float = 0.3  # β, power of the student's, 0 or more; not both 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.alpha, self.beta) < 0 or not 0 < self.alpha + self.beta < float("inf"):
            raise ValueError(
                f"got alpha={self.alpha}, beta={self.beta}; expected numbers from 0 on, not both 0"
            )

    def compare(self, student, teacher, labels, temperature):
        check_logits(student, teacher)
        log_p, log_q = (F.log_softmax(z.float() / temperature, 1) for z in (teacher, student))
        return divergence(log_p, log_q, self.alpha, self.beta)
