"""Row i: `distill` on 5,000 images against the same nine trainings in the textbook loop."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from tempfile import TemporaryDirectory
from unittest.mock import patch

import textbook
import torch
from speed import INPUT, quick_teacher
from torch import nn

from kd_helpers import distill
from kd_helpers.data.datasets import FASHION_CLASSES
from kd_helpers.data.splits import Dataset, Split
from kd_helpers.methods import HintonKD
from kd_helpers.models.zoo import make_model
from kd_helpers.training.schedules import Schedule

SEEDS, EPOCHS, BATCH_SIZE = 3, 5, 128
ARMS_WITHOUT_TEACHER = 2  # labels, smoothed labels


def one_call(count: int = 5000) -> dict[str, float]:
    """Seconds of the whole call, nothing stored, and of the textbook's nine trainings alone.

    Schedule and method are given, so nothing is chosen first. The textbook trains one student
    without and one with a teacher; the others would take as long.
    """
    train, val = textbook.colour_images(count)
    torch.manual_seed(0)
    teacher = quick_teacher(textbook.deep_network(), train)
    start = time.perf_counter()
    with (
        TemporaryDirectory() as folder,
        patch.dict(os.environ, KD_OUT=folder),
        contextlib.redirect_stdout(sys.stderr),  # where the numbers may go is not for words
    ):
        call(teacher, train, val)
    ours = time.perf_counter() - start
    plain, taught = sum(by_the_book(None, train)), sum(by_the_book(teacher, train))
    book = SEEDS * (ARMS_WITHOUT_TEACHER * plain + taught)
    return {
        f"`distill` on {count:,} images against the textbook, ratio": book / ours,
        "the call, 3 arms × 3 seeds, report not included, s": ours,
        "textbook, nine trainings one after the other, s": book,
    }


def call(teacher: nn.Module, train: Split, val: Split) -> None:
    data = Dataset("clothes", FASHION_CLASSES, train, val, val)
    schedule = Schedule(steps=EPOCHS * len(train) // BATCH_SIZE, batch_size=BATCH_SIZE)
    distill("cnn-2", teacher, data, seeds=SEEDS, method=HintonKD(), schedule=schedule)


def by_the_book(teacher: nn.Module | None, train: Split) -> list[float]:
    student = make_model("cnn-2", **INPUT).to(memory_format=torch.contiguous_format)
    optimiser = torch.optim.SGD(student.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    how = {"temperature": 4.0, "kd_weight": 0.9} if teacher else {}
    return textbook.train_by_the_book(
        student, teacher, train, optimiser, epochs=EPOCHS, batch_size=BATCH_SIZE, **how
    )
