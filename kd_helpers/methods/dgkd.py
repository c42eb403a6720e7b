"""Several sources for one student, one soft term each: densely guided distillation (DGKD).

Son, Na, Choi, Hwang, ICCV 2021 (arXiv 2009.08825). With n assistants and their teacher as sources:
(n + 1)(1 - λ)·CE + λ·Σ T²·KL(source ‖ student); λ is our kd_weight. Stochastic: each source is left
out of a mini-batch with probability 1 - survival.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kd_helpers.methods.hinton import hard_loss, kd_loss
from kd_helpers.runtime.validate import check_share

SCALES, LABEL_TERMS = ("sum", "mean"), ("each", "once")


@dataclass(frozen=True)
class Sources:
    """How the sources of a dense team are put together."""

    survival: float = 1.0  # probability that a source teaches a mini-batch
    removed: int = 0  # or: exactly so many, drawn anew, are left out of each (the public code)
    # Of the whole loss: the paper's sum; or its "mean", divided by the number of sources.
    scale: str = "sum"
    label_term: str = "each"  # (n + 1)(1 - λ), the paper's; or "once", 1 - λ, the public code's
    strength: float = 1.0  # factor of every soft term; public code: 1 / classes (see `climb`)

    def __post_init__(self) -> None:
        check_share("survival", self.survival)
        if type(self.removed) is not int or self.removed < 0:
            raise ValueError(f"got removed={self.removed!r}; expected a whole number, 0 or more")
        if self.removed and self.survival < 1:
            raise ValueError("got survival and removed; choose one of them")
        if not 0 < self.strength < float("inf"):
            raise ValueError(f"got strength={self.strength}; expected a number above 0")
        for name, known in (("scale", SCALES), ("label_term", LABEL_TERMS)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"got {name}={getattr(self, name)!r}; expected one of {', '.join(known)}"
                )


ALL_SOURCES = Sources()


def draw_sources(count: int, sources: Sources) -> torch.Tensor:
    """Which of `count` sources teach this mini-batch, (count,) bool; from PyTorch's random numbers.

    The loop seeds these anew for each step, so a resumed training draws the same.
    """
    if sources.removed:
        if sources.removed >= count:
            raise ValueError(f"got removed={sources.removed} of {count} sources; expected fewer")
        return torch.randperm(count) >= sources.removed
    if sources.survival == 1:
        return torch.ones(count, dtype=torch.bool)
    return torch.rand(count) < sources.survival


@dataclass(frozen=True)
class DenseLoss:
    """The loss of a recipe with a dense team. For `training`."""

    temperature: float
    kd_weight: float
    label_smoothing: float
    sources: Sources

    def __call__(
        self, student_logits: torch.Tensor, told: torch.Tensor, labels: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """{"loss", "ce", "kd"}: scalars; kd is the sum over the sources that teach.

        Where all sources were left out the mini-batch teaches its labels only, at the usual weight.

        Args:
            student_logits: (B, K). told: (B, M·K), the sources' logits side by side.
            labels: (B,), UNLABELLED where hidden.
        """
        classes = student_logits.shape[1]
        if told.shape[1] % classes or not told.shape[1]:
            raise ValueError(
                f"got {told.shape[1]} outputs of all sources; expected a multiple of {classes}, the "
                "student's classes: all must know the same"
            )
        parts = told.split(classes, dim=1)
        teach = draw_sources(len(parts), self.sources)
        ce = hard_loss(student_logits, labels, label_smoothing=self.label_smoothing)
        kd = torch.zeros_like(ce)
        for part, is_on in zip(parts, teach.tolist(), strict=True):
            if is_on:
                kd = kd + kd_loss(student_logits, part, temperature=self.temperature)
        times = len(parts) if self.sources.label_term == "each" else 1
        kd = self.sources.strength * kd
        loss = times * (1 - self.kd_weight) * ce + self.kd_weight * kd
        if self.sources.scale == "mean":
            loss = loss / len(parts)
        return {"loss": loss, "ce": ce.detach(), "kd": kd.detach()}
