"""The one training loop: every method of the course is a teacher, a target or a loss for it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import nn

from kd_helpers.data.augment import PLAIN, ViewSet, to_float
from kd_helpers.data.splits import Split, check_images
from kd_helpers.methods.method import Method, Terms
from kd_helpers.models.answer import ask, check_answer, logits_of
from kd_helpers.models.towers import ONE_NETWORK, Towers, make_network
from kd_helpers.runtime import distributed
from kd_helpers.runtime.device import autocast, pick_precision
from kd_helpers.teachers.teacher import Batch, Teacher
from kd_helpers.training.batches import Draw, batch_of, draws
from kd_helpers.training.checkpoints import Checkpoint
from kd_helpers.training.features import with_features
from kd_helpers.training.given import (
    as_method,
    as_teacher,
    as_terms,
    check_parts,
    check_weights,
    look_once,
)
from kd_helpers.training.recorded import Recorder, why_not
from kd_helpers.training.schedules import Schedule, make_optimiser


@dataclass
class History:
    """What happened: `step` numbers and, for each term of the loss, its mean since the last one."""

    step: list[int] = field(default_factory=list)
    terms: dict[str, list[float]] = field(default_factory=dict)
    taken: int = 0  # steps taken so far
    stopped: bool = False  # True when training ended before its last step
    seconds: float = field(default=0.0, compare=False)  # of training, before a break too
    resumed: int = 0  # how often the training was interrupted and went on
    how: str = field(default="", compare=False)  # steps were taken: plain or recorded, and why


@dataclass
class TrainingState:
    """All that changes while training: what a checkpoint keeps."""

    student: nn.Module
    optimiser: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    history: History
    sums: dict[str, torch.Tensor] = field(default_factory=dict)  # of the terms since the last entry

    def add(self, terms: dict[str, torch.Tensor]) -> None:
        self.history.taken += 1
        self.sums = {name: self.sums.get(name, 0) + value for name, value in terms.items()}


def make_student(
    name: str,
    *,
    num_classes: int,
    in_channels: int,
    image_size: int,
    seed: int,
    towers: Towers = ONE_NETWORK,
) -> nn.Module:
    """A network whose starting weights depend on the seed alone, not on what ran before."""
    given = {"num_classes": num_classes, "in_channels": in_channels, "image_size": image_size}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make_network(name, towers, **given)


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
    method: Method | Callable[..., Terms],
    schedule: Schedule,
    rows: torch.Tensor | None = None,
    teacher: Teacher | nn.Module | Callable[[Batch], torch.Tensor] | None = None,
    augmentation: ViewSet = PLAIN,
    seed: int = 0,
    report_every: int = 50,
    should_stop: Callable[[], bool] = lambda: False,
    history: History | None = None,
    checkpoint: Checkpoint | None = None,
) -> Iterator[History]:
    """Train `student` in place, step by step; a generator, so that two trainings can take turns.

    Args:
        student: the network. split: the pictures; the training runs on the device that holds them.
        method: what the student minimises, a `Method` or any function of its form:
            (student_logits, teacher_logits or None, labels) → {"loss": …, other terms: …}, or the
            loss alone.
        rows: (M,) the rows of `split` to train on; None for all. A row number names a picture.
        teacher: answers each batch, without gradient: a `Teacher`, any network (it is frozen and
            put beside the images) or any function of a batch. None where the method needs none.
        seed: order of the batches, choice of views, and what a network draws by itself (dropout).
        report_every: steps between two entries of the history (the only look at the numbers, so
            that a GPU is never made to wait in between).
        should_stop: asked before every step; True ends the training and keeps what was learnt.
        checkpoint: goes on from the state that it holds, and keeps the state every few seconds.

    Yields:
        The history (always the same object) after each new entry.

    Raises:
        FloatingPointError: the loss, or a weight after the last step, is not a finite number.
        ValueError: what was given is not what was expected, in one sentence.
    """
    check_parts(student, split)
    method, teacher = as_method(method), as_teacher(teacher, student, split.images.device)
    trained = student.to(split.images.device)
    if method.needs_features:
        trained = with_features(student, method, teacher, split, seed)
    state = TrainingState(
        trained, *make_optimiser(trained, schedule), History() if history is None else history
    )
    if checkpoint:
        checkpoint.restore(state)
    network, history = distributed.wrap(trained), state.history
    prepare = teacher.prepare if teacher else None
    first, start = history.taken, time.perf_counter() - history.seconds

    def step(draw: Draw, now: Callable[..., Terms] = method) -> Terms:
        trained.train()  # whoever looked at the last report may have evaluated the student
        batch = batch_of(split, augmentation, draw, prepared=prepare is not None)
        return train_step(network, batch, teacher, now, state.optimiser, method.needs_features)

    device = split.images.device
    seeded = partial(random_numbers_of, seed, device=device)
    recorder = Recorder(step, seeded, state.optimiser, why_not(device, teacher, method))
    for draw in draws(split, rows, schedule, augmentation, seed, first=first, prepare=prepare):
        if should_stop():
            history.stopped = True
            return
        now = method.at(draw.step / schedule.steps)
        if draw.step == first:
            now = look_once(now, method, split, rows)
        terms = recorder(draw) if now is method else recorder.plain(draw, now)
        history.how = recorder.how
        state.scheduler.step()
        state.add(terms)
        history.seconds = time.perf_counter() - start
        if history.taken % report_every == 0 or history.taken == schedule.steps:
            record(history, state.sums)
            state.sums = {}
            if history.taken == schedule.steps:
                check_weights(student, history.taken)
            yield history
        if checkpoint and history.taken < schedule.steps:
            checkpoint.keep_if_due(state)


@contextlib.contextmanager
def random_numbers_of(seed: int, step: int, device: torch.device) -> Iterator[None]:
    """Let what a network draws depend on seed and step alone: a resumed run then draws the same."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        # `torch.manual_seed` also tells every other kind of device: 2 % of a small network's step.
        torch.default_generator.manual_seed(step_seed(seed, step))
        if device.type == "cuda":
            torch.cuda.manual_seed(step_seed(seed, step))
        yield


def step_seed(seed: int, step: int) -> int:
    """A seed for each step of each run: both numbers stirred by the rule of xxHash, in 64 bits.

    It is the number that CPython 3.8 to 3.14 gives for hash((seed, step)), written out, so that
    stored runs can be trained again whatever Python does. From -2⁶³ to 2⁶³ - 1.
    """
    mask, stirred = 2**64 - 1, 2870177450012600261
    for number in (seed, step):
        stirred = (stirred + number * 14029467366897019727) & mask
        stirred = ((stirred << 31 | stirred >> 33) * 11400714785074694791) & mask
    stirred = (stirred + (2 ^ 2870177450012600261 ^ 3527539)) & mask
    return stirred - 2**64 if stirred >> 63 else stirred


def train_step(
    student: nn.Module,
    batch: Batch,
    teacher: Teacher | None,
    method: Callable[..., Terms],
    optimiser: torch.optim.Optimizer,
    layers: tuple[str, ...] = (),
) -> Terms:
    """One gradient step; returns the terms of the loss as tensors, still on the device.

    layers: of student and teacher, where the method needs features.
    """
    device = batch.images.device
    teacher_logits = None
    if teacher:
        teacher_logits = teacher(batch)
        check_answer(teacher_logits, len(batch.images), "the teacher")
        teacher_logits = distributed.gather(teacher_logits)
    with autocast(device, pick_precision(device)[0]):
        answer = ask(student, batch.images, "student")
    # With features the student answers with its logits and the features, fitted to the teacher's.
    parts = answer if layers else (answer,)
    check_answer(parts[0], len(batch.images), f"the student {type(student).__name__}")
    told = [distributed.gather(part.float()) for part in parts]
    if layers and teacher:
        told.append(distributed.gather(teacher.features(batch, layers[1])))
    student_logits, *features = told
    labels = distributed.gather(batch.labels)
    terms = as_terms(method(student_logits, teacher_logits, labels, *features))
    optimiser.zero_grad(set_to_none=True)
    terms["loss"].backward()
    optimiser.step()
    return {name: value.detach() for name, value in terms.items()} | {
        "steps": torch.ones((), device=device)
    }


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
def predict(model: nn.Module, images: torch.Tensor, batch_size: int = 100) -> torch.Tensor:
    """Logits (N, K) float32 of the plain images (N, C, H, W) uint8; the model's mode is restored.

    Computed in float32 on every device, so that stored answers can be checked elsewhere.

    Raises:
        ValueError: the images are something else, or nothing that this network can take.
    """
    check_images(images)
    was_training = model.training
    model.eval()
    with exactly(images.device):
        logits = [
            logits_of(model, to_float(chunk.contiguous(memory_format=torch.channels_last)))
            for chunk in images.split(batch_size)
        ]
    model.train(was_training)
    return torch.cat(logits)


def exactly(device: torch.device) -> contextlib.AbstractContextManager:
    """Inside, a GPU's convolutions keep all bits of float32; by default they drop thirteen."""
    if device.type != "cuda":
        return contextlib.nullcontext()
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
