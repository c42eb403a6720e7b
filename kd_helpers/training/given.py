"""What the loop is given, looked at before the first step: each mistake gets its sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import nn

from kd_helpers.data.splits import Split
from kd_helpers.methods.labels import check_values
from kd_helpers.methods.method import ByFunction as MethodByFunction
from kd_helpers.methods.method import LabelTerm, Method, Terms
from kd_helpers.teachers.teacher import Batch, NetworkTeacher, Teacher
from kd_helpers.teachers.teacher import ByFunction as TeacherByFunction


def check_parts(student: nn.Module, split: Split) -> None:
    """Raise ValueError unless these are a network and a split with images."""
    if not isinstance(student, nn.Module):
        raise ValueError(
            f"got a {type(student).__name__} as the student; expected a network, an nn.Module such "
            "as make_model gives"
        )
    if not isinstance(split, Split):
        raise ValueError(
            f"got a {type(split).__name__} as the images to train on; expected a Split, such as "
            "data.train, or Split(images, labels) of all images (N, C, H, W) uint8 and labels (N,) "
            "int64: the loop draws the batches itself"
        )
    if not len(split):
        raise ValueError("got a split without images; expected at least one to train on")


def as_method(method: Method | Callable[..., Terms]) -> Method:
    """A method, or anybody's function of its form as one.

    Raises:
        ValueError: neither; or a class, which has to be made first.
    """
    if isinstance(method, Method):
        return method
    if isinstance(method, type) or not callable(method):
        raise ValueError(
            f"got method={method!r}; expected a method, such as HintonKD(temperature=4.0), or a "
            "function (student_logits, teacher_logits, labels) → loss"
        )
    return MethodByFunction(method)


def as_teacher(
    teacher: Teacher | nn.Module | Callable[[Batch], torch.Tensor] | None,
    student: nn.Module,
    device: torch.device,
) -> Teacher | None:
    """A teacher; a plain network becomes one, frozen, on the device of the images.

    Raises:
        ValueError: nothing that could be asked, or the student itself.
    """
    if student is teacher or student is getattr(teacher, "model", None):
        raise ValueError(
            "got the student as its own teacher, whose weights are frozen; expected another "
            "network, such as copy.deepcopy(student)"
        )
    if teacher is None or isinstance(teacher, Teacher):
        return teacher
    if isinstance(teacher, nn.Module):
        return NetworkTeacher(teacher.to(device))
    if isinstance(teacher, type) or not callable(teacher):
        raise ValueError(
            f"got a {type(teacher).__name__} as the teacher; expected a network (of a stored run: "
            "run.model()), a Teacher, or a function of a batch"
        )
    return TeacherByFunction(teacher)


def look_once(
    now: Callable[..., Terms], method: Method, split: Split, rows: torch.Tensor | None
) -> Callable[..., Terms]:
    """The method's loss for the first step, with a look at all labels before it on a GPU.

    There the label term cannot look at those of each step: it would make every step wait.
    """
    if split.labels.device.type == "cpu" or not isinstance(method.core, LabelTerm):
        return now

    def looked(student_logits: torch.Tensor, *given: torch.Tensor | None) -> Terms:
        shown = slice(None) if rows is None else rows.to(split.labels.device)
        check_values(split.labels[shown], student_logits.shape[1])
        return now(student_logits, *given)

    return looked


def as_terms(given: object) -> Terms:
    """What a method returned, as named terms; a loss alone is the term "loss".

    Raises:
        ValueError: there is no loss among them, or none that could be minimised.
    """
    terms = {"loss": given} if isinstance(given, torch.Tensor) else given
    if not isinstance(terms, Mapping) or "loss" not in terms:
        kind = f"a {type(given).__name__}" if given is not None else "None (no return?)"
        raise ValueError(
            f'got {kind} from the method; expected a loss, or {{"loss": …, other terms: …}}'
        )
    loss = terms["loss"]
    if not isinstance(loss, torch.Tensor) or loss.dim():
        kind = f"of shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else repr(loss)
        raise ValueError(f"got a loss {kind}; expected a scalar tensor: its mean over the batch")
    if not loss.requires_grad:
        raise ValueError(
            "got a loss without a gradient; expected one of the student's logits, not cut off by "
            "detach, item, numpy or no_grad, and a student whose weights are not frozen"
        )
    return {name: torch.as_tensor(value) for name, value in terms.items()}


def check_weights(student: nn.Module, step: int) -> None:
    """Raise FloatingPointError unless all numbers of a network are finite after its last step."""
    for name, value in student.state_dict().items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise FloatingPointError(
                f"the weights are not finite after step {step}: {name}; lower the learning rate"
            )


def check_finite(logits: torch.Tensor) -> None:
    """Raise FloatingPointError unless a trained network answers with numbers, (N, K)."""
    if not bool(torch.isfinite(logits).all()):
        raise FloatingPointError(
            "the trained network's answers are not finite: it diverged; lower the learning rate"
        )
