"""Methods over a method: something is done to the logits, or to the weight of each image.

They combine: `Standardised(SwapMistakes(HintonKD(temperature=2.0)))` standardises, then swaps. What
stands outside comes first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kd_helpers.methods.hinton import HintonKD
from kd_helpers.methods.method import Distillation, SoftMethod

PLAIN_KD = HintonKD()


@dataclass(frozen=True)
class Treatment(SoftMethod):
    """Another method, given treated logits; T, weights and warm-up are those of that method."""

    method: SoftMethod = PLAIN_KD

    def __post_init__(self) -> None:
        super().__post_init__()
        inner = self.method
        if not isinstance(inner, SoftMethod) or inner.sources_apart or not inner.needs_teacher:
            raise ValueError(
                f"got {type(self).__name__} of {type(inner).__name__}; expected a method that "
                "compares one teacher with the student (what needs no teacher stands outside)"
            )

    @property
    def core(self) -> Distillation:
        return self.method.core

    def treated(
        self, student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What the method inside gets to see of both logits, (B, K) each."""
        return student, teacher

    def compare(self, student, teacher, labels, temperature):
        return self.method.compare(*self.treated(student, teacher, labels), labels, temperature)

    def rows(self, student, teacher, labels):
        return self.method.rows(*self.treated(student, teacher, labels), labels)


class Weighted(Treatment):
    """Another method with a weight for each image, from the logits as they come."""

    def weights(
        self, student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """(B,), 0 or more, without gradient."""
        raise NotImplementedError

    def compare(self, student, teacher, labels, temperature):
        rows = self.method.compare(student, teacher, labels, temperature)
        return self.weights(student, teacher, labels) * rows

    def rows(self, student, teacher, labels):
        return self.weights(student, teacher, labels) * self.method.rows(student, teacher, labels)
