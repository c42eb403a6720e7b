"""Which pictures each step sees: drawn from a seed alone, made on the device of the split."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch

from kd_helpers.data.augment import ViewSet, make_views, to_float
from kd_helpers.data.splits import Split
from kd_helpers.runtime import distributed
from kd_helpers.teachers.teacher import Batch
from kd_helpers.training.schedules import Schedule

AHEAD = 8  # steps that a teacher is told of at once: few looks at its memory, soon stopped by hand


class Draw(NamedTuple):
    """Which pictures one step sees, on the device of the split."""

    index: torch.Tensor  # type: ignore[assignment]  # (B,) int64, rows of the split
    view: torch.Tensor  # (B,) int64
    step: int = 0  # steps taken before this one


def draw_batches(
    rows: torch.Tensor, schedule: Schedule, augmentation: ViewSet, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Which images and which of their views each step sees: two tensors (steps, batch_size).

    Passes over `rows` (M,), each in a new order, laid end to end and cut into full batches. They
    depend on the rows, the schedule and the seed only, so that all arms of a comparison see the
    same pictures.
    """
    if not len(rows):
        raise ValueError("got no rows to train on; expected at least one image")
    generator = torch.Generator().manual_seed(seed)
    wanted = schedule.steps * schedule.batch_size
    passes = -(-wanted // len(rows))
    order = torch.cat([torch.randperm(len(rows), generator=generator) for _ in range(passes)])
    index = rows[order[:wanted].to(rows.device)]
    slots = torch.randint(augmentation.slots, (wanted,), generator=generator).to(rows.device)
    shape = (schedule.steps, schedule.batch_size)
    return index.reshape(shape), augmentation.view_of(index, slots).reshape(shape)


def draws(
    split: Split,
    rows: torch.Tensor | None,
    schedule: Schedule,
    augmentation: ViewSet,
    seed: int,
    *,
    first: int = 0,
    prepare: Callable[[torch.Tensor, torch.Tensor], None] | None = None,
) -> Iterator[Draw]:
    """What each step of a run sees, from step `first` on; with several processes, this one's share.

    prepare: told the rows and views of some steps, (steps, B) each, before the first of them.
    """
    rows = torch.arange(len(split)) if rows is None else rows.cpu()
    if ((rows < 0) | (rows >= len(split))).any():
        raise ValueError(
            f"got rows {int(rows.min())} to {int(rows.max())}; expected 0 to {len(split) - 1}, the "
            "rows of the split"
        )
    index, view = (distributed.share(d) for d in draw_batches(rows, schedule, augmentation, seed))
    on_device = index.to(split.labels.device), view.to(split.labels.device)
    for step in range(first, schedule.steps):
        if prepare and (step - first) % AHEAD == 0:
            prepare(index[step : step + AHEAD], view[step : step + AHEAD])
        yield Draw(on_device[0][step], on_device[1][step], step)


def batch_of(split: Split, augmentation: ViewSet, draw: Draw, *, prepared: bool = False) -> Batch:
    """The pictures of a step, made on the device; prepared: the teacher was told of them."""
    inputs = split.take(
        draw.index, lambda images: to_float(make_views(images, draw.view, augmentation))
    )
    labels = split.labels[draw.index]
    return Batch(inputs, labels, draw.index, draw.view, prepared=prepared, step=draw.step)


def batches(
    split: Split,
    rows: torch.Tensor | None,
    schedule: Schedule,
    augmentation: ViewSet,
    seed: int,
    *,
    first: int = 0,
) -> Iterator[Batch]:
    """The batches of a run from step `first` on, for a loop of one's own."""
    for draw in draws(split, rows, schedule, augmentation, seed, first=first):
        yield batch_of(split, augmentation, draw)
