"""Normalised knowledge distillation, NKD. Yang et al., ICCV 2023, arXiv 2303.13005; chapter 03.

-p_t log q_t - γ T² Σ_{k≠t} p̂_k log q̂_k: the true class t at temperature 1, and the other classes
among themselves at T, each distribution scaled to sum 1 without t.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from kd_helpers.methods.labels import check_shown
from kd_helpers.methods.method import Distillation
from kd_helpers.methods.terms import check_logits, warn_of_two
from kd_helpers.runtime.plain import check_weight


@dataclass(frozen=True, kw_only=True)
class NKD(Distillation):
    """The paper adds both terms to the cross-entropy: `kd_weight` 0.5 is half of its loss, with γ
    1.5 and T 1. Every image needs its label. With two classes γ does nothing, and a warning says
    so."""

    gamma: float = 1.5  # γ, weight of the other classes, 0 or more

    def __post_init__(self) -> None:
        super().__post_init__()
        check_weight("gamma", self.gamma)

    def compare(self, student, teacher, labels, temperature):
        check_logits(student, teacher)
        warn_of_two(student, "NKD: γ")
        check_shown(labels, student.shape, "NKD")
        own, heat = F.one_hot(labels, student.shape[1]).bool(), torch.as_tensor(temperature)
        target = -teacher.float().softmax(1)[own] * F.log_softmax(student.float(), 1)[own]
        others = ((z.float() / heat)[~own].view(len(own), -1) for z in (student, teacher))
        log_q, log_p = (F.log_softmax(z, 1) for z in others)
        return target / heat.flatten() ** 2 - self.gamma * (log_p.exp() * log_q).sum(1)
