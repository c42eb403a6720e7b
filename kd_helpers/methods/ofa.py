"""The target of one-for-all distillation, OFA. Hao et al., NeurIPS 2023, arXiv 2310.19444;
chapter 03.

-Σ_k [(p_k + 1[k = y])^γ - 1[k = y]] log q_k. With γ = 1 it is the soft cross-entropy; a larger γ
pulls harder at the true class y where the teacher is sure of it, and shrinks the small entries.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from kd_helpers.methods.labels import check_shown
from kd_helpers.methods.method import Distillation
from kd_helpers.methods.terms import check_logits


@dataclass(frozen=True, kw_only=True)
class OFA(Distillation):
    """Every image needs its label."""

    gamma: float = 1.5  # γ, above 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.gamma < float("inf"):
            raise ValueError(f"got gamma={self.gamma}; expected a number above 0")

    def compare(self, student, teacher, labels, temperature):
        check_logits(student, teacher)
        check_shown(labels, student.shape, "OFA")
        true = F.one_hot(labels, student.shape[1])
        p = F.softmax(teacher.float() / temperature, 1)
        log_q = F.log_softmax(student.float() / temperature, 1)
        return -(((p + true) ** self.gamma - true) * log_q).sum(1)
