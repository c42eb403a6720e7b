"""Answers of a teacher on disk: those of a fresh teacher bit for bit, and of no other teacher."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from kd_course.nb02_hinton.experiments import TEACHER
from kd_helpers.data.augment import ViewSet, make_views, to_float
from kd_helpers.experiments import run as runs
from kd_helpers.experiments.room import load_dataset_once
from kd_helpers.experiments.run import load_run
from kd_helpers.teachers.answer_files import AnswerFiles, fingerprint
from kd_helpers.teachers.cached import Batch, CachedTeacher, NetworkTeacher
from lives import PUPIL

COUNT, CLASSES = 200, 10
ALL = ViewSet(flip=True, max_shift=1)
FEW = replace(ALL, per_image=4)
TOGETHER = 64  # the size of a batch whose answers count as "fresh"


@pytest.fixture(autouse=True)
def float32(monkeypatch):
    monkeypatch.setenv("KD_PRECISION", "float32")


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return load_dataset_once("fashion-mnist", "cpu").train.images[:COUNT].clone()


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """A real teacher: its answers are no round numbers and differ from image to image."""
    return load_run(TEACHER).model()


class CountingTeacher(NetworkTeacher):
    asked = 0

    def __call__(self, batch: Batch) -> torch.Tensor:
        self.asked += len(batch.index)
        return super().__call__(batch)


def draw_pairs(view_set: ViewSet, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    index = torch.randint(COUNT, (count,), generator=generator)
    slot = torch.randint(view_set.slots, (count,), generator=generator)
    return index, view_set.view_of(index, slot)


def make_batch(images, view_set: ViewSet, index, view) -> Batch:
    pictures = to_float(make_views(images[index], view, view_set))
    return Batch(pictures, torch.zeros_like(index), index, view)


def fresh_answers(network, images, view_set: ViewSet, index, view) -> torch.Tensor:
    """Asked in full batches, rounded to half; the last one is filled up with its first pair."""
    answers = []
    for i, v in zip(index.split(TOGETHER), view.split(TOGETHER), strict=True):
        filled = [torch.cat([x, x[:1].expand(TOGETHER - len(x))]) for x in (i, v)]
        batch = make_batch(images, view_set, *filled)
        answers.append(NetworkTeacher(network)(batch)[: len(i)].half().float())
    return torch.cat(answers)


def is_exact(cache, network, images, index, view) -> bool:
    """The criterion: every answer equals the fresh one bit for bit."""
    found = cache(make_batch(images, cache.view_set, index, view))
    return found.equal(fresh_answers(network, images, cache.view_set, index, view))


@pytest.fixture
def make_cache(network, images, tmp_path):
    """make_cache(views) -> (cache, its counting teacher); all of them share one folder."""

    def make(view_set: ViewSet = ALL, **how):
        teacher = CountingTeacher(network)
        files = AnswerFiles(tmp_path / fingerprint(network, images, view_set))
        cache = CachedTeacher(teacher, images, view_set, num_classes=CLASSES, files=files, **how)
        cache.read_files()
        return cache, teacher

    return make


VIEW_SETS = pytest.mark.parametrize("view_set", (ViewSet(), ALL, FEW), ids=str)


# Answers of small batches differ in their last bits, and now and then in half precision.
@VIEW_SETS
def test_answers_of_full_batches_equal_fresh_ones(view_set, make_cache, network, images):
    cache, _ = make_cache(view_set)
    rows = torch.arange(128)
    for slot in range(view_set.slots):
        view = view_set.view_of(rows, torch.full_like(rows, slot))
        assert is_exact(cache, network, images, rows, view)
    for seed in range(5):  # shuffled, and only a part
        index, view = draw_pairs(view_set, 300, seed)
        some = index < 128
        assert is_exact(cache, network, images, index[some], view[some])


@VIEW_SETS
def test_another_cache_reads_the_same_from_disk_and_asks_nothing(
    view_set, make_cache, network, images
):
    first, _ = make_cache(view_set)
    index, view = draw_pairs(view_set, 640, seed=1)
    given = first(make_batch(images, view_set, index, view))
    first.save()
    second, counting = make_cache(view_set)
    order = torch.randperm(640, generator=torch.Generator().manual_seed(2))[:500]
    batch = make_batch(images, view_set, index[order], view[order])
    assert second(batch).equal(given[order])
    assert counting.asked == 0


class ShowsWhatItIsAsked:
    """A teacher whose answer is the picture itself, so that no arithmetic can hide a wrong pair."""

    def __call__(self, batch: Batch) -> torch.Tensor:
        return batch.images.flatten(1)[:, ::80]


@VIEW_SETS
@pytest.mark.parametrize("room", (0, 1, 3, 18))
def test_a_cache_with_little_room_pairs_every_answer_with_its_picture(
    view_set, room, images, tmp_path
):
    max_bytes = room * 2 * CLASSES * COUNT
    for turn in range(2):  # the second one reads the files of the first
        files = AnswerFiles(tmp_path)
        cache = CachedTeacher(
            ShowsWhatItIsAsked(),
            images,
            view_set,
            num_classes=CLASSES,
            files=files,
            max_bytes=max_bytes,
        )
        cache.read_files()
        assert cache.room == min(room, view_set.slots)
        for seed in range(4):
            batch = make_batch(images, view_set, *draw_pairs(view_set, 150, seed + turn))
            assert cache(batch).equal(ShowsWhatItIsAsked()(batch).half().float())
        cache.save()


def test_a_cache_with_little_room_reads_the_files_of_one_with_more(make_cache, images):
    large, _ = make_cache(ALL)
    batch = make_batch(images, ALL, *draw_pairs(ALL, 640, seed=3))
    given = large(batch)
    large.save()
    small, counting = make_cache(ALL, max_bytes=5 * 2 * CLASSES * COUNT)
    torch.testing.assert_close(small(batch), given, rtol=2e-3, atol=2e-3)
    beyond = int((batch.view >= 5).sum())
    assert beyond <= counting.asked < beyond + small.at_once  # the last call is filled up


def answers_by_turns(cache, images, sizes) -> torch.Tensor:
    """Answers to the plain images, asked for in pieces of these sizes."""
    for rows in torch.arange(COUNT).split(sizes):
        cache.prepare(rows, torch.zeros_like(rows))
    return cache.answers[torch.arange(COUNT) * cache.room]


@pytest.fixture(scope="module")
def small_network() -> nn.Module:
    return runs.new_student(PUPIL, load_dataset_once("fashion-mnist", "cpu")).eval()


def test_the_answers_do_not_depend_on_what_else_is_asked(small_network, images):
    """A killed training asks for other pieces than one in one go; so does a second student."""
    asked = []
    for sizes in ([COUNT], [8] * 25, [1] * COUNT, [64, 3, 64, 2, 64, 3]):
        cache = CachedTeacher(NetworkTeacher(small_network), images, num_classes=CLASSES)
        asked.append(answers_by_turns(cache, images, sizes))
    assert all(answers.equal(asked[0]) for answers in asked)


def test_random_pairs_in_batches_of_any_size_equal_fresh_ones(small_network, images):
    cache = CachedTeacher(NetworkTeacher(small_network), images, ALL, num_classes=CLASSES)
    sizes = torch.randint(1, 12, (120,), generator=torch.Generator().manual_seed(4)).tolist()
    exact = [
        is_exact(cache, small_network, images, *draw_pairs(ALL, size, seed))
        for seed, size in enumerate(sizes)
    ]
    assert all(exact)


def test_a_reader_writes_nothing(make_cache, images, tmp_path):
    cache, _ = make_cache(writes=False)
    cache(make_batch(images, ALL, *draw_pairs(ALL, 64, seed=5)))
    cache.save()
    assert list(tmp_path.iterdir()) == []
