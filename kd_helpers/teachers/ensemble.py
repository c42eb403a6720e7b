"""Several teachers as one: means, weights, taking turns. Pure functions, and the teachers made of
them.

Members' logits are (M, B, K), one member after the other; all members know the same K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn import functional as F

from kd_helpers.runtime import distributed
from kd_helpers.runtime.plain import check_temperature
from kd_helpers.teachers.team import Team

MEANS = ("geometric", "arithmetic")


def joined_logits(
    member_logits: torch.Tensor,
    *,
    mean: str,
    temperature: float,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Logits of the mean of several distributions at T (Hinton et al. 2015, sections 1 and 5.4).

    "geometric": the mean of the logits; softened at any T it is the renormalised geometric mean of
    the members' distributions there, the q that minimises Σ w_m KL(q ‖ p_m). "arithmetic":
    T · log Σ w_m p_m(T), the q that minimises Σ w_m KL(p_m ‖ q); right at this T only.

    Args:
        member_logits: (M, B, K). mean: one of MEANS. temperature: T > 0.
        weights: (M,), or (M, B) with one for each image; not negative, some of them above 0; they
            are scaled to sum 1. None: all alike.

    Returns:
        (B, K) float32 logits: soften them with the same T.
    """
    check_temperature(temperature)
    check_members(member_logits)
    shares = shares_of(weights, member_logits)[..., None]  # (M, 1 or B, 1)
    if mean == "geometric":
        return (shares * member_logits.float()).sum(dim=0)
    if mean == "arithmetic":
        log_p = F.log_softmax(member_logits.float() / temperature, dim=-1)
        return temperature * (log_p + shares.log()).logsumexp(dim=0)
    raise ValueError(f"got mean={mean!r}; expected one of {', '.join(MEANS)}")


def shares_of(weights: torch.Tensor | None, member_logits: torch.Tensor) -> torch.Tensor:
    """The weights scaled to sum 1 over the members, (M, 1) or (M, B)."""
    members, images, _ = member_logits.shape
    if weights is None:
        weights = torch.ones(members, device=member_logits.device)
    if weights.shape not in ((members,), (members, images)):
        raise ValueError(
            f"got weights of shape {tuple(weights.shape)}; expected ({members},) or "
            f"({members}, {images}), one for each member"
        )
    sums = weights.sum(dim=0)
    if not (weights >= 0).all() or not (sums > 0).all() or not torch.isfinite(sums).all():
        raise ValueError(
            f"got weights {weights.tolist()}; expected finite ones, none negative, not all 0"
        )
    wide = weights.float().view(members, -1)
    return wide / wide.sum(dim=0)


def check_members(member_logits: torch.Tensor) -> None:
    if member_logits.dim() != 3 or not len(member_logits):
        raise ValueError(
            f"got members' logits of shape {tuple(member_logits.shape)}; expected "
            "(members, batch, classes) with at least one member"
        )


def stack_members(logits: Sequence[torch.Tensor]) -> torch.Tensor:
    """(B, K) of each member → (M, B, K).

    Raises:
        ValueError: members with different numbers of classes or images, or none at all.
    """
    shapes = {tuple(z.shape) for z in logits}
    if len(shapes) != 1:
        raise ValueError(
            f"got members with logits of shapes {sorted(shapes)}; expected one shape: all members "
            "must know the same classes"
        )
    return torch.stack(list(logits))


def confidence_weights(member_logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Weights (M, B) that prefer members closer to the label (CA-MKD, Zhang et al., arXiv
    2201.00007).

    w_m = (1 - softmax over members of CE_m) / (M - 1), CE at T = 1; they sum to 1 for each image.

    Args:
        member_logits: (M, B, K), at least two members. labels: (B,), every image labelled.
    """
    check_members(member_logits)
    members = len(member_logits)
    if members < 2:
        raise ValueError("got one member; expected at least two to weigh against each other")
    losses = torch.stack(
        [F.cross_entropy(z.float(), labels, reduction="none") for z in member_logits]
    )
    return (1 - losses.softmax(dim=0)) / (members - 1)


@dataclass(frozen=True)
class Mean(Team):
    """The mean of the members' distributions, by `joined_logits`."""

    mean: str = "arithmetic"  # or "geometric"
    weights: tuple[float, ...] = ()  # one for each member; none: all alike

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mean not in MEANS:
            raise ValueError(f"got mean={self.mean!r}; expected one of {', '.join(MEANS)}")
        if self.weights:
            shares_of(torch.tensor(self.weights), torch.zeros(len(self.members), 1, 1))

    @property
    def words(self) -> str:
        return self.mean

    def answer(self, batch, members, room):
        logits = stack_members([member(batch) for member in members])
        weights = torch.tensor(self.weights, device=logits.device) if self.weights else None
        how = {"mean": self.mean, "temperature": room.temperature, "weights": weights}
        return joined_logits(logits, **how)


@dataclass(frozen=True)
class WeightedByConfidence(Team):
    """The arithmetic mean, weighted for each image by `confidence_weights` (CA-MKD)."""

    changes: ClassVar[bool] = True  # with the label
    words: ClassVar[str] = "confidence"

    def check_members(self, special):
        super().check_members(special)
        if len(special) < 2:
            raise ValueError("got one member; expected at least two to weigh against each other")

    def answer(self, batch, members, room):
        logits = stack_members([member(batch) for member in members])
        weights = confidence_weights(logits, batch.labels)
        how = {"temperature": room.temperature, "weights": weights}
        return joined_logits(logits, mean="arithmetic", **how)


@dataclass(frozen=True)
class Switching(Team):
    """One member a mini-batch, drawn anew (Fukuda et al., Interspeech 2017)."""

    changes: ClassVar[bool] = True
    words: ClassVar[str] = "switch"

    def answer(self, batch, members, room):
        # The loop seeds PyTorch anew for each step, so a resumed run draws the same member.
        return members[int(torch.randint(len(members), ()))](batch)


@dataclass(frozen=True)
class OnceEach(Team):
    """In M passes over its images every image meets every member once (Fukuda et al. 2017)."""

    changes: ClassVar[bool] = True
    words: ClassVar[str] = "once each"

    def answer(self, batch, members, room):
        logits = stack_members([member(batch) for member in members])
        # Of several processes that train together each has its part of the batch, by rank.
        place = torch.arange(len(batch.index), device=batch.index.device)
        before = (batch.step * distributed.size() + distributed.rank()) * len(place)
        passes = (before + place) // room.images
        return logits[(batch.index + passes) % len(members), place]
