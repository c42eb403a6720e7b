"""A teacher's examination before it teaches: is it any good on the student's data, and if not, why?

A student learns whatever it is told. A teacher with an untrained head, with its classes in another
order or with the wrong normalisation teaches as gladly as a good one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from kd_helpers.data.splits import Dataset, Split
from kd_helpers.teachers.adapted import Adapted, adapted
from kd_helpers.training.likely_reason import (
    Asked,
    answers,
    chance_problem,
    form_problem,
    likely_reason,
)


@dataclass(frozen=True)
class Examination:
    """How often a teacher names the right class, as shares in 0..1."""

    accuracy: float  # on all pictures looked at
    per_class: tuple[float, ...]  # on those of each class; NaN where there were none
    classes: tuple[str, ...]
    images: int  # how many of the validation split were looked at

    def __str__(self) -> str:
        told = [(name, share) for name, share in zip(self.classes, self.per_class, strict=True)]
        heading = "of each class"
        if len(told) > 20:
            known = [pair for pair in told if pair[1] == pair[1]]
            heading, told = "of the ten worst classes", sorted(known, key=lambda p: p[1])[:10]
        shares = ", ".join(
            f"{name} {100 * share:.0f} %" if share == share else f"{name}: no picture"
            for name, share in told
        )
        return (
            f"teacher: {100 * self.accuracy:.1f} % of {self.images:,} validation pictures right; "
            f"{heading}: {shares}"
        )


def examine(teacher: Asked, data: Dataset, *, images: int = 1000, stop: bool = True) -> Examination:
    """Ask a teacher about validation pictures; print how many it has right, in all and by class.

    Args:
        teacher: an `Adapted` or any network, looked at in evaluation mode; or a function of
            pictures (B, C, H, W) float32 in 0..1.
        images: the most that are looked at, spread evenly over the split.
        stop: False prints what is wrong instead of raising it.

    Raises:
        ValueError: it is no better than chance, or would be far better with its outputs in another
            order, with another normalisation, or with the statistics of the batch; its answers
            are no logits, or depend on chance or on the other pictures. Says which, and what to do.
    """
    if isinstance(teacher, nn.Module):
        teacher = teacher if isinstance(teacher, Adapted) else adapted(teacher)
        teacher = teacher.to(data.val.images.device)
    split = spread(data.val, images)
    logits = answers(teacher, split.images)
    problem = form_problem(logits, len(data.classes)) or chance_problem(teacher, split)
    if problem:
        raise ValueError(f"got a teacher {problem}")
    right = logits.argmax(dim=1) == split.labels
    found = Examination(
        right.float().mean().item(), by_class(right, split, data), data.classes, len(split)
    )
    print(found)
    problem = likely_reason(teacher, split, logits, data)
    if problem and stop:
        raise ValueError(f"got a teacher {problem}")
    if problem:
        print(f"warning: a teacher {problem}")
    return found


def spread(split: Split, most: int) -> Split:
    """So many of the pictures, evenly over the split, in an order in which classes are mixed."""
    if not len(split):
        raise ValueError("got no validation pictures; expected some, to examine the teacher with")
    rows = torch.linspace(0, len(split) - 1, min(most, len(split))).round().long()
    mixed = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    return split.subset(rows[mixed].to(split.labels.device))


def by_class(right: torch.Tensor, split: Split, data: Dataset) -> tuple[float, ...]:
    return tuple(
        right[split.labels == label].float().mean().item() for label in range(len(data.classes))
    )
