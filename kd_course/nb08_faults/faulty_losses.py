"""Mistakes of published code, to be switched on in the real loop: methods with one line wrong.

For notebook 08 only; where each was found is in `exhibits`. Faults of teachers: `faulty_teachers`.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn import functional as F

from kd_helpers.experiments.metrics import accuracy
from kd_helpers.methods.hinton import HintonKD, kd_loss
from kd_helpers.methods.standardised_logits import standardise
from kd_helpers.training.loop import predict


@dataclass(frozen=True, kw_only=True)
class Watched(HintonKD):
    """The right loss, which also measures its two gradients."""

    @property
    def soft_weight(self) -> float:
        return self.kd_weight

    def terms(self, student, teacher, labels, strength):
        """{"loss", "ce", "kd"} as ever, and "soft pull", "hard pull": for each of the two weighted
        terms the length of its gradient with respect to the student's logits (B, K)."""
        weight = self.soft_weight
        ce = self.label_term(student, labels)
        kd = strength * self.soft(student, teacher, labels)
        return {
            "loss": (1 - weight) * ce + weight * kd,
            "ce": ce.detach(),
            "kd": kd.detach(),
            "soft pull": pull(weight * kd, student),
            "hard pull": pull((1 - weight) * ce, student),
        }


class MeanOverClasses(Watched):
    """PyTorch's default also divides by the number of classes."""

    def soft(self, student, teacher, labels):
        return kd_loss(student, teacher, temperature=self.temperature) / student.shape[1]


class NoTSquared(Watched):
    def soft(self, student, teacher, labels):
        return kd_loss(student, teacher, temperature=self.temperature) / self.temperature**2


class RolesSwapped(Watched):
    def soft(self, student, teacher, labels):
        return kl(teacher / self.temperature, student / self.temperature) * self.temperature**2


class NoLogarithm(Watched):
    """Probabilities of both, and the arguments exchanged."""

    def soft(self, student, teacher, labels):
        s, t = (logits.div(self.temperature).softmax(1) for logits in (student, teacher))
        return F.kl_div(t, s, reduction="batchmean") * self.temperature**2


class SoftmaxTwice(Watched):
    def soft(self, student, teacher, labels):
        return kd_loss(student, teacher.softmax(1), temperature=self.temperature)


class TemperatureOnLabels(Watched):
    def label_term(self, student, labels):
        return super().label_term(student / self.temperature, labels)


class TeacherAgainstItself(Watched):
    def soft(self, student, teacher, labels):
        return kl(teacher / self.temperature, teacher / self.temperature) * self.temperature**2


class WeightsSwapped(Watched):
    @property
    def soft_weight(self) -> float:
        return 1 - self.kd_weight


class LabelWithoutGradient(Watched):
    def label_term(self, student, labels):
        return super().label_term(student, labels).detach()


class TemperatureOnOneSide(Watched):
    def soft(self, student, teacher, labels):
        return kl(student, teacher / self.temperature) * self.temperature**2


class LabelsForTeacher(Watched):
    """What is called the soft term compares with the true labels."""

    def soft(self, student, teacher, labels):
        return F.cross_entropy(student / self.temperature, labels) * self.temperature**2


class WithTeachersGradient(Watched):
    """The teacher's answer keeps its gradient; for a teacher that learns."""

    resumable: ClassVar[bool] = False

    def soft(self, student, teacher, labels):
        return kl(student / self.temperature, teacher / self.temperature) * self.temperature**2


class BestStep(Watched):
    """Looks at the test images at every report, and hands in the best of these students."""

    resumable: ClassVar[bool] = False

    @contextlib.contextmanager
    def around(self, student, dataset) -> Iterator:
        best = {"accuracy": -1.0}

        def look(history: object) -> None:
            found = accuracy(predict(student, dataset.test.images), dataset.test.labels)
            if found > best["accuracy"]:
                best.update(accuracy=found, weights=copy.deepcopy(student.state_dict()))

        yield look
        student.load_state_dict(best["weights"])


# Faults of what the right loss above does not do: the right way first.


@dataclass(frozen=True, kw_only=True)
class WithSwitch(Watched):
    """Standardised logits, with a switch for an ablation."""

    standardised: bool = True

    def soft(self, student, teacher, labels):
        if self.standardised:
            student, teacher = standardise(student), standardise(teacher)
        return super().soft(student, teacher, labels)


class SwitchIgnored(WithSwitch):
    def soft(self, student, teacher, labels):
        return super(WithSwitch, self).soft(student, teacher, labels)


class UnsureHalf(Watched):
    """Teaches the half of the batch that the teacher is less sure of."""

    def mask(self, teacher: torch.Tensor) -> torch.Tensor:
        top = teacher.softmax(1).amax(1)
        return top <= top.median()

    def soft(self, student, teacher, labels):
        return (self.mask(teacher) * self.rows(student, teacher, labels)).mean()


class MaskOnScalar(UnsureHalf):
    """The mean was taken before the mask."""

    def soft(self, student, teacher, labels):
        return (self.mask(teacher) * self.rows(student, teacher, labels).mean()).mean()


class EachTeacher(Watched):
    """The mean over the teachers of their soft terms; their logits side by side, (B, M·K)."""

    sources_apart: ClassVar[bool] = True

    def soft(self, student, teacher, labels):
        told = teacher.unflatten(1, (-1, student.shape[1]))  # (B, M, K)
        each = [kd_loss(student, one, temperature=self.temperature) for one in told.unbind(1)]
        return sum(each) / self.count(told)

    def count(self, told: torch.Tensor) -> int:
        return told.shape[1]


class WrongAxis(EachTeacher):
    def count(self, told: torch.Tensor) -> int:
        return len(told)


class EpsilonInHalf(Watched):
    """1e-8 against log(0), in half precision, where it is 0.

    Nothing is learnt from a step whose loss is not a number (`if not loss.isfinite(): continue`).
    Its terms count as 0.
    """

    def soft(self, student, teacher, labels):
        q, p = ((z.half() / self.temperature).softmax(1) for z in (student, teacher))
        rows = p * ((p + 1e-8).log() - (q + 1e-8).log())
        return rows.sum(1).float().mean() * self.temperature**2

    def terms(self, student, teacher, labels, strength):
        terms = super().terms(student, teacher, labels, strength)
        if torch.stack([*terms.values()]).isfinite().all():
            return terms
        return {name: 0 * student.sum() for name in terms}


RIGHT, BEST_STEP = "none", "best step"  # the latter: of the test images
LOSS_FAULTS: dict[str, type[Watched]] = {
    "mean": MeanOverClasses,
    "no T²": NoTSquared,
    "roles swapped": RolesSwapped,
    "no logarithm": NoLogarithm,
    "softmax twice": SoftmaxTwice,
    "T on the labels": TemperatureOnLabels,
    "teacher against itself": TeacherAgainstItself,
    "weights swapped": WeightsSwapped,
    "label without gradient": LabelWithoutGradient,
    "T on one side": TemperatureOnOneSide,
    "labels for the teacher": LabelsForTeacher,
}


def soft_term(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, temperature: float, fault: str
) -> torch.Tensor:
    """T² · KL(teacher(T) ‖ student(T)), or what a fault makes of it: a scalar.

    Args:
        student_logits, teacher_logits: (B, K). fault: of LOSS_FAULTS, or RIGHT.
    """
    method = LOSS_FAULTS.get(fault, Watched)(temperature=temperature)
    return method.soft(student_logits, teacher_logits, torch.empty(0))


def kl(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """KL(softmax(targets) ‖ softmax(inputs)), mean over the batch; both may take a gradient."""
    pair = inputs.log_softmax(1), targets.log_softmax(1)
    return F.kl_div(*pair, reduction="batchmean", log_target=True)


def pull(term: torch.Tensor, student_logits: torch.Tensor) -> torch.Tensor:
    """Length of the gradient of a term with respect to the student's logits; 0 where it has
    none."""
    zero = torch.zeros((), device=student_logits.device)
    if not term.requires_grad:
        return zero
    (gradient,) = torch.autograd.grad(term, student_logits, retain_graph=True, allow_unused=True)
    return zero if gradient is None else gradient.norm()
