"""What only a GPU shows; skipped where PyTorch sees none. No pictures are needed."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from kd_helpers.data.augment import ViewSet, make_views, to_float
from kd_helpers.data.datasets import Dataset, Split
from kd_helpers.experiments import metrics
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.room import load_dataset_once
from kd_helpers.experiments.run import load_or_train
from kd_helpers.export import export
from kd_helpers.methods import CrossEntropy, HintonKD
from kd_helpers.teachers import Batch, CachedTeacher, NetworkTeacher
from kd_helpers.teachers.cached import AnswerFiles
from kd_helpers.training import loop as training
from kd_helpers.training import recorded
from kd_helpers.training.checkpoints import Checkpoint
from kd_helpers.training.loop import make_student, predict, train, training_reports
from kd_helpers.training.schedules import Schedule
from little_data import in_no_time

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no GPU here")
INPUT = {"num_classes": 10, "in_channels": 1, "image_size": 28}
VIEWS = ViewSet(flip=True, max_shift=1)
SOFT = HintonKD(temperature=4.0, kd_weight=0.9)
SHORT = Schedule(steps=20, batch_size=16, learning_rate=0.01, shape="constant")


def random_split(count: int, seed: int = 0) -> Split:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (count, 1, 28, 28), dtype=torch.uint8, generator=generator)
    return Split(images, torch.randint(10, (count,), generator=generator))


@pytest.fixture
def split() -> Split:
    return random_split(64).to("cuda")


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
        schedule=Schedule(steps=180, batch_size=16),
        report_every=60,
    )
    next(reports)  # the first steps choose algorithms, make room, and are recorded

    def record(history, sums):
        torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(training, "record", record)
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert next(reports).taken == 120
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_gpu_learns_what_the_processor_learns(split, monkeypatch):
    """In float32, and in bfloat16 with its rounding."""
    losses = {}
    for device, precision in (("cpu", "float32"), ("cuda", "float32"), ("cuda", "bfloat16")):
        monkeypatch.setenv("KD_PRECISION", precision)
        student, there = make_student("cnn-2", seed=0, **INPUT), split.to(device)
        history = train(student, there, method=CrossEntropy(), schedule=SHORT, report_every=5)
        losses[device, precision] = torch.tensor(history.terms["loss"])
        assert next(student.parameters()).dtype == torch.float32
    assert losses["cpu", "float32"][-1] < 0.9 * losses["cpu", "float32"][0], "nothing was learnt"
    for how, found in losses.items():
        tolerance = 0.05 if "bfloat16" in how else 0.02
        torch.testing.assert_close(found, losses["cpu", "float32"], rtol=tolerance, atol=0)


def test_recorded_steps_teach_what_plain_ones_do(split, cache, monkeypatch):
    """With a rate that changes at every step, two optimisers and batch norm."""
    monkeypatch.setenv("KD_PRECISION", "float32")
    monkeypatch.setattr(recorded, "WORTHWHILE", 0.0)
    for optimiser, rate in (("sgd", 0.02), ("adam", 1e-3)):
        schedule = Schedule(steps=90, batch_size=16, learning_rate=rate, optimiser=optimiser)
        given = {"method": SOFT, "teacher": cache, "augmentation": VIEWS, "schedule": schedule}
        found = {}
        for kind in ("plain", "recorded"):
            monkeypatch.setenv("KD_RECORDED", "0" if kind == "plain" else "")
            student = make_student("resnet-8", seed=0, **INPUT)
            history = train(student, split, report_every=10, **given)
            assert history.how.startswith(kind), history.how
            found[kind] = torch.tensor(history.terms["loss"])
        assert found["plain"][-1] < 0.9 * found["plain"][0], "nothing was learnt"
        torch.testing.assert_close(found["recorded"], found["plain"], rtol=0.05, atol=0)


def test_a_cached_answer_is_the_teachers_to_that_picture(split, cache, tmp_path):
    """Asked in any order; from memory, and from files that another cache wrote."""
    order = torch.randperm(64, generator=torch.Generator().manual_seed(2)).cuda()
    view = order % len(VIEWS)
    pictures = to_float(make_views(split.images[order], view, VIEWS))
    batch = Batch(pictures, split.labels[order], order, view)
    fresh = cache.teacher(batch)
    assert fresh.is_cuda and fresh.std() > 0.01
    torch.testing.assert_close(cache(batch), fresh, rtol=0, atol=4e-3)  # others: 0.008 away
    for _ in range(2):  # the second reads what the first has written
        files = AnswerFiles(tmp_path / "answers")
        other = CachedTeacher(cache.teacher, split.images, VIEWS, num_classes=10, files=files)
        assert torch.equal(other(batch), cache(batch))
        other.save()
    assert len([*tmp_path.rglob("*.answers")]) == 1


def test_a_training_that_is_cut_off_goes_on(split, cache, tmp_path):
    def trained(**how) -> tuple[nn.Module, training.History]:
        student = make_student("cnn-2", seed=0, **INPUT)
        given = {"method": SOFT, "teacher": cache, "augmentation": VIEWS, "schedule": SHORT}
        return student, train(student, split, report_every=5, **given, **how)

    whole, expected = trained()
    taken = iter(range(100))
    kept = {"checkpoint": Checkpoint(tmp_path / "state", "recipe", every=0.0)}
    _, first = trained(should_stop=lambda: next(taken) == 12, **kept)
    assert first.stopped and first.taken == 12
    student, history = trained(**kept)
    assert history.resumed == 1 and history.step == expected.step
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(student.state_dict()[name], value, rtol=1e-2, atol=1e-3)


def test_a_recipe_runs_to_its_end_and_its_student_leaves_the_gpu(tmp_path, monkeypatch):
    """Teacher, cache, student, records, and a file that runs on any processor."""
    monkeypatch.setenv("KD_OUT", str(tmp_path))
    monkeypatch.setattr(metrics, "measure_latency", in_no_time)
    parts = {name: random_split(n, n) for name, n in (("train", 100), ("val", 40), ("test", 40))}
    data = Dataset("random", tuple("abcdefghij"), **parts)
    teacher = Recipe(student="resnet-8", dataset=data, schedule=SHORT)
    run = load_or_train(replace(teacher, student="cnn-2", teacher=teacher, method=SOFT))
    assert run.record["device"] == torch.cuda.get_device_name()
    answers = predict(run.model(), data.test.images)  # on the processor
    torch.testing.assert_close(answers, run.logits("test"), rtol=2e-2, atol=1e-2)
    model = run.model("cuda")
    done = export(model, tmp_path / "student.pt2", data=data.to("cuda"))
    assert done.rows[-1].difference < 1e-3 and next(model.parameters()).is_cuda
    load_dataset_once.cache_clear()
