"""The one training loop: every method of the course is a teacher, a target or a loss for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import nn

from kd_helpers.data import Split
from kd_helpers.device import autocast, pick_precision
from kd_helpers.models import make_model
from kd_helpers.teachers import Batch, Teacher
from kd_helpers.views import PLAIN, ViewSet, make_views, to_float

Loss = Callable[..., dict[str, torch.Tensor]]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train: SGD with Nesterov momentum 0.9 and one cosine cycle."""

    steps: int = 1500  # gradient steps; the same number for every arm of a comparison
    batch_size: int = 128  # images a step
    learning_rate: float = 0.1  # the peak, reached after 30 % of the steps
    weight_decay: float = 5e-4

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "learning_rate"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"got {name}={getattr(self, name)}; expected a number above 0")
        if not 0 <= self.weight_decay < float("inf"):
            raise ValueError(f"got weight_decay={self.weight_decay}; expected 0 or more")


@dataclass
class History:
    """What happened: `step` numbers and, for each term of the loss, its mean since the last one."""

    step: list[int] = field(default_factory=list)
    terms: dict[str, list[float]] = field(default_factory=dict)
    taken: int = 0  # steps taken so far
    stopped: bool = False  # True when training ended before its last step


def make_student(
    name: str, *, num_classes: int, in_channels: int, image_size: int, seed: int
) -> nn.Module:
    """A network whose starting weights depend on the seed alone, not on what ran before."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make_model(
            name, num_classes=num_classes, in_channels=in_channels, image_size=image_size
        )


def draw_batches(
    rows: torch.Tensor, schedule: Schedule, view_set: ViewSet, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Which images and which of their views each step sees: two tensors (steps, batch_size).

    Passes over `rows` (M,), each in a new order, laid end to end and cut into full batches. They
    depend on the rows, the schedule and the seed only, so that all arms of a comparison see the
    same pictures.
    """
    generator = torch.Generator().manual_seed(seed)
    wanted = schedule.steps * schedule.batch_size
    passes = -(-wanted // len(rows))
    order = torch.cat([torch.randperm(len(rows), generator=generator) for _ in range(passes)])
    views = torch.randint(len(view_set), (wanted,), generator=generator).to(rows.device)
    shape = (schedule.steps, schedule.batch_size)
    return rows[order[:wanted].to(rows.device)].reshape(shape), views.reshape(shape)


def batches(
    split: Split, rows: torch.Tensor | None, schedule: Schedule, view_set: ViewSet, seed: int
) -> Iterator[Batch]:
    """The batches of a run, made on the device that holds the split."""
    if rows is None:
        rows = torch.arange(len(split), device=split.labels.device)
    for i, v in zip(*draw_batches(rows, schedule, view_set, seed), strict=True):
        pictures = make_views(split.images[i], v, view_set)
        yield Batch(to_float(pictures), split.labels[i], i, v)


def train(
    student: nn.Module, split: Split, *, on_report: Callable[[History], None] | None = None, **how
) -> History:
    """Train `student` in place to the end; arguments as for `training_reports`.

    Args:
        on_report: called with the history after each new entry.

    Returns:
        The history. A keyboard interrupt (JupyterLab's stop button) ends the training and keeps
        what was learnt so far: `history.stopped` is then True.
    """
    history = History()
    try:
        for report in training_reports(student, split, history=history, **how):
            if on_report:
                on_report(report)
    except KeyboardInterrupt:
        history.stopped = True
        print(f"stopped by hand after {history.taken} steps; the student keeps what it learnt")
    return history


def training_reports(
    student: nn.Module,
    split: Split,
    *,
    loss: Loss,
    schedule: Schedule,
    rows: torch.Tensor | None = None,
    teacher: Teacher | None = None,
    view_set: ViewSet = PLAIN,
    seed: int = 0,
    report_every: int = 50,
    should_stop: Callable[[], bool] = lambda: False,
    history: History | None = None,
) -> Iterator[History]:
    """Train `student` in place, step by step; a generator, so that two trainings can take turns.

    Args:
        student: the network. split: the pictures; the training runs on the device that holds them.
        loss: (student_logits, teacher_logits or None, labels) → {"loss": …, other terms: …}.
        rows: (M,) the rows of `split` to train on; None for all. A row number names a picture.
        teacher: answers each batch, without gradient. None where the loss needs no teacher.
        seed: order of the batches and choice of views.
        report_every: steps between two entries of the history (the only look at the numbers, so
            that a GPU is never made to wait in between).
        should_stop: asked before every step; True ends the training and keeps what was learnt.

    Yields:
        The history (always the same object) after each new entry.

    Raises:
        FloatingPointError: the loss is not a finite number any more.
    """
    history = History() if history is None else history
    student.to(split.images.device)
    optimiser, scheduler = make_optimiser(student, schedule)
    sums = None
    for batch in batches(split, rows, schedule, view_set, seed):
        if should_stop():
            history.stopped = True
            return
        student.train()  # whoever looked at the last report may have evaluated the student
        terms = train_step(student, batch, teacher, loss, optimiser)
        scheduler.step()
        history.taken += 1
        sums = terms if sums is None else {name: sums[name] + terms[name] for name in terms}
        if history.taken % report_every == 0 or history.taken == schedule.steps:
            record(history, sums)
            sums = None
            yield history


def train_step(
    student: nn.Module,
    batch: Batch,
    teacher: Teacher | None,
    loss: Loss,
    optimiser: torch.optim.Optimizer,
) -> dict[str, torch.Tensor]:
    """One gradient step; returns the terms of the loss as tensors, still on the device."""
    device = batch.images.device
    teacher_logits = teacher(batch) if teacher else None
    with autocast(device, pick_precision(device)[0]):
        student_logits = student(batch.images).float()
    terms = loss(student_logits, teacher_logits, batch.labels)
    optimiser.zero_grad(set_to_none=True)
    terms["loss"].backward()
    optimiser.step()
    return {name: value.detach() for name, value in terms.items()} | {
        "steps": torch.ones((), device=device)
    }


def make_optimiser(
    student: nn.Module, schedule: Schedule
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    optimiser = torch.optim.SGD(
        student.parameters(), lr=schedule.learning_rate, momentum=0.9, nesterov=True,
        weight_decay=schedule.weight_decay, fused=True,
    )  # fmt: skip
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, schedule.learning_rate, total_steps=schedule.steps + 1, cycle_momentum=False
    )
    return optimiser, scheduler


def record(history: History, sums: dict[str, torch.Tensor]) -> None:
    """Add the means since the last entry to the history."""
    values = {name: float(value) for name, value in sums.items()}
    count = values.pop("steps")
    if not all(abs(value) < float("inf") for value in values.values()):
        raise FloatingPointError(
            f"the loss is not finite by step {history.taken}: {values}; lower the learning rate"
        )
    history.step.append(history.taken)
    for name, value in values.items():
        history.terms.setdefault(name, []).append(value / count)


@torch.no_grad()
def predict(model: nn.Module, images: torch.Tensor, batch_size: int = 1000) -> torch.Tensor:
    """Logits (N, K) float32 of the plain images (N, C, H, W) uint8; the model's mode is restored.

    Computed in float32 on every device, so that stored answers can be checked elsewhere.
    """
    was_training = model.training
    model.eval()
    logits = [
        model(to_float(chunk.contiguous(memory_format=torch.channels_last)))
        for chunk in images.split(batch_size)
    ]
    model.train(was_training)
    return torch.cat(logits)
