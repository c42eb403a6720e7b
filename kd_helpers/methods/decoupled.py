"""Decoupled knowledge distillation, DKD. Zhao et al., CVPR 2022, arXiv 2203.08679; chapter 03.

T² · mean(α · TCKD + β · NCKD): how sure the teacher is of the true class, and how it tells the
other classes apart, each with a weight of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from kd_helpers.methods.labels import check_shown
from kd_helpers.methods.method import Distillation
from kd_helpers.methods.terms import check_logits, warn_of_two
from kd_helpers.runtime.plain import check_temperature, check_weight


def decoupled_parts(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    labels: torch.Tensor,
    *,
    temperature: float | torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The two parts of KL(teacher ‖ student) (Zhao et al. 2022, arXiv 2203.08679, eq. 7).

    KL = TCKD + (1 - p_t) · NCKD: how sure the teacher is of the true class, and how it tells the
    other classes apart; p_t is its probability of the true class at T. Not yet times T².

    Computed from log-probabilities, without the logarithm of a sum that may be 0: finite also where
    the student gives the other classes no mass that float32 could hold.

    Args:
        labels: (B,) int64, every image labelled.

    Returns:
        TCKD (B,), NCKD (B,), p_t (B,).
    """
    if not isinstance(temperature, torch.Tensor):
        check_temperature(temperature)
    check_logits(student_logits, teacher_logits)
    check_shown(labels, student_logits.shape, "DecoupledKD")
    own = F.one_hot(labels, student_logits.shape[1]).bool()
    sides = []
    for logits in (student_logits, teacher_logits.detach()):
        log_p = F.log_softmax(logits.float() / temperature, dim=-1)
        others = log_p[~own].view(len(log_p), -1)  # (B, K - 1)
        pair = torch.stack([log_p[own], others.logsumexp(dim=-1)], dim=-1)  # (B, 2)
        sides.append((pair, F.log_softmax(others, dim=-1)))
    (student_pair, student_others), (teacher_pair, teacher_others) = sides
    tckd = F.kl_div(student_pair, teacher_pair, reduction="none", log_target=True).sum(dim=-1)
    nckd = F.kl_div(student_others, teacher_others, reduction="none", log_target=True).sum(dim=-1)
    return tckd, nckd, teacher_pair[:, 0].exp()


@dataclass(frozen=True, kw_only=True)
class DecoupledKD(Distillation):
    """With β = 8 and a fresh student the gradient is large: let it grow, with `warm_up`.

    Every image needs its label. With two classes there are no others to tell apart: β does nothing,
    and a warning says so.
    """

    alpha: float = 1.0  # weight of TCKD, 0 or more
    beta: float = 8.0  # weight of NCKD, 0 or more

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha", "beta"):
            check_weight(name, getattr(self, name))

    def compare(self, student, teacher, labels, temperature):
        warn_of_two(student, "DecoupledKD: β")
        tckd, nckd, _ = decoupled_parts(student, teacher, labels, temperature=temperature)
        return self.alpha * tckd + self.beta * nckd
