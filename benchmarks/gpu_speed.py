"""Images a second: on labels alone, distilled with an empty and a full cache, by the textbook."""

from __future__ import annotations

import os
import statistics
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import textbook
import torch
from speed import in_turns, peak_rate
from torch import nn

from kd_helpers.data.splits import Split
from kd_helpers.experiments.metrics import count_multiply_adds
from kd_helpers.methods import CrossEntropy, HintonKD
from kd_helpers.models.zoo import make_model
from kd_helpers.runtime.device import pick_device
from kd_helpers.teachers import CachedTeacher, NetworkTeacher
from kd_helpers.training.loop import training_reports
from kd_helpers.training.schedules import Schedule

Note = Callable[[str, Any], None]  # writes a number down
CLASSES = 100
INPUT = {"num_classes": CLASSES, "in_channels": 3, "image_size": 32}
SOFT = HintonKD(temperature=4.0, kd_weight=0.9)


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    steps: int  # of a pass, timed as a whole
    passes: int  # timed with a full cache
    batch_sizes: tuple[int, ...]
    pairs: dict[str, str]  # student: teacher
    students: tuple[int, ...]  # so many at once
    workers: tuple[int, int] = (2, 8)  # of the textbook's loader: as in tutorials, and more
    peak: tuple[int, ...] = ()  # sizes of the matrix products; (): those of the device

    @property
    def batch_size(self) -> int:
        return self.batch_sizes[-1]


FULL = Size(
    steps=100,
    passes=6,
    batch_sizes=(64, 128),
    pairs={"cnn-2": "cnn-10", "resnet-20": "resnet-56", "wrn-16-2": "wrn-40-2", "vgg-8": "vgg-13"},
    students=(1, 2, 4, 8),
)


def rehearsal(steps: int) -> Size:
    """Do all lines run? Two networks, small batches."""
    pairs = {"cnn-2": "cnn-2", "resnet-20": "cnn-2"}
    return Size(steps, 1, (4,), pairs, students=(2,), workers=(0, 0), peak=(256,))


def random_split(count: int) -> Split:
    """Random pictures (count, 3, 32, 32) with random labels, on the device."""
    generator, device = torch.Generator().manual_seed(0), pick_device()
    images = torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)
    labels = torch.randint(CLASSES, (count,), generator=generator)
    return Split(images.to(device), labels.to(device))


def slow(steps: int, batch_size: int) -> Schedule:
    """A learning rate so small that nothing learns random labels by heart."""
    how = {"learning_rate": 1e-3, "shape": "constant"}
    return Schedule(steps=steps, batch_size=batch_size, **how)


def attempted(measure: Callable[..., dict], *given: Any) -> dict:
    """What was measured, or what went wrong: the next network may work."""
    try:
        return measure(*given)
    except Exception:
        return {"problem": traceback.format_exc()}


def speeds(size: Size, note: Note, seconds: float) -> None:
    """Part b; large batches first, in case that the time is not enough for all."""
    peak = peak_rate(size.peak)
    note("matrix-product peak, TFLOP/s", peak / 1e12)
    large_first = sorted(size.batch_sizes, reverse=True)
    for batch_size, (student, teacher) in product(large_first, size.pairs.items()):
        found = attempted(speed_of, student, teacher, batch_size, size, peak)
        note(f"{student}, batch {batch_size}", found)


def speed_of(student: str, teacher: str, batch_size: int, size: Size, peak: float) -> dict:
    """One student; `peak` in operations a second."""
    images = size.steps * batch_size
    split, network = random_split(images), make_model(teacher, **INPUT).to(pick_device())
    in_turns(two_trainings(student, network, split, batch_size, 1), 1, split.images.device)
    trainings = two_trainings(student, network, split, batch_size, 1 + size.passes)
    (_, *plain), (cold, *warm) = in_turns(trainings, 1 + size.passes, split.images.device)
    plain_rate, warm_rate = (images / statistics.median(s) for s in (plain, warm))
    book, busy = (book_rate(student, network, split, batch_size, n) for n in size.workers)
    operations = 6 * count_multiply_adds(make_model(student, **INPUT), (3, 32, 32))
    return {
        "warm / textbook": warm_rate / book,
        "KD step / plain step": plain_rate / warm_rate,
        "warm, images/s": warm_rate,
        "cold, images/s": images / cold,
        "plain, images/s": plain_rate,
        "share of peak, warm": warm_rate * operations / peak,
        "textbook, images/s": book,
        f"textbook with {size.workers[1]} workers, images/s": busy,
    }


def two_trainings(
    student: str, teacher: nn.Module, split: Split, batch_size: int, passes: int
) -> list[Iterator]:
    """On labels alone, and distilled from an empty cache; each reports after every pass."""
    steps = len(split) // batch_size
    cache = CachedTeacher(NetworkTeacher(teacher), split.images, num_classes=CLASSES)
    return [
        training_reports(
            make_model(student, **INPUT),
            split,
            schedule=slow(passes * steps, batch_size),
            report_every=steps,
            **how,
        )
        for how in ({"method": CrossEntropy()}, {"method": SOFT, "teacher": cache})
    ]


def book_rate(name: str, teacher: nn.Module, split: Split, batch_size: int, workers: int) -> float:
    """Images a second of the textbook loop on the same device, the first pass not counted."""
    device = split.images.device
    student = make_model(name, **INPUT).to(device, memory_format=torch.contiguous_format)
    seconds = textbook.train_by_the_book(
        student,
        teacher.to(memory_format=torch.contiguous_format),
        split.to("cpu"),
        torch.optim.SGD(student.parameters(), lr=1e-3, momentum=0.9, nesterov=True),
        epochs=3,
        batch_size=batch_size,
        temperature=SOFT.temperature,
        kd_weight=SOFT.kd_weight,
        workers=min(workers, os.cpu_count() or 1),
    )
    return len(split) / min(seconds[1:])
