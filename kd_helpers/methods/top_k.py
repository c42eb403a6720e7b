"""Which entries of a teacher's answer teach: the largest, the small ones, or random ones.

Chapter 03. A choice of entries is a mask (B, K) bool; `kd_on_entries` compares teacher and
student on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from kd_helpers.data.splits import UNLABELLED
from kd_helpers.methods.labels import check_classes
from kd_helpers.methods.method import Distillation
from kd_helpers.methods.terms import check_logits
from kd_helpers.runtime.plain import check_share, check_temperature, check_whole


def top_entries(
    teacher_logits: torch.Tensor, count: int, labels: torch.Tensor | None = None
) -> torch.Tensor:
    """The teacher's `count` largest entries, and the true class where labels (B,) are given."""
    classes = teacher_logits.shape[1]
    if not 0 <= count <= classes:
        raise ValueError(f"got count={count}; expected 0 to {classes}, the number of classes")
    keep = torch.zeros_like(teacher_logits, dtype=torch.bool)
    keep.scatter_(1, teacher_logits.topk(count, dim=-1).indices, True)
    if labels is not None:
        check_classes(labels, teacher_logits.shape, "TopK")
        known = labels != UNLABELLED
        keep |= F.one_hot(labels.where(known, 0), classes).bool() & known[:, None]
    return keep


def small_entries(teacher_logits: torch.Tensor, count: int) -> torch.Tensor:
    """All entries but the teacher's `count` largest."""
    return ~top_entries(teacher_logits, count)


def random_entries(teacher_logits: torch.Tensor, dropped: float) -> torch.Tensor:
    """Each entry dropped with probability `dropped`, drawn anew; at least two of a row stay."""
    check_share("dropped", dropped)
    draws = torch.rand_like(teacher_logits, dtype=torch.float32)
    keep = draws >= dropped
    return keep.scatter(1, draws.topk(min(2, draws.shape[1]), dim=-1).indices, True)


def kd_on_entries(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    keep: torch.Tensor,
    *,
    temperature: float,
    lump: bool,
) -> torch.Tensor:
    """T² · KL(teacher(T) ‖ student(T)) on the kept entries, mean over the batch.

    Args:
        keep: (B, K) bool, at least one a row.
        lump: True: the other entries become one bin, "none of these", of which the student learns
            the mass only. False: they are dropped and both distributions renormalised.

    Returns:
        A scalar ≥ 0. With all entries kept this is `kd_loss`.
    """
    check_temperature(temperature)
    return (
        entry_rows(student_logits, teacher_logits, keep, temperature, lump=lump).mean()
        * temperature**2
    )


def entry_rows(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    keep: torch.Tensor,
    temperature: float | torch.Tensor,
    *,
    lump: bool,
) -> torch.Tensor:
    """The same for each image, (B,), not yet times T²; temperature: T, or (B, 1) one for each."""
    check_logits(student_logits, teacher_logits)
    student, teacher = (
        chosen_log_probabilities(logits.float() / temperature, keep, lump)
        for logits in (student_logits, teacher_logits.detach())
    )
    return F.kl_div(student, teacher, reduction="none", log_target=True).sum(dim=-1)


def chosen_log_probabilities(logits: torch.Tensor, keep: torch.Tensor, lump: bool) -> torch.Tensor:
    """Log-probabilities (B, K + 1) of the kept entries and the bin; those left out are very small.

    The lowest number of float32 stands for "left out": its exponential is 0, and differences of two
    of them are 0, where minus infinity would give "not a number".
    """
    lowest = torch.finfo(logits.dtype).min
    if lump:
        log_p = F.log_softmax(logits, dim=-1)
        rest = log_p.masked_fill(keep, lowest).logsumexp(dim=-1, keepdim=True)
    else:
        log_p = F.log_softmax(logits.masked_fill(~keep, lowest), dim=-1)
        rest = torch.full_like(log_p[:, :1], lowest)
    return torch.cat([log_p.masked_fill(~keep, lowest), rest], dim=-1)


class OnEntries(Distillation):
    """KL on some entries only; the others become one bin (`lump`) or are dropped."""

    lump: bool = False

    def chosen(self, teacher: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Which entries are kept, (B, K) bool."""
        raise NotImplementedError

    def compare(self, student, teacher, labels, temperature):
        keep = self.chosen(teacher, labels)
        return entry_rows(student, teacher, keep, temperature, lump=self.lump)


@dataclass(frozen=True, kw_only=True)
class TopK(OnEntries):
    """The teacher's `count` largest entries, and the true class."""

    count: int = 3
    lump: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("count", self.count, 0)

    def chosen(self, teacher, labels):
        return top_entries(teacher, self.count, labels)


@dataclass(frozen=True, kw_only=True)
class SmallEntries(TopK):
    """All entries but the teacher's `count` largest."""

    def chosen(self, teacher, labels):
        return small_entries(teacher, self.count)


@dataclass(frozen=True, kw_only=True)
class RandomEntries(OnEntries):
    """Each entry dropped with probability `dropped`, drawn anew in each step."""

    dropped: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share("dropped", self.dropped)

    def chosen(self, teacher, labels):
        return random_entries(teacher, self.dropped)
