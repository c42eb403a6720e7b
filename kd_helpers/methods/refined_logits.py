"""Refined logit distillation, RLD. Sun et al., ICCV 2025, arXiv 2408.07703; chapter 04.

α · KL([max p, 1 - max p] ‖ [q_y, 1 - q_y]) at temperature 1: how sure the teacher is, put on the
true class y, whatever it is sure of. And β · T² · KL among the classes that the teacher ranks below
y: those that it ranks above, wrongly, are left out, and no two entries change places. Where the
teacher is right this is decoupled distillation, with its first term at temperature 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from kd_helpers.methods.labels import check_shown
from kd_helpers.methods.method import Distillation
from kd_helpers.methods.terms import check_logits, warn_of_two
from kd_helpers.runtime.plain import check_weight


def pair(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of a class (B,) and of all others together: (B, K) → (B, 2)."""
    log_p, own = F.log_softmax(logits, 1), F.one_hot(classes, logits.shape[1]).bool()
    others = log_p.masked_fill(own, -torch.inf).logsumexp(1)
    return torch.stack([log_p[own], others], 1)


def below(teacher: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The classes that the teacher ranks below the true one: (B, K), (B,) → (B, K) bool."""
    return teacher < teacher.gather(1, labels[:, None])


def among(kept: torch.Tensor, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """KL of the softmaxes over the kept classes (B, K) bool; 0 where one or none is kept: (B,)."""
    left_out = ~kept & kept.any(1, keepdim=True)  # of no class there is no softmax: all, times 0
    log_q, log_p = (
        F.log_softmax(z.masked_fill(left_out, -torch.inf), 1) for z in (student, teacher)
    )
    return (log_p.exp() * (log_p - log_q).masked_fill(~kept, 0)).sum(1)


@dataclass(frozen=True, kw_only=True)
class RLD(Distillation):
    """The paper adds both terms to the cross-entropy, and lets them grow at first: that is
    `kd_weight` 0.5 and `warm_up`. Every image needs its label."""

    alpha: float = 1.0  # α, weight of how sure the teacher is, 0 or more
    beta: float = 8.0  # β, weight of the classes below the true one, 0 or more

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha", "beta"):
            check_weight(name, getattr(self, name))

    def compare(self, student, teacher, labels, temperature):
        check_logits(student, teacher)
        warn_of_two(student, "RLD: β")
        check_shown(labels, student.shape, "RLD")
        student, teacher, heat = student.float(), teacher.float(), torch.as_tensor(temperature)
        sure, own = pair(teacher, teacher.argmax(1)), pair(student, labels)
        target = F.kl_div(own, sure, reduction="none", log_target=True).sum(1)
        others = among(below(teacher, labels), student / heat, teacher / heat)
        return self.alpha * target / heat.flatten() ** 2 + self.beta * others
