"""What a method is: a frozen dataclass with a call. Its fields are all that it depends on.

A new method is one file with one class, and one line in `methods/__init__.py`: no list has to be
told, and no string chooses it. Most are a `Distillation` that says how two answers are compared.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import nn

from kd_helpers.methods.labels import as_class_weights
from kd_helpers.methods.terms import hard_loss
from kd_helpers.runtime.plain import Plain, check_share, check_temperature

Terms = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Method(Plain):
    """What a student minimises: (student, teacher, labels) → {"loss": …, other named terms}."""

    # Whether teacher logits are asked for; whether those of several sources come side by side.
    needs_teacher: ClassVar[bool] = True
    sources_apart: ClassVar[bool] = False
    # Whether a training that was cut off can go on from its weights and optimiser alone.
    resumable: ClassVar[bool] = True
    # Whether a call does nothing but arithmetic, so that a GPU may replay it (`training.recorded`).
    recordable: ClassVar[bool] = True

    @property
    def needs_features(self) -> tuple[str, ...]:
        """The layers of student and teacher whose outputs are asked for; none by default.

        They come to the call after the labels, the student's through `regressor`.
        """
        return ()

    def regressor(self, student: torch.Tensor, teacher: torch.Tensor) -> nn.Module:
        """Brings the student's features (B, …) to the teacher's size; trained with the student."""
        return nn.Identity()

    @property
    def core(self) -> Method:
        """The method inside all treatments, which holds the temperature and the weights."""
        return self

    def at(self, progress: float) -> Callable[..., Terms]:
        """The loss when this share of the steps is done, 0..1."""
        return self

    def around(self, student: nn.Module, dataset: object) -> contextlib.AbstractContextManager:
        """Entered for the whole training; gives what is called with the history at each report."""
        return contextlib.nullcontext()

    def __call__(
        self,
        student_logits: torch.Tensor,
        teacher_logits: torch.Tensor | None,
        labels: torch.Tensor,
    ) -> Terms:
        """Student (B, K), teacher (B, K) or None, labels (B,) int64 with UNLABELLED where hidden,
        or soft ones (B, K).

        Scalars; only "loss" is to be minimised, the others are for plots.
        """
        raise NotImplementedError


class ByFunction(Method):
    """Anybody's function of that form as a method, for the loop."""

    recordable: ClassVar[bool] = False

    def __init__(self, function: Callable[..., Terms]) -> None:
        object.__setattr__(self, "function", function)

    def __call__(self, *given: torch.Tensor | None) -> Terms:
        return self.function(*given)


class LabelTerm(Method):
    """A method that minimises, beside other things, the cross-entropy with the labels."""

    label_smoothing: float
    class_weights: tuple[float, ...]

    def check_label_term(self) -> None:
        check_share("label_smoothing", self.label_smoothing)
        object.__setattr__(self, "class_weights", as_class_weights(self.class_weights))

    def label_term(self, student: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Smoothed and weighted, mean over the labelled images: a scalar."""
        return hard_loss(
            student, labels, label_smoothing=self.label_smoothing, class_weights=self.class_weights
        )


@dataclass(frozen=True, kw_only=True)
class CrossEntropy(LabelTerm):
    """The labels alone, smoothed or not: the baseline of every comparison."""

    label_smoothing: float = 0.0  # ε in 0..1 (Szegedy et al. 2016)
    class_weights: tuple[float, ...] = ()  # one for each class; (): all weigh the same
    needs_teacher: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_label_term()

    def __call__(self, student_logits, teacher_logits, labels) -> Terms:
        ce = self.label_term(student_logits, labels)
        return {"loss": ce, "ce": ce.detach(), "kd": torch.zeros_like(ce.detach())}


class SoftMethod(Method):
    """A method with a soft term: one that compares, or a treatment of one.

    `rows` gives the soft term of each image, (B,), times T²; `compare` the same at a temperature of
    the caller's, T > 0 or (B, 1) with one for each image, and not yet times T².
    """

    core: Distillation

    def compare(
        self,
        student: torch.Tensor,
        teacher: torch.Tensor,
        labels: torch.Tensor,
        temperature: float | torch.Tensor,
    ) -> torch.Tensor:
        raise NotImplementedError

    def rows(
        self, student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        raise NotImplementedError

    def soft(
        self, student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """The soft term, a scalar: the mean over the images."""
        return self.rows(student, teacher, labels).mean()

    def at(self, progress: float) -> Callable[..., Terms]:
        """Smaller during the warm-up."""
        core = self.core
        if progress >= core.warm_up:
            return self
        return partial(self.terms, strength=core.strength * progress / core.warm_up)

    def __call__(self, student_logits, teacher_logits, labels) -> Terms:
        return self.terms(student_logits, teacher_logits, labels, strength=self.core.strength)

    def terms(
        self,
        student: torch.Tensor,
        teacher: torch.Tensor | None,
        labels: torch.Tensor,
        strength: float,
    ) -> Terms:
        """(1 - kd_weight) · ce + kd_weight · kd, and these two."""
        if teacher is None and self.needs_teacher:
            raise ValueError(f"got {type(self).__name__} and no teacher's logits; give a teacher")
        core = self.core
        ce = core.label_term(student, labels)
        kd = strength * self.soft(student, teacher, labels)
        loss = (1 - core.kd_weight) * ce + core.kd_weight * kd
        return {"loss": loss, "ce": ce.detach(), "kd": kd.detach()}


@dataclass(frozen=True, kw_only=True)
class Distillation(SoftMethod, LabelTerm):
    """Labels and a teacher: (1 - kd_weight) · CE + kd_weight · strength · T² · mean `compare`."""

    temperature: float = 4.0  # T > 0, of the soft term
    kd_weight: float = 0.9  # α, weight of the soft targets, 0..1; the labels get the rest
    label_smoothing: float = 0.0  # ε of the label term, 0..1
    strength: float = 1.0  # factor of the soft term: some papers use weights beyond 1
    warm_up: float = 0.0  # share of the steps in which the soft term grows from 0 to its size
    class_weights: tuple[float, ...] = ()  # of the label term, one for each class; (): all the same

    def __post_init__(self) -> None:
        super().__post_init__()
        check_temperature(self.temperature)
        self.check_label_term()
        for name in ("kd_weight", "warm_up"):
            check_share(name, getattr(self, name))
        if not 0 <= self.strength < float("inf"):
            raise ValueError(f"got strength={self.strength}; expected 0 or a finite number above")
        if self.kd_weight == 1 and (self.label_smoothing or self.class_weights):
            given = "label_smoothing" if self.label_smoothing else "class_weights"
            raise ValueError(
                f"got {given} and kd_weight=1: there is no label term to smooth or to weigh"
            )

    @property
    def core(self) -> Distillation:
        return self

    def rows(self, student, teacher, labels):
        return self.temperature**2 * self.compare(student, teacher, labels, self.temperature)
