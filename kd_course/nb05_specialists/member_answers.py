"""What the members of a team say of some images, and what they say together when some are left
out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from kd_helpers.data.class_groups import DUSTBIN, Groups
from kd_helpers.methods.targets import soften
from kd_helpers.models.towers import AVERAGES, UnifiedSpecialists
from kd_helpers.teachers.ensemble import MEANS, joined_logits
from kd_helpers.teachers.specialists import correct_dustbins
from kd_helpers.teachers.specialists_joint import join_specialists, mean_of_specialists
from kd_helpers.training.loop import predict

JOINT = {"joint answer": join_specialists, "cheap mean": mean_of_specialists}


@dataclass
class EnsembleAnswers:
    """Generalists: every member knows all classes."""

    members: list[torch.Tensor]  # logits (N, K) each
    ways: tuple[str, ...] = MEANS

    def joined(self, on: Sequence[bool], way: str, temperature: float) -> torch.Tensor:
        """Probabilities at T (N, K) of the members that are on, at least one."""
        chosen = [z for z, is_on in zip(self.members, on, strict=True) if is_on]
        logits = joined_logits(torch.stack(chosen), mean=way, temperature=temperature)
        return soften(logits, temperature)

    def classes_of(self, member: int) -> tuple[int, ...] | None:
        """The classes of a member with a dustbin; None: all."""
        return None


@dataclass
class SpecialistAnswers:
    """A generalist, who is always on, and specialists with corrected dustbins."""

    members: list[torch.Tensor]  # logits (N, K), then (N, |S| + 1) each
    groups: Groups
    ways: tuple[str, ...] = tuple(JOINT)
    rest: str = DUSTBIN  # the name of a member's last output
    # Found once for every choice of members: longer work than softening it.
    known: dict = field(default_factory=dict, repr=False)

    def joined(self, on: Sequence[bool], way: str, temperature: float) -> torch.Tensor:
        """Joint probabilities (N, K) at T = 1 of those that are on, then softened by T."""
        chosen = tuple(m for m, is_on in enumerate(on[1:]) if is_on)
        if not chosen:
            return soften(self.members[0], temperature)
        if (chosen, way) not in self.known:
            self.known[chosen, way] = self.joint_logits(chosen, way)
        return soften(self.known[chosen, way], temperature)

    def joint_logits(self, chosen: Sequence[int], way: str) -> torch.Tensor:
        """Logarithms (N, K) of what the generalist and these specialists say together at T = 1."""
        general, *others = [z.double().softmax(dim=1) for z in self.members]
        joint = JOINT[way](
            general, [others[m] for m in chosen], tuple(self.groups[m] for m in chosen)
        )
        return joint.clamp(min=1e-30).log().float()

    def classes_of(self, member: int) -> tuple[int, ...] | None:
        return self.groups[member - 1] if member else None


@dataclass
class TowerAnswers:
    """Towers trained at once; a class that no tower on owns gets probability 0."""

    members: list[torch.Tensor]  # logits (N, |S| + 1) each
    groups: Groups
    classes: int
    ways: tuple[str, ...] = AVERAGES
    rest: str = "bucket"

    def joined(self, on: Sequence[bool], way: str, temperature: float) -> torch.Tensor:
        """Probabilities at T (N, K): softmax of the mean score over the owners that are on."""
        scores = torch.zeros(len(self.members[0]), self.classes)
        owners = torch.zeros(self.classes)
        for z, group, is_on in zip(self.members, self.groups, on, strict=True):
            if is_on:
                own = z if way == "logits" else z.softmax(dim=1)
                scores[:, list(group)] += own[:, :-1]
                owners[list(group)] += 1
        scores = (scores / owners.clamp(min=1)).masked_fill(owners == 0, -torch.inf)
        return (scores / temperature).softmax(dim=1)

    def classes_of(self, member: int) -> tuple[int, ...] | None:
        return self.groups[member]


TeamAnswers = EnsembleAnswers | SpecialistAnswers | TowerAnswers


def ask_ensemble(models: Sequence[nn.Module], images: torch.Tensor) -> EnsembleAnswers:
    """What generalists say of images (N, C, H, W) uint8."""
    return EnsembleAnswers([predict(model, images) for model in models])


def ask_specialists(
    models: Sequence[nn.Module], images: torch.Tensor, groups: Groups, true_shares: Sequence[float]
) -> SpecialistAnswers:
    """models: the generalist, then the specialists. true_shares: `teams.special_shares`."""
    logits = [predict(model, images) for model in models]
    return SpecialistAnswers(correct_dustbins(logits, true_shares), groups)


@torch.no_grad()
def ask_towers(model: UnifiedSpecialists, images: torch.Tensor) -> TowerAnswers:
    """What each tower says, its bucket included."""
    apart = predict(_AllOutputs(model), images)
    sizes = [len(group) + 1 for group in model.groups]
    return TowerAnswers(list(apart.split(sizes, dim=1)), model.groups, model.share.shape[1])


class _AllOutputs(nn.Module):
    def __init__(self, model: UnifiedSpecialists) -> None:
        super().__init__()
        self.model = model
        self.training = model.training  # what `predict` goes back to

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.cat(self.model.tower_outputs(images), dim=1)
