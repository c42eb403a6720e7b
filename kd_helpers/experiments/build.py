"""Teachers made of several stored runs: ensembles, and a generalist with its specialists."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from kd_course.nb08_faults.faulty_losses import FaultyLoss
from kd_helpers.data.class_groups import Groups
from kd_helpers.data.splits import Dataset
from kd_helpers.experiments.recipe import (
    DENSE,
    SELECTIVE_ZEROS,
    SPECIALISTS,
    SPECIALISTS_MEAN,
    Recipe,
    Team,
)
from kd_helpers.methods.dgkd import DenseLoss
from kd_helpers.methods.objective import DistillationLoss
from kd_helpers.teachers.cached import Batch, Teacher
from kd_helpers.teachers.ensemble import JoinedTeacher, Members
from kd_helpers.teachers.specialists import correct_dustbin
from kd_helpers.teachers.specialists_joint import join_specialists, mean_of_specialists

SPECIAL_SHARE = 0.5  # of the images that a specialist is trained on (`specialists.half_special`)
JOINS = {SPECIALISTS: join_specialists, SPECIALISTS_MEAN: mean_of_specialists}


class SpecialistTeacher(Members):
    """A generalist and its specialists, answering as one (Hinton et al. 2015, section 5)."""

    def __init__(
        self,
        members: Sequence[Teacher],
        groups: Groups,
        true_shares: Sequence[float],
        how: str = SPECIALISTS,
    ) -> None:
        """members: the generalist, then the specialists. groups: the classes of each specialist.
        true_shares: how much of the data they are. how: one of JOINS."""
        self.members, self.groups, self.true_shares = list(members), groups, true_shares
        self.join = JOINS[how]

    def __call__(self, batch: Batch) -> torch.Tensor:
        """Logarithms of the joint probabilities at T = 1, (B, K) float32."""
        told = [member(batch) for member in self.members]
        general, *special = correct_dustbins(told, self.true_shares)
        # In float64 and on the processor: Newton's equations need the digits, and are small.
        answers = [z.double().softmax(dim=1).cpu() for z in special]
        joint = self.join(general.double().softmax(dim=1).cpu(), answers, self.groups)
        return joint.clamp(min=1e-30).log().float().to(general.device)


class SourcesApart(Members):
    """What each source says, side by side, for a loss with a term for each: (B, sum of outputs)."""

    def __init__(self, members: Sequence[Teacher], true_shares: Sequence[float] = ()) -> None:
        """true_shares: where all members after the first are specialists, one for each."""
        self.members, self.true_shares = list(members), true_shares

    def __call__(self, batch: Batch) -> torch.Tensor:
        told = [member(batch) for member in self.members]
        return torch.cat(correct_dustbins(told, self.true_shares) if self.true_shares else told, 1)


def correct_dustbins(
    logits: Sequence[torch.Tensor], true_shares: Sequence[float]
) -> list[torch.Tensor]:
    """Logits of the generalist as they are, then of the specialists with their dustbins
    corrected."""
    general, *special = logits
    return [
        general,
        *(
            correct_dustbin(z, SPECIAL_SHARE, share)
            for z, share in zip(special, true_shares, strict=True)
        ),
    ]


def special_shares(dataset: Dataset, groups: Groups) -> list[float]:
    """How much of the training images the classes of each group are, from 0 to 1."""
    labels = dataset.train.labels
    return [
        torch.isin(labels, torch.tensor(group, device=labels.device)).double().mean().item()
        for group in groups
    ]


def make_team(
    team: Team, members: Sequence[Teacher], dataset: Dataset, *, temperature: float, images: int
) -> Teacher:
    """The teacher that a team is.

    Args:
        members: the teachers of `team.members`, in that order. temperature: at which the answers
            are joined. images: how many the student sees.
    """
    if team.how == DENSE:
        return SourcesApart(members)
    if not team.needs_groups:
        return JoinedTeacher(members, team.how, temperature=temperature, images=images)
    shares = [] if team.has_towers else special_shares(dataset, team.groups)
    if team.is_selective:
        return SourcesApart(members, shares)
    return SpecialistTeacher(members, team.groups, shares, team.how)


def loss_of(recipe: Recipe) -> DistillationLoss | DenseLoss | FaultyLoss:
    """The loss that a recipe's student minimises."""
    settings = (recipe.temperature, recipe.kd_weight, recipe.label_smoothing)
    if recipe.fault:
        return FaultyLoss(*settings, recipe.fault)
    team = recipe.teacher if isinstance(recipe.teacher, Team) else None
    if team and team.how == DENSE and recipe.kd_weight:
        return DenseLoss(*settings, recipe.sources)
    if team and team.is_selective:
        zeros = team.how == SELECTIVE_ZEROS
        return DistillationLoss(*settings, recipe.lesson, groups=team.groups, zeros=zeros)
    return DistillationLoss(*settings, recipe.lesson)
