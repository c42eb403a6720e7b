"""A teacher with a memory: an answer belongs to (image, view), is asked for once, stays right."""

import gc
from dataclasses import replace

import pytest
import torch

from kd_helpers.data.augment import PLAIN, ViewSet, make_views, to_float
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.models.zoo import make_model
from kd_helpers.teachers import Batch, CachedTeacher, Mean, NetworkTeacher, OnceEach, Switching
from kd_helpers.teachers import cached as memory
from kd_helpers.teachers.teacher import Teacher
from kd_helpers.teachers.team import Joined

COUNT, K = 40, 10
INPUT = {"num_classes": K, "in_channels": 1, "image_size": 28}
ALL = ViewSet(flip=True, max_shift=1)
FEW = replace(ALL, per_image=4)
IMAGES = torch.randint(
    256, (COUNT, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)
A_VIEW = COUNT * K * 2  # bytes of the answers to one view of every image


class Shows(Teacher):
    """Answers with some of the picture itself, so that no arithmetic hides a wrong pair, and writes
    down the pairs of each call (which is filled up with its first pair)."""

    def __init__(self) -> None:
        self.asked, self.calls = [], 0

    def __call__(self, batch: Batch) -> torch.Tensor:
        self.calls += 1
        pairs = zip(batch.index.tolist(), batch.view.tolist(), strict=True)
        self.asked += list(dict.fromkeys(pairs))
        return batch.images.flatten(1)[:, 200:600:40]

    def features(self, batch: Batch, layer: str) -> torch.Tensor:
        return self(batch) + len(layer)


def batch(index, view, view_set: ViewSet = ALL) -> Batch:
    index, view = torch.as_tensor(index), torch.as_tensor(view)
    pictures = to_float(make_views(IMAGES[index], view, view_set))
    return Batch(pictures, torch.zeros_like(index), index, view)


def drawn(seed: int, count: int = 100, view_set: ViewSet = ALL) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    index = torch.randint(COUNT, (count,), generator=generator)
    slot = torch.randint(view_set.slots, (count,), generator=generator)
    return batch(index, view_set.view_of(index, slot), view_set)


def cache_of(teacher: Teacher, view_set: ViewSet = ALL, **how) -> CachedTeacher:
    return CachedTeacher(teacher, IMAGES, view_set, num_classes=K, **how)


def is_right(cache: CachedTeacher, asked: Batch) -> bool:
    return cache(asked).equal(Shows()(asked).half().float())


def test_every_answer_is_that_to_its_picture_shuffled_augmented_and_with_little_room():
    for view_set in (PLAIN, ALL, FEW):
        for room in (0, 1, 3, 18):
            cache = cache_of(Shows(), view_set, max_bytes=room * A_VIEW)
            assert cache.room == min(room, view_set.slots)
            # Later batches meet known pairs in other places, once or several times.
            assert all(is_right(cache, drawn(seed, 90, view_set)) for seed in range(4))
            assert cache(drawn(9, 5, view_set)).dtype == torch.float32


def test_each_pair_is_asked_once_and_those_that_were_given_never():
    teacher = Shows()
    cache, wanted = cache_of(teacher), set()
    for seed in range(8):
        pairs = torch.stack([drawn(seed).index, drawn(seed).view], 1).unique(dim=0)
        cache(batch(pairs[:, 0], pairs[:, 1]))
        wanted |= set(map(tuple, pairs.tolist()))
    assert sorted(teacher.asked) == sorted(wanted)
    cache(batch(pairs[:, 0].flip(0), pairs[:, 1].flip(0)))
    assert len(teacher.asked) == len(wanted)
    plain, teacher = batch(range(COUNT), [0] * COUNT), Shows()
    cache = cache_of(teacher)
    cache.remember_plain(Shows()(plain))
    assert is_right(cache, plain) and not teacher.asked
    assert is_right(cache, batch(range(COUNT), [5] * COUNT))
    assert teacher.asked == [(i, 5) for i in range(COUNT)]
    with pytest.raises(ValueError, match=f"got answers to 3 images; expected {COUNT}"):
        cache.remember_plain(torch.zeros(3, K))


def test_features_are_asked_once_for_each_pair_and_layer_while_there_is_room(monkeypatch):
    teacher = Shows()
    cache, asked = cache_of(teacher), drawn(0)
    for layer, calls in (("a", 4), ("ab", 8), ("a", 8)):  # 100 pictures are four calls
        found = cache.features(asked, layer)
        assert found.equal(Shows().features(asked, layer)) and teacher.calls == calls
    monkeypatch.setattr(memory, "FEATURE_BYTES", cache.features(asked, "a").nbytes // 2)
    assert cache.features(drawn(1), "abc").equal(Shows().features(drawn(1), "abc"))
    assert not cache.held["abc"]


def test_told_beforehand_the_teacher_is_asked_in_full_calls():
    teacher = Shows()
    cache, coming = cache_of(teacher, PLAIN), torch.arange(40).reshape(5, 8)
    cache.prepare(coming, torch.zeros_like(coming))
    assert teacher.calls == 2  # 32 pictures, then 8
    for index in coming:
        told = batch(index, torch.zeros_like(index), PLAIN)._replace(prepared=True)
        assert is_right(cache, told)
    assert teacher.calls == 2


def test_the_last_bits_of_an_answer_do_not_depend_on_what_else_is_asked(monkeypatch):
    """A killed training asks for other pieces than one in one go; so does a second student."""
    torch.manual_seed(0)
    network = NetworkTeacher(make_model("cnn-2", **INPUT))
    everything, answers = batch(range(COUNT), [7] * COUNT), []
    for size in (COUNT, 8, 3, 1):
        cache = cache_of(network)
        for rows in torch.arange(COUNT).split(size):
            cache.prepare(rows, torch.full_like(rows, 7))
        answers.append(cache(everything))
    assert all(found.equal(answers[0]) for found in answers)
    fresh = network(batch(range(32), [7] * 32)).half().float()
    assert answers[0][:32].equal(fresh)


def test_all_memories_of_a_process_share_one_budget(monkeypatch):
    gc.collect()
    monkeypatch.setattr(memory, "MAX_BYTES", memory.MAX_BYTES - memory.bytes_left() + 20 * A_VIEW)
    assert memory.bytes_left() == 20 * A_VIEW
    first = cache_of(Shows())
    second, third = cache_of(Shows()), cache_of(Shows())
    assert [cache.room for cache in (first, second, third)] == [18, 2, 0]
    assert memory.bytes_left() == 0
    for seed in range(3):
        assert all(is_right(cache, drawn(seed)) for cache in (first, second, third))
    del first
    gc.collect()
    assert memory.bytes_left() == 18 * A_VIEW and cache_of(Shows()).room == 18


class Room:
    temperature, images = 4.0, COUNT


def test_only_an_answer_that_does_not_change_is_remembered():
    """A mean is; a draw is not, nor a team with a drawing one inside."""
    some = (Recipe(), Recipe(seed=1))
    mean = Joined(Mean(some, "geometric"), [Shows(), Shows()], Room)
    assert is_right(cache_of(mean), drawn(0)) and not mean.changes
    drawing = Joined(Switching(some), [Shows(), Shows()], Room)
    once = Joined(OnceEach(some), [Shows(), Shows()], Room)
    for team in (drawing, once, Joined(Mean(some), [Shows(), drawing], Room)):
        with pytest.raises(ValueError, match="put the memory round its members"):
            cache_of(team)


def test_a_question_about_another_picture_is_refused():
    """It was answered for other images: views of another augmentation, rows of another split."""
    index = torch.arange(3)
    few = ~torch.isin(torch.arange(len(FEW)), FEW.view_of(torch.tensor([5]), torch.arange(4)))
    strange = int(torch.where(few)[0][0])  # no view of image 5
    for view_set, rows, views, words in (
        (PLAIN, index, [0, 1, 5], r"got the view 1 .* expected 0 to 0.*ViewSet\(\)"),
        (ALL, index, [0, 1, len(ALL)], f"got the view {len(ALL)}"),
        (ALL, index, [-1, 0, 0], "got the view -1"),
        (FEW, torch.tensor([5, 5, 5]), [strange] * 3, "none of the 4 of their image.*per_image=4"),
        (ALL, torch.tensor([0, COUNT, 1]), [0, 0, 0], f"got the image {COUNT} .* 0 to {COUNT - 1}"),
        (ALL, torch.tensor([0, -1, 1]), [0, 0, 0], "got the image -1"),
    ):
        for max_bytes in (0, A_VIEW, None):
            cache, views = cache_of(Shows(), view_set, max_bytes=max_bytes), torch.as_tensor(views)
            asked = Batch(torch.zeros(3, 1, 28, 28), index, rows, views)
            for ask in (lambda: cache(asked), lambda: cache.prepare(rows, views)):  # noqa: B023
                with pytest.raises(ValueError, match=words):
                    ask()
