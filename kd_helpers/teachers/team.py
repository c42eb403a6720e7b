"""Several teachers as one: what a team is in a recipe, and how it comes to answer.

A new way of joining is one file with one class and one line in `teachers/__init__.py`. Most say in
`answer` what is made of the members' logits; one that needs more than answers overrides `build`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import torch

from kd_helpers.runtime.plain import Plain
from kd_helpers.teachers.teacher import Batch, Members, Teacher

if TYPE_CHECKING:
    from torch import nn

    from kd_helpers.data.class_groups import Groups


class Room(Protocol):
    """What a team is told of the training that it teaches in, and can ask for."""

    temperature: float  # of the soft term
    images: int  # how many the student sees
    rows: torch.Tensor  # (images,) which
    seed: int
    schedule: Any

    def cached(self, recipe: Any, *, apart: bool = False) -> Teacher:
        """A trained member with a memory that all its students share; apart: of its towers."""
        ...

    def remembered(self, teacher: Teacher) -> Teacher:
        """A teacher with a memory of its own, for what takes long and does not change."""
        ...

    def network(self, recipe: Any) -> nn.Module:
        """A member's network, trained, for this team alone."""
        ...

    def shares(self, groups: Groups) -> list[float]:
        """How much of the training images the classes of each group are, from 0 to 1."""
        ...


@dataclass(frozen=True)
class Team(Plain):
    """Several trained networks, given by their recipes."""

    members: tuple = ()  # recipes
    # Whether the answer is that of all sources side by side, for a method with a term for each;
    # whether it depends on more than image and view; whether a training can go on after a break.
    apart: ClassVar[bool] = False
    changes: ClassVar[bool] = False
    resumable: ClassVar[bool] = True
    fewest: ClassVar[int] = 1  # members

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.members) < self.fewest:
            raise ValueError(
                f"got a {type(self).__name__} team without members; expected one or more"
            )
        self.check_members([bool(member.special) for member in self.members])

    def check_members(self, special: list[bool]) -> None:
        """Raise ValueError where members do not fit; special: which have classes of their own."""
        if any(special):
            raise ValueError(
                f"got {sum(special)} members with special classes in a {type(self).__name__} team; "
                "expected members that know all classes"
            )

    @property
    def groups(self) -> Groups:
        """The classes of each source, where sources have classes of their own."""
        return ()

    @property
    def words(self) -> str:
        return type(self).__name__

    def build(self, room: Room) -> Teacher:
        """The teacher that this team is in one training."""
        return Joined(self, [room.cached(member) for member in self.members], room)

    def answer(self, batch: Batch, members: Sequence[Teacher], room: Room) -> torch.Tensor:
        """Logits (B, K), to be softened at `room.temperature`."""
        raise NotImplementedError


class Joined(Members):
    """A team at work: its members, and its way of joining what they say."""

    def __init__(self, team: Team, members: Sequence[Teacher], room: Room) -> None:
        self.team, self.members, self.room = team, list(members), room
        self.changes = team.changes or any(member.changes for member in members)
        self.recordable = not self.changes and all(member.recordable for member in members)

    def __call__(self, batch: Batch) -> torch.Tensor:
        return self.team.answer(batch, self.members, self.room)
