"""A lesson: what is done with a teacher's answer before it is learnt from. Treatments compose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch

from kd_helpers.data.splits import UNLABELLED
from kd_helpers.methods.decoupled import decoupled_parts
from kd_helpers.methods.dynamic_temperature import cwsm_temperatures, flsw_temperatures
from kd_helpers.methods.hinton import distillation_terms, kd_rows
from kd_helpers.methods.selective import selective_loss
from kd_helpers.methods.standardised_logits import standardise
from kd_helpers.methods.teacher_free import virtual_teacher
from kd_helpers.methods.teacher_mistakes import (
    mask_weights,
    replace_mistakes,
    swap_mistakes,
    trust_weights,
)
from kd_helpers.methods.top_k import entry_rows, random_entries, small_entries, top_entries
from kd_helpers.methods.weighted_soft_labels import confidence_gate, wsld_weights
from kd_helpers.runtime.validate import check_share, check_temperature

CORRECTIONS = ("off", "swap", "replace", "replace, soften")
TEMPERATURES = ("one", "flsw", "cwsm")
COMPARED = ("all", "decoupled", "top", "small", "random")
WEIGHTS = ("even", "mask", "trust", "wsld", "above", "below")
NEED_LABELS = ("decoupled", "wsld")


@dataclass(frozen=True)
class Lesson:
    """How the soft term is made; the default is Hinton's. In this order: a wrong answer is
    corrected, logits are standardised, each image gets its temperature, distributions are compared,
    images are weighted. Sources and formulas: `corrections`, `confidence`, `entries`."""

    # Of wrong answers: "swap" entries; "replace" by a smoothed label, which is the target as it is,
    # or ("replace, soften") softened by T like the other answers.
    correction: str = "off"
    smoothing: float = 0.1  # ε of that label
    standardised: bool = False  # logits of teacher and student
    temperatures: str = "one"  # for all images, or one for each: "flsw", "cwsm"
    compared: str = "all"  # entries, or the "decoupled" parts, or "top", "small", "random" entries
    target_weight: float = 1.0  # of the part that tells the true class (decoupled)
    other_weight: float = 8.0  # of the part that tells the other classes apart (decoupled)
    count: int = 3  # entries kept beside the true class (top), or left out (small)
    lump: bool = True  # top and small: the other entries become one bin; else they are dropped
    dropped: float = 0.1  # share of entries (random)
    weights: str = "even"  # of images: "mask" or "trust" (mistakes), "wsld", "above", "below"
    threshold: float = 0.9  # the teacher's top probability at T = 1 (above, below)
    virtual: float = 0.0  # above 0: no teacher, but this confidence in the label (Tf-KD)
    strength: float = 1.0  # factor of the whole soft term: the papers use weights beyond 1
    warm_up: float = 0.0  # share of the steps in which the soft term grows from 0 to its size

    def __post_init__(self) -> None:
        choices = {
            "correction": CORRECTIONS,
            "temperatures": TEMPERATURES,
            "compared": COMPARED,
            "weights": WEIGHTS,
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(
                    f"got {name}={getattr(self, name)!r}; expected one of {', '.join(known)}"
                )
        for name in ("smoothing", "dropped", "threshold", "virtual", "warm_up"):
            check_share(name, getattr(self, name))
        for name in ("target_weight", "other_weight", "strength"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(
                    f"got {name}={getattr(self, name)}; expected 0 or a finite number above"
                )
        if type(self.count) is not int or self.count < 0:  # 5.0 would be another recipe than 5
            raise ValueError(f"got count={self.count!r}; expected a whole number, 0 or more")
        if self.correction.startswith("replace") and not self.smoothing:
            raise ValueError("got smoothing=0 and a replacing label; expected more than 0")
        if self.virtual == 1:
            raise ValueError("got virtual=1; expected less: logits cannot say 'always'")
        if self.compared == "decoupled" and self.temperatures != "one":
            raise ValueError("got decoupled parts with a temperature for each image; choose one")

    def __call__(
        self,
        student_logits: torch.Tensor,
        teacher_logits: torch.Tensor,
        labels: torch.Tensor,
        *,
        temperature: float,
    ) -> torch.Tensor:
        """The soft term, a scalar: mean over the batch of T² · weight · comparison.

        Args:
            student_logits, teacher_logits: (B, K). labels: (B,) int64, UNLABELLED where hidden.
            temperature: T > 0; with flsw and cwsm the mean of the images' temperatures.

        Raises:
            ValueError: a hidden label where the lesson needs all of them.
        """
        check_temperature(temperature)
        if {self.compared, self.weights} & set(NEED_LABELS) and (labels == UNLABELLED).any():
            raise ValueError(
                f"got images without a label; expected labels for all: "
                f"{self.compared}/{self.weights} asks how sure the teacher is of the true class"
            )
        weights = self.image_weights(student_logits, teacher_logits, labels)
        teacher = self.corrected(teacher_logits, labels, temperature)
        student = student_logits
        if self.standardised:
            student, teacher = standardise(student), standardise(teacher)
        heat = self.image_temperatures(student, teacher, temperature)
        rows = self.rows(student, teacher, labels, heat)
        squared = heat**2 if isinstance(heat, float) else heat[:, 0] ** 2
        return self.strength * (weights * squared * rows).mean()

    def corrected(
        self, teacher_logits: torch.Tensor, labels: torch.Tensor, temperature: float
    ) -> torch.Tensor:
        """The teacher's logits (B, K) after the correction of mistakes."""
        if self.correction == "swap":
            return swap_mistakes(teacher_logits, labels)
        if self.correction == "off":
            return teacher_logits
        heat = temperature if self.correction == "replace" else 1.0
        return replace_mistakes(teacher_logits, labels, smoothing=self.smoothing, temperature=heat)

    def image_temperatures(
        self, student: torch.Tensor, teacher: torch.Tensor, temperature: float
    ) -> float | torch.Tensor:
        """T for all images, or (B, 1) with one for each."""
        if self.temperatures == "flsw":
            return flsw_temperatures(student, teacher, temperature=temperature)[:, None]
        if self.temperatures == "cwsm":
            return cwsm_temperatures(student, temperature=temperature)[:, None]
        return float(temperature)

    def rows(
        self,
        student: torch.Tensor,
        teacher: torch.Tensor,
        labels: torch.Tensor,
        temperature: float | torch.Tensor,
    ) -> torch.Tensor:
        """What is compared, for each image (B,), not yet times T²."""
        if self.compared == "all":
            return kd_rows(student, teacher, temperature)
        if self.compared == "decoupled":
            own, others, _ = decoupled_parts(student, teacher, labels, temperature=temperature)
            return self.target_weight * own + self.other_weight * others
        keep = {
            "top": lambda: top_entries(teacher, self.count, labels),
            "small": lambda: small_entries(teacher, self.count),
            "random": lambda: random_entries(teacher, self.dropped),
        }[self.compared]()
        lump = self.lump and self.compared != "random"
        return entry_rows(student, teacher, keep, temperature, lump=lump)

    def image_weights(
        self, student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """A weight for each image, (B,), from the logits as they came."""
        if self.weights == "mask":
            return mask_weights(teacher, labels)
        if self.weights == "trust":
            return trust_weights(teacher, labels)
        if self.weights == "wsld":
            return wsld_weights(student, teacher, labels)
        if self.weights in ("above", "below"):
            return confidence_gate(teacher, self.threshold, above=self.weights == "above")
        return torch.ones_like(student[:, 0])


HINTON = Lesson()


@dataclass(frozen=True)
class DistillationLoss:
    """The loss of a recipe: (1 - kd_weight) · CE + kd_weight · the lesson. For `training`."""

    temperature: float = 4.0
    kd_weight: float = 0.0
    label_smoothing: float = 0.0
    lesson: Lesson = HINTON
    groups: tuple[tuple[int, ...], ...] = ()  # of a selective team: one soft term for each
    zeros: bool = False  # see `selective.selective_loss`

    def at(self, progress: float) -> DistillationLoss:
        """The loss when this share of the steps is done, 0..1: smaller during the warm-up."""
        if progress >= self.lesson.warm_up:
            return self
        grown = self.lesson.strength * progress / self.lesson.warm_up
        return replace(self, lesson=replace(self.lesson, strength=grown))

    def __call__(
        self,
        student_logits: torch.Tensor,
        teacher_logits: torch.Tensor | None,
        labels: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """{"loss", "ce", "kd"}, as `losses.distillation_terms`."""
        if self.lesson.virtual:
            teacher_logits = virtual_teacher(labels, student_logits.shape[1], self.lesson.virtual)
        soft_loss = None if self.lesson == HINTON else self.lesson
        if self.groups:
            soft_loss = partial(selective_loss, groups=self.groups, zeros=self.zeros)
        return distillation_terms(
            student_logits,
            teacher_logits,
            labels,
            temperature=self.temperature,
            kd_weight=self.kd_weight,
            label_smoothing=self.label_smoothing,
            soft_loss=soft_loss,
        )
