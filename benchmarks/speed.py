"""Rows a to d: the engine against the textbook loop, and against the processor's own limit."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from functools import partial

import textbook
import torch
from torch import nn

from kd_helpers.data.augment import ViewSet
from kd_helpers.data.datasets import Split
from kd_helpers.experiments.metrics import accuracy, count_multiply_adds
from kd_helpers.methods import CrossEntropy, HintonKD
from kd_helpers.models.zoo import BODIES, make_model
from kd_helpers.runtime.device import matmul_seconds, pick_device, pick_precision, synchronise
from kd_helpers.teachers import CachedTeacher, NetworkTeacher
from kd_helpers.teachers.teacher import Teacher
from kd_helpers.training.loop import predict, training_reports
from kd_helpers.training.schedules import Schedule

EPOCHS = 10
INPUT = {"num_classes": 10, "in_channels": 3, "image_size": 32}
ADAM = Schedule(learning_rate=1e-3, weight_decay=0.0, optimiser="adam", shape="constant")
# Of the matrix products that set the limit.
PEAK_SIZES = {"cpu": (768, 1536, 2304), "cuda": (4096, 8192)}


def epoch_seconds(student: nn.Module, split: Split, epochs: int, schedule: Schedule, **how) -> list:
    """Seconds of each epoch with the course's loop."""
    steps = len(split) // schedule.batch_size
    schedule = Schedule(**vars(schedule) | {"steps": steps * epochs})
    seconds, start = [], time.perf_counter()
    for _ in training_reports(student, split, schedule=schedule, report_every=steps, **how):
        synchronise(split.images.device)
        seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
    return seconds


def quick_teacher(model: nn.Module, split: Split) -> nn.Module:
    """A teacher that knows something: two epochs of cross-entropy with Adam."""
    epoch_seconds(model, split, 2, ADAM, method=CrossEntropy())
    return model.eval()


def compare(
    row: dict, ours: list[float], warm: list[float], book: list[float], images: int
) -> dict:
    """Ratios first, then images a second; medians over epochs, and whole runs."""
    return {
        "ratio, cache warm": statistics.median(book) / statistics.median(warm),
        "ratio, ten epochs from an empty cache": sum(book) / sum(ours),
        "textbook, images/s": images / statistics.median(book),
        "engine warm, images/s": images / statistics.median(warm),
        "textbook, ten epochs, s": sum(book),
        "engine, ten epochs from an empty cache, s": sum(ours),
    } | row


def tutorial_pair(count: int = 4096) -> dict:
    """Row a: the networks and settings of PyTorch's tutorial."""
    split, val = textbook.colour_images(count)
    torch.manual_seed(0)
    front = textbook.Normalise()
    deep = nn.Sequential(front, textbook.deep_network()).to(memory_format=torch.channels_last)
    quick_teacher(deep, split)
    starts = textbook.light_network().state_dict()
    how = {"method": HintonKD(temperature=2.0, kd_weight=0.25)}
    how["teacher"] = CachedTeacher(NetworkTeacher(deep), split.images, num_classes=10)
    students, seconds = [], []
    for epochs in (EPOCHS, 5):  # from an empty cache, then warm
        student = textbook.light_network()
        student.load_state_dict(starts)
        student = nn.Sequential(front, student).to(memory_format=torch.channels_last)
        seconds.append(epoch_seconds(student, split, epochs, ADAM, **how))
        students.append(student)
    plain = textbook.light_network()
    plain.load_state_dict(starts)
    teacher = deep[1].to(memory_format=torch.contiguous_format)
    book = textbook.train_by_the_book(
        plain,
        teacher,
        split,
        torch.optim.Adam(plain.parameters(), lr=1e-3),
        epochs=EPOCHS,
        batch_size=128,
        temperature=2.0,
        kd_weight=0.25,
    )
    found = [
        100 * accuracy(predict(s, val.images), val.labels)
        for s in (students[0], nn.Sequential(front, plain))
    ]
    names = ("engine, accuracy on 2,000 images, %", "textbook, accuracy on 2,000 images, %")
    return compare(dict(zip(names, found, strict=True)), *seconds, book, count)


def benchmark_pair(count: int = 2048, batch_size: int = 64) -> dict:
    """Row b: resnet-56 → resnet-20 with shifts and flips, settings of the CIFAR-100 benchmarks."""
    split, _ = textbook.colour_images(count)
    torch.manual_seed(0)
    teacher = make_model("resnet-56", **INPUT).eval()
    schedule = Schedule(batch_size=batch_size, learning_rate=0.05, shape="constant")
    how = {"method": HintonKD(temperature=4.0, kd_weight=0.9)}

    def engine(per_image: int | None) -> tuple[list[float], list[float]]:
        views = ViewSet(flip=True, max_shift=4, per_image=per_image)
        cache = CachedTeacher(NetworkTeacher(teacher), split.images, views, num_classes=10)
        args = how | {"teacher": cache, "augmentation": views}
        model = partial(make_model, "resnet-20", **INPUT)
        return tuple(epoch_seconds(model(), split, n, schedule, **args) for n in (EPOCHS, 3))

    (every, _), (ours, warm) = engine(None), engine(2)
    student, teacher = (
        m.to(memory_format=torch.contiguous_format)
        for m in (make_model("resnet-20", **INPUT), teacher)
    )
    optimiser = torch.optim.SGD(
        student.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    book = textbook.train_by_the_book(
        student,
        teacher,
        split,
        optimiser,
        epochs=EPOCHS,
        batch_size=batch_size,
        temperature=4.0,
        kd_weight=0.9,
        augment=True,
    )
    row = compare({}, ours, warm, book, count)
    return row | {"ratio, ten epochs, all 162 views": sum(book) / sum(every)}


def cached_step(name: str, count: int = 4096, rounds: int = 40) -> float:
    """Row c: median time of a distillation step with a warm cache over that of a plain step."""
    split, _ = textbook.colour_images(count)
    split = Split(split.images.to(pick_device()), split.labels.to(pick_device()))
    logits = torch.randn(count, 10)
    cache = CachedTeacher(Teacher(), split.images, num_classes=10)
    cache.remember_plain(logits)
    schedule = Schedule(steps=rounds + 5)
    trainings = [
        training_reports(make_model(name, **INPUT), split, schedule=schedule, report_every=1, **how)
        for how in ({"method": CrossEntropy()}, {"method": HintonKD(), "teacher": cache})
    ]
    times = in_turns(trainings, rounds + 5, split.images.device)
    plain, distilled = (statistics.median(seconds[5:]) for seconds in times)
    return distilled / plain


def in_turns(trainings: list[Iterator], rounds: int, device: torch.device) -> list[list[float]]:
    """Seconds from report to report of each training, one after the other in every round."""
    times: list[list[float]] = [[] for _ in trainings]
    for _ in range(rounds):
        for training, seconds in zip(trainings, times, strict=True):
            start = time.perf_counter()
            next(training)
            synchronise(device)
            seconds.append(time.perf_counter() - start)
    return times


def peak_rate(sizes: tuple[int, ...] = ()) -> float:
    """Operations a second of the fastest matrix product, in the number format of the trainings."""
    device = pick_device()
    dtype, _ = pick_precision(device)
    return max(
        2 * n**3 / min(matmul_seconds(dtype, n, device) for _ in range(6))
        for n in sizes or PEAK_SIZES[device.type]
    )


def share_of_peak(name: str, batch_size: int, steps: int = 4) -> dict:
    """Row d: images a second in training, and operations a second over the measured peak."""
    device = pick_device()
    split, _ = textbook.colour_images(1024)
    split = Split(split.images.to(device), split.labels.to(device))
    model = make_model(name, **INPUT)
    operations = 6 * count_multiply_adds(model, (3, 32, 32))  # forward, and twice that back
    schedule = Schedule(steps=steps + 2, batch_size=batch_size)
    times, start = [], time.perf_counter()
    for _ in training_reports(
        model, split, method=CrossEntropy(), schedule=schedule, report_every=1
    ):
        synchronise(device)
        times.append(time.perf_counter() - start)
        start = time.perf_counter()
    rate = batch_size / statistics.median(times[2:])
    return {"images/s": rate, "share of peak": rate * operations / peak_rate()}


def all_models() -> dict[str, dict]:
    names = list(BODIES)
    return {name: share_of_peak(name, 256 if name == "resnet-20" else 128) for name in names}
