"""What a confident teacher does to its lesson, and what can be done about it. Pure functions.

Logits are (B, K), student first; a weight or a temperature has one entry for each image, (B,).
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from kd_helpers.losses import check_logits, kd_rows
from kd_helpers.targets import check_temperature

FLOOR = 0.25  # share of the base temperature below which no image's own temperature falls


def standardise(logits: torch.Tensor) -> torch.Tensor:
    """Each row with mean 0 and standard deviation 1 (Sun et al. 2024, arXiv 2403.01427).

    Takes the size of a teacher's logits out of its lesson: standardise(a·z + b) = standardise(z)
    for a > 0. To be applied to teacher and student both. (B, K) → (B, K) float32.
    """
    wide = logits.float()
    centred = wide - wide.mean(dim=-1, keepdim=True)
    return centred / (wide.std(dim=-1, keepdim=True) + 1e-7)


def decoupled_parts(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, labels: torch.Tensor, *,
    temperature: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:  # fmt: skip
    """The two lessons in KL(teacher ‖ student) (Zhao et al. 2022, arXiv 2203.08679, eq. 7).

    KL = TCKD + (1 - p_t) · NCKD: how sure the teacher is of the true class, and how it tells the
    other classes apart; p_t is its probability of the true class at T. Not yet times T².

    Computed from log-probabilities, without the logarithm of a sum that may be 0: finite also where
    the student gives the other classes no mass that float32 could hold.

    Args:
        labels: (B,) int64, every image labelled.

    Returns:
        TCKD (B,), NCKD (B,), p_t (B,).
    """
    check_temperature(temperature)
    check_logits(student_logits, teacher_logits)
    own = F.one_hot(labels, student_logits.shape[1]).bool()
    sides = []
    for logits in (student_logits, teacher_logits.detach()):
        log_p = F.log_softmax(logits.float() / temperature, dim=-1)
        others = log_p[~own].view(len(log_p), -1)  # (B, K - 1)
        pair = torch.stack([log_p[own], others.logsumexp(dim=-1)], dim=-1)  # (B, 2)
        sides.append((pair, F.log_softmax(others, dim=-1)))
    (student_pair, student_others), (teacher_pair, teacher_others) = sides
    tckd = F.kl_div(student_pair, teacher_pair, reduction="none", log_target=True).sum(dim=-1)
    nckd = F.kl_div(student_others, teacher_others, reduction="none", log_target=True).sum(dim=-1)
    return tckd, nckd, teacher_pair[:, 0].exp()


def decoupled_loss(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, labels: torch.Tensor, *,
    temperature: float, target_weight: float = 1.0, other_weight: float = 8.0,
) -> torch.Tensor:  # fmt: skip
    """Decoupled KD: T² · mean(α · TCKD + β · NCKD) (Zhao et al. 2022); α, β the two weights.

    With β = 8 and a fresh student its gradient is large: let it grow over the first steps.
    """
    tckd, nckd, _ = decoupled_parts(student_logits, teacher_logits, labels, temperature=temperature)
    return (target_weight * tckd + other_weight * nckd).mean() * temperature**2


def flsw_temperatures(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, *,
    temperature: float, beta: float = 1.0, gamma: float = 2.0,
) -> torch.Tensor:  # fmt: skip
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


def wsld_weights(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Weights of weighted soft labels: w = 1 - exp(-CE_student / CE_teacher), at T = 1 (B,).

    Near 1 where the teacher is surely right, near 0 where the student is better already (Zhou et
    al. 2021, arXiv 2102.00650). Without gradient.
    """
    own, others = (
        F.cross_entropy(logits.detach().float(), labels, reduction="none")
        for logits in (student_logits, teacher_logits)
    )
    return 1 - torch.exp(-own / others.clamp(min=1e-12))


def confidence_gate(teacher_logits: torch.Tensor, threshold: float, *, above: bool) -> torch.Tensor:
    """1.0 where the teacher's top probability (T = 1) is at least `threshold`, else 0.0; (B,).

    `above=False` turns it round: only what the teacher is not sure of is taught.
    """
    top = F.softmax(teacher_logits.detach().float(), dim=-1).max(dim=-1).values
    return ((top >= threshold) == above).float()


def own_temperature_loss(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, temperatures: torch.Tensor
) -> torch.Tensor:
    """mean(T_x² · KL at T_x) for a temperature (B,) of each image's own."""
    rows = kd_rows(student_logits, teacher_logits, temperatures[:, None])
    return (rows * temperatures**2).mean()
