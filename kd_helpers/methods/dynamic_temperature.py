"""Dynamic temperature distillation. Wen et al., arXiv 1911.07471; chapter 03.

T_x = T + β · (mean ω - ω_x): lower for images that confuse the student, with two measures ω.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from kd_helpers.methods.treatment import Treatment
from kd_helpers.runtime.plain import check_temperature

FLOOR = 0.25  # share of the base temperature below which no image's own temperature falls


def flsw_temperatures(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    *,
    temperature: float,
    beta: float = 1.0,
    gamma: float = 2.0,
) -> torch.Tensor:
    """A temperature for each image, lower where student and teacher point in different directions.

    FLSW of Wen et al. (arXiv 1911.07471): ω = (1 - cos(student, teacher))^γ, then
    T_x = T + β · (mean ω - ω_x). Returns (B,), mean T, without gradient.
    """
    similarity = F.cosine_similarity(student_logits.float(), teacher_logits.float(), dim=-1)
    return spread_temperatures((1 - similarity.detach()) ** gamma, temperature, beta)


def cwsm_temperatures(
    student_logits: torch.Tensor, *, temperature: float, beta: float = 1.0
) -> torch.Tensor:
    """A temperature for each image, lower where the student is unsure.

    CWSM of Wen et al. (arXiv 1911.07471): ω = 1 / (the student's top probability).
    Returns (B,), mean T, without gradient.
    """
    top = F.softmax(student_logits.detach().float(), dim=-1).max(dim=-1).values
    return spread_temperatures(1 / top, temperature, beta)


def spread_temperatures(confusion: torch.Tensor, temperature: float, beta: float) -> torch.Tensor:
    """T + β · (mean ω - ω_x), the deviations shrunk together where one would fall below T/4.

    The paper has no such limit, and with it T_x ≤ 0 for a very confused image. The mean stays T.
    """
    check_temperature(temperature)
    deviation = beta * (confusion.mean() - confusion)
    lowest = (-deviation.min()).clamp(min=1e-12)
    return temperature + deviation * ((1 - FLOOR) * temperature / lowest).clamp(max=1.0)


class DynamicTemperature(Treatment):
    """The method inside compares at a temperature of each image's own, with mean T."""

    def temperatures(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """(B,), above 0, without gradient."""
        raise NotImplementedError

    def rows(self, student, teacher, labels):
        temperature = self.temperatures(student, teacher)[:, None]
        return temperature[:, 0] ** 2 * self.method.compare(student, teacher, labels, temperature)


@dataclass(frozen=True)
class FLSW(DynamicTemperature):
    """Focal loss style weights: lower T where student and teacher point in different directions."""

    def temperatures(self, student, teacher):
        return flsw_temperatures(student, teacher, temperature=self.core.temperature)


@dataclass(frozen=True)
class CWSM(DynamicTemperature):
    """Confidence weighted by the student's maximum: lower T where the student is unsure."""

    def temperatures(self, student, teacher):
        return cwsm_temperatures(student, temperature=self.core.temperature)
