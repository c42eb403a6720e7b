"""Teachers made of several stored runs: ensembles, and a generalist with its specialists."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from kd_helpers.ensembles import JoinedTeacher, Members
from kd_helpers.recipes import SPECIALISTS, Recipe, Team
from kd_helpers.specialists import correct_dustbin, join_specialists
from kd_helpers.splits import Dataset
from kd_helpers.teachers import Batch, Teacher

SPECIAL_SHARE = 0.5  # of the images that a specialist is trained on (`specialists.half_special`)


class SpecialistTeacher(Members):
    """A generalist and its specialists, answering as one (Hinton et al. 2015, section 5)."""

    def __init__(
        self, generalist: Teacher, specialists: Sequence[Teacher],
        groups: Sequence[tuple[int, ...]], true_shares: Sequence[float],
    ) -> None:  # fmt: skip
        """groups: the classes of each specialist. true_shares: how much of the data they are."""
        self.members = [generalist, *specialists]
        self.groups, self.true_shares = groups, true_shares

    def __call__(self, batch: Batch) -> torch.Tensor:
        """Logarithms of the joint probabilities at T = 1, (B, K) float32."""
        generalist, *others = (member(batch) for member in self.members)
        answers = [
            correct_dustbin(logits.double(), SPECIAL_SHARE, share).softmax(dim=1).cpu()
            for logits, share in zip(others, self.true_shares, strict=True)
        ]
        joint = join_specialists(generalist.double().softmax(dim=1).cpu(), answers, self.groups)
        return joint.log().float().to(generalist.device)


def make_team(
    team: Team, member_of: Callable[[Recipe], Teacher], dataset: Dataset, *,
    temperature: float, images: int,
) -> Teacher:  # fmt: skip
    """The teacher that a team is.

    Args:
        member_of: gives the teacher of one recipe. temperature: at which the answers are joined.
        images: how many the student sees.
    """
    members = [member_of(recipe) for recipe in team.members]
    if team.how != SPECIALISTS:
        return JoinedTeacher(members, team.how, temperature=temperature, images=images)
    groups = [recipe.special for recipe in team.members[1:]]
    labels = dataset.train.labels
    shares = [
        torch.isin(labels, torch.tensor(g, device=labels.device)).double().mean().item()
        for g in groups
    ]
    return SpecialistTeacher(members[0], members[1:], groups, shares)
