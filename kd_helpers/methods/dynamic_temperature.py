"""A temperature for each image. Wen et al., arXiv 1911.07471."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from kd_helpers.methods.hinton import kd_rows
from kd_helpers.runtime.validate import check_temperature

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


def own_temperature_loss(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, temperatures: torch.Tensor
) -> torch.Tensor:
    """mean(T_x² · KL at T_x) for a temperature (B,) of each image's own."""
    rows = kd_rows(student_logits, teacher_logits, temperatures[:, None])
    return (rows * temperatures**2).mean()
