"""Hinton's specialists: which classes go together, and a dustbin for the rest.

Hinton, Vinyals, Dean 2015, section 5. A specialist for the classes S answers with |S| + 1 logits,
the last for its dustbin, "none of mine".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch.nn import functional as F

from kd_helpers.teachers.specialists_joint import join_specialists, mean_of_specialists
from kd_helpers.teachers.team import Team


def class_covariance(logits: torch.Tensor) -> torch.Tensor:
    """Covariance of the predicted probabilities at T = 1 over images: (N, K) → (K, K).

    Classes that are predicted together, for the same images, have a large entry.
    """
    return torch.cov(F.softmax(logits.double(), dim=1).T)


def cluster_classes(
    logits: torch.Tensor, count: int, seed: int = 0, *, diagonal: bool = True
) -> tuple[tuple[int, ...], ...]:
    """Disjoint groups of classes by k-means on the columns of the covariance of a generalist.

    Args:
        logits: (N, K), its answers; no labels are needed. count: number of groups, 2 to K.
        diagonal: whether the classes' own variances count, as in the paper. With few classes they
            are by far the largest entries, and k-means then puts single classes apart.

    Returns:
        `count` groups, none empty, each sorted, ordered by their smallest class.
    """
    from sklearn.cluster import KMeans

    classes = logits.shape[1]
    if not 2 <= count <= classes:
        raise ValueError(f"got count={count} groups of {classes} classes; expected 2 to {classes}")
    columns = class_covariance(logits).cpu().numpy()
    if not diagonal:
        np.fill_diagonal(columns, 0)
    found = KMeans(count, n_init=20, random_state=seed).fit_predict(columns)
    groups = [tuple(np.flatnonzero(found == k).tolist()) for k in range(count)]
    if not all(groups):
        raise ValueError(
            f"got {sum(map(bool, groups))} different groups, expected {count}: the predictions "
            "tell fewer classes apart. Ask for fewer groups"
        )
    return tuple(sorted(groups))


def correct_dustbin(
    logits: torch.Tensor, special_share: float, true_special_share: float
) -> torch.Tensor:
    """Raise the dustbin's logit by the logarithm of the over-sampling of the special classes.

    A specialist sees special images more often than they occur, so it believes in them too much.
    The odds of "special" were special_share : rest in training and are true_special_share : rest.

    Args:
        logits: (B, |S| + 1), the dustbin last. Shares: above 0 and below 1.
    """
    if not (0 < special_share < 1 and 0 < true_special_share < 1):
        raise ValueError(
            f"got special_share={special_share} and true_special_share={true_special_share}; "
            "expected numbers between 0 and 1"
        )
    odds = special_share / (1 - special_share)
    true_odds = true_special_share / (1 - true_special_share)
    corrected = logits.clone()
    corrected[:, -1] += float(np.log(odds / true_odds))
    return corrected


SPECIAL_SHARE = 0.5  # of the images that a specialist is trained on (`class_groups.half_special`)


def correct_dustbins(
    logits: Sequence[torch.Tensor], true_shares: Sequence[float]
) -> list[torch.Tensor]:
    """Logits of the generalist as they are, then of the specialists with corrected dustbins."""
    general, *special = logits
    pairs = zip(special, true_shares, strict=True)
    return [general, *(correct_dustbin(z, SPECIAL_SHARE, share) for z, share in pairs)]


@dataclass(frozen=True)
class Specialists(Team):
    """A generalist, then its specialists, answering as one (Hinton et al. 2015, section 5).

    The answer of `join_specialists`: logarithms of the joint probabilities at T = 1, (B, K).
    """

    words: ClassVar[str] = "specialists"

    def check_members(self, special):
        check_generalist_first(type(self).__name__, special)

    @property
    def groups(self):
        return tuple(member.special for member in self.members[1:])

    def build(self, room):
        # The joint answer takes longer than a step of a small student: it is found once an image.
        return room.remembered(super().build(room))

    def join(self, generalist, specialists):
        """(B, K) float64 probabilities from those of generalist and specialists."""
        return join_specialists(generalist, specialists, self.groups)

    def answer(self, batch, members, room):
        told = [member(batch) for member in members]
        general, *special = correct_dustbins(told, room.shares(self.groups))
        # In float64 and on the processor: Newton's equations need the digits, and are small.
        answers = [z.double().softmax(dim=1).cpu() for z in special]
        joint = self.join(general.double().softmax(dim=1).cpu(), answers)
        return joint.clamp(min=1e-30).log().float().to(general.device)


@dataclass(frozen=True)
class SpecialistsMean(Specialists):
    """The cheap joint answer, `mean_of_specialists`."""

    words: ClassVar[str] = "specialists' mean"

    def build(self, room):
        return Team.build(self, room)

    def join(self, generalist, specialists):
        return mean_of_specialists(generalist, specialists, self.groups)


def check_generalist_first(team: str, special: list[bool]) -> None:
    """Raise ValueError unless all members but the first have classes of their own."""
    if len(special) < 2 or special[0] or not all(special[1:]):
        raise ValueError(
            f"got {len(special)} members in a {team} team, {sum(special)} of them with special "
            "classes; expected a generalist and then one specialist at least"
        )
