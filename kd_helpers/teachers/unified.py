"""Unified specialists (USTE) as sources: the towers of one network, each on its own classes.

After the public code of Zaras, Passalis and Tefas 2021. As one teacher, a network of towers is a
recipe like any other; here its towers are heard one by one, for `SelectiveKD`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kd_helpers.teachers.team import Team


@dataclass(frozen=True)
class Unified(Team):
    """The towers of the one member side by side, (B, Σ|S|)."""

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
