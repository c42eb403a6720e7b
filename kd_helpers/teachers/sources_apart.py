"""Sources side by side, for methods with a soft term for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from kd_helpers.teachers.specialists import Specialists, correct_dustbins
from kd_helpers.teachers.team import Team


@dataclass(frozen=True)
class Dense(Team):
    """Each member on all classes, (B, M·K), for `DenselyGuidedKD` (Son et al. 2021)."""

    apart: ClassVar[bool] = True
    words: ClassVar[str] = "dense"

    def answer(self, batch, members, room):
        return torch.cat([member(batch) for member in members], dim=1)


@dataclass(frozen=True)
class SpecialistsApart(Team):
    """A generalist and its specialists side by side, for `SelectiveKD`: (B, K + Σ(|S| + 1))."""

    apart: ClassVar[bool] = True
    words: ClassVar[str] = "selective"
    check_members = Specialists.check_members
    groups = Specialists.groups

    def answer(self, batch, members, room):
        told = [member(batch) for member in members]
        return torch.cat(correct_dustbins(told, room.shares(self.groups)), dim=1)


@dataclass(frozen=True)
class Unified(Team):
    """The towers of one network side by side, (B, Σ|S|), for `SelectiveKD`.

    Unified specialists (USTE), after the public code of Zaras, Passalis and Tefas 2021. As one
    teacher, a network of towers is a recipe like any other; here its towers are heard one by one.
    """

    apart: ClassVar[bool] = True
    words: ClassVar[str] = "selective"

    def check_members(self, special):
        super().check_members(special)
        if len(special) != 1 or not self.members[0].towers:
            raise ValueError(
                f"got a Unified team of {len(special)} members without towers; expected one "
                "member, a network of towers"
            )

    @property
    def groups(self):
        return self.members[0].towers.groups

    def build(self, room):
        return room.cached(self.members[0], apart=True)
