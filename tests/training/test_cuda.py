"""What only a GPU shows; skipped where PyTorch sees none."""

import pytest
import torch

from kd_helpers.data.augment import ViewSet
from kd_helpers.data.datasets import Split
from kd_helpers.methods import CrossEntropy, HintonKD
from kd_helpers.teachers import CachedTeacher, NetworkTeacher
from kd_helpers.training import loop as training
from kd_helpers.training.loop import make_student, train, training_reports
from kd_helpers.training.schedules import Schedule

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no GPU here")
INPUT = {"num_classes": 10, "in_channels": 1, "image_size": 28}
VIEWS = ViewSet(flip=True, max_shift=1)
SOFT = HintonKD(temperature=4.0, kd_weight=0.9)


@pytest.fixture
def split() -> Split:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (64, 1, 28, 28), dtype=torch.uint8, generator=generator)
    return Split(images.cuda(), torch.randint(10, (64,), generator=generator).cuda())


@pytest.fixture
def cache(split) -> CachedTeacher:
    """Knows the answer to every view of every image."""
    teacher = NetworkTeacher(make_student("cnn-2", seed=1, **INPUT).cuda())
    cache = CachedTeacher(teacher, split.images, VIEWS, num_classes=10)
    every = torch.cartesian_prod(torch.arange(64), torch.arange(len(VIEWS)))
    cache.prepare(every[:, 0], every[:, 1])
    return cache


def test_no_step_between_two_reports_waits_for_the_gpu(split, cache, monkeypatch):
    """From the second report on, only the report itself may look at a number."""
    reports = training_reports(
        make_student("resnet-8", seed=0, **INPUT),
        split,
        method=SOFT,
        teacher=cache,
        augmentation=VIEWS,
        schedule=Schedule(steps=40, batch_size=16),
        report_every=10,
    )
    next(reports)  # the first steps choose algorithms and make room

    def record(history, sums):
        torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(training, "record", record)
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert next(reports).taken == 20
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_gpu_learns_what_the_processor_learns(split, cache):
    students = {}
    for device in ("cpu", "cuda"):
        there = Split(split.images.to(device), split.labels.to(device))
        student = make_student("cnn-2", seed=0, **INPUT)
        train(student, there, method=CrossEntropy(), schedule=Schedule(steps=5, batch_size=16))
        students[device] = student.cpu().state_dict()
    for name, value in students["cpu"].items():
        torch.testing.assert_close(students["cuda"][name], value, rtol=0.1, atol=0.05)
