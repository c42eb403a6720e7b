"""Selective learning: one soft term for each specialist, on the classes that it knows. Chapter 05.

After the option of the same name in the public code of Zaras, Passalis and Tefas 2021 (USTE), which
fills up each specialist's outputs with zeros; that is `zeros`, else the student is seen as the
specialist would see it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from kd_helpers.data.class_groups import Groups, check_group
from kd_helpers.methods.hinton import kd_rows
from kd_helpers.methods.method import Distillation
from kd_helpers.runtime.plain import check_temperature


def seen_by(logits: torch.Tensor, group: tuple[int, ...], *, dustbin: bool) -> torch.Tensor:
    """The student's logits (B, K) as a specialist for `group` would give them.

    dustbin=False: those of its classes, (B, |S|); softened they are the probabilities given that
    the image is one of them. dustbin=True: one more, the log of the summed exponentials of all
    other classes, (B, |S| + 1); softened at T = 1 it is the student's mass on them.
    """
    check_group(group, logits.shape[1])
    own = list(group)
    if not dustbin:
        return logits[:, own]
    others = [k for k in range(logits.shape[1]) if k not in group]
    rest = logits[:, others].logsumexp(dim=1, keepdim=True)
    return torch.cat([logits[:, own], rest], dim=1)


def selective_loss(
    student_logits: torch.Tensor,
    told: torch.Tensor,
    labels: torch.Tensor | None = None,
    *,
    temperature: float,
    groups: Groups,
    zeros: bool = False,
) -> torch.Tensor:
    """Mean over sources and images of T² · KL(what a source says ‖ the student as it would see it).

    Args:
        student_logits: (B, K). told: all logits side by side, either (B, Σ|S|): of towers, each on
            its own classes; or (B, K + Σ(|S| + 1)): of a generalist on all classes, then of
            specialists, each with its dustbin. labels: not used. temperature: T > 0.
        groups: the classes S of each tower or specialist, at least one class each; a tower with one
            class only can tell nothing.
        zeros: each tower says 0 for the logits of all other classes, and is compared on all K. The
            student then learns the same as from the arithmetic mean of these padded answers.

    Raises:
        ValueError: the width of `told` is neither of the two.
    """
    check_temperature(temperature)
    classes, sizes = student_logits.shape[1], [len(group) for group in groups]
    with_dustbins = classes + sum(sizes) + len(sizes)
    if told.shape[1] not in ((sum(sizes),) if zeros else (sum(sizes), with_dustbins)):
        raise ValueError(
            f"got {told.shape[1]} outputs of all sources; expected {sum(sizes)} of towers for "
            f"{len(sizes)} groups, or (without zeros) {with_dustbins} of generalist and specialists"
        )
    dustbin = told.shape[1] == with_dustbins
    seen = [seen_by(student_logits, group, dustbin=dustbin) for group in groups]
    if dustbin:
        seen = [student_logits, *seen]
    parts = told.split([z.shape[1] for z in seen], dim=1)
    if zeros:
        seen = [student_logits] * len(groups)
        parts = [padded(part, group, classes) for part, group in zip(parts, groups, strict=True)]
    return (
        temperature**2
        * torch.stack([kd_rows(z, v, temperature) for z, v in zip(seen, parts, strict=True)]).mean()
    )


def padded(scores: torch.Tensor, group: tuple[int, ...], classes: int) -> torch.Tensor:
    """Scores (B, |S|) at the places of their classes, 0 elsewhere: (B, K)."""
    places = torch.tensor(group, device=scores.device)
    return scores.new_zeros(len(scores), classes).index_copy(1, places, scores)


@dataclass(frozen=True, kw_only=True)
class SelectiveKD(Distillation):
    """The soft term of `selective_loss`; the teacher answers with its sources side by side."""

    groups: tuple[tuple[int, ...], ...] = ()  # the classes of each tower or specialist
    zeros: bool = False
    sources_apart: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.groups:
            raise ValueError("got no groups; expected the classes of each tower or specialist")

    def soft(self, student, teacher, labels):
        how = {"temperature": self.temperature, "groups": self.groups, "zeros": self.zeros}
        return selective_loss(student, teacher, labels, **how)
