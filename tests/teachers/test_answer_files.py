"""Answers of a teacher on disk: the right ones bit for bit, and of no other teacher."""

from dataclasses import replace

import torch

from kd_helpers.data.augment import ViewSet, make_views, to_float
from kd_helpers.models.zoo import make_model
from kd_helpers.teachers import Batch, CachedTeacher, NetworkTeacher
from kd_helpers.teachers.cached import AnswerFiles, fingerprint

COUNT, K = 200, 10
ALL = ViewSet(flip=True, max_shift=1)
FEW = replace(ALL, per_image=4)
IMAGES = torch.randint(
    256, (COUNT, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return make_model("cnn-2", num_classes=K, in_channels=1, image_size=28)


class Counting(NetworkTeacher):
    asked = 0

    def __call__(self, batch: Batch) -> torch.Tensor:
        self.asked += len(batch.index)
        return super().__call__(batch)


def cache_at(folder, view_set: ViewSet = ALL, **how) -> CachedTeacher:
    teacher, files = Counting(network()), AnswerFiles(folder)
    cache = CachedTeacher(teacher, IMAGES, view_set, num_classes=K, files=files, **how)
    cache.read_files()
    return cache


def drawn(view_set: ViewSet, count: int, seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    index = torch.randint(COUNT, (count,), generator=generator)
    view = view_set.view_of(index, torch.randint(view_set.slots, (count,), generator=generator))
    pictures = to_float(make_views(IMAGES[index], view, view_set))
    return Batch(pictures, torch.zeros_like(index), index, view)


def some(batch: Batch, rows: torch.Tensor) -> Batch:
    return Batch(*(part[rows] for part in batch[:4]))


def test_another_session_reads_the_same_answers_and_asks_nothing(tmp_path):
    for view_set in (ViewSet(), ALL, FEW):
        folder = tmp_path / str(view_set.slots)
        first, batch = cache_at(folder, view_set), drawn(view_set, 400, seed=1)
        given = first(batch)
        first.save()
        second, order = cache_at(folder, view_set), torch.randperm(400)[:300]
        assert second(some(batch, order)).equal(given[order]) and second.teacher.asked == 0
        second(drawn(view_set, 400, seed=2))
        second.save()
        assert cache_at(folder, view_set).known.sum() == second.known.sum() > first.known.sum()


def test_one_with_little_room_takes_what_it_has_room_for(tmp_path):
    large, batch = cache_at(tmp_path), drawn(ALL, 400, seed=3)
    given = large(batch)
    large.save()
    small = cache_at(tmp_path, max_bytes=5 * 2 * K * COUNT)
    torch.testing.assert_close(small(batch), given, rtol=2e-3, atol=2e-3)
    beyond = int((batch.view >= 5).sum())
    assert beyond <= small.teacher.asked < beyond + small.at_once  # the last call is filled up


def test_a_reader_writes_nothing_and_equal_answers_take_no_others_place(tmp_path):
    reader = cache_at(tmp_path / "reader", writes=False)
    reader(drawn(ALL, 64, seed=5))
    reader.save()
    assert not (tmp_path / "reader").exists()
    files = AnswerFiles(tmp_path / "equal")
    for row in range(3):
        files.add(torch.tensor([row]), torch.tensor([0]), torch.zeros(1, K).half())
    found = AnswerFiles(tmp_path / "equal").read_new()
    assert sorted(int(index) for index, _, _ in found) == [0, 1, 2]
    assert files.read_new() == []  # its own


def changed(kind: str) -> tuple:
    model, images = network(), IMAGES.clone()
    with torch.no_grad():
        if kind == "weight":
            next(model.parameters()).view(-1)[0] += 1e-6
        if kind == "statistic":
            next(model.buffers()).view(-1)[0] += 1e-6
    if kind == "pixel":
        images[-1, 0, 27, 27] ^= 1
    return model, images.flip(0) if kind == "order" else images, FEW if kind == "views" else ALL


def test_another_teacher_picture_view_or_precision_has_another_folder(monkeypatch):
    kinds = ("nothing", "weight", "statistic", "pixel", "order", "views")
    names = [fingerprint(*changed(kind)) for kind in kinds]
    assert fingerprint(*changed("nothing")) == names[0]
    monkeypatch.setenv("KD_PRECISION", "bfloat16")
    assert len({*names, fingerprint(*changed("nothing"))}) == len(kinds) + 1
