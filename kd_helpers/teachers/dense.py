"""Sources side by side, for methods with a soft term for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from kd_helpers.teachers.team import Team


@dataclass(frozen=True)
class Dense(Team):
    """Each member on all classes, (B, M·K), for `DenselyGuidedKD` (Son et al. 2021)."""

    apart: ClassVar[bool] = True
    words: ClassVar[str] = "dense"

    def answer(self, batch, members, room):
        return torch.cat([member(batch) for member in members], dim=1)
