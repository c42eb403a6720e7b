"""Answers of a teacher on disk: the right ones bit for bit, and of no other teacher."""

import torch
from test_cached import A_VIEW, ALL, FEW, IMAGES, INPUT, K, Shows, cache_of, drawn

from kd_helpers.data.augment import PLAIN, ViewSet
from kd_helpers.models.zoo import make_model
from kd_helpers.teachers import CachedTeacher
from kd_helpers.teachers.cached import AnswerFiles, fingerprint


def cache_at(folder, view_set: ViewSet = ALL, **how) -> CachedTeacher:
    cache = cache_of(Shows(), view_set, files=AnswerFiles(folder), **how)
    cache.read_files()
    return cache


def test_another_session_reads_the_same_answers_and_asks_nothing(tmp_path):
    for view_set in (PLAIN, ALL, FEW):
        folder = tmp_path / str(view_set.slots)
        first, batch = cache_at(folder, view_set), drawn(1, 90, view_set)
        given = first(batch)
        first.save()
        second, order = cache_at(folder, view_set), torch.randperm(90)[:50]
        some = type(batch)(*(part[order] for part in batch[:4]))
        assert second(some).equal(given[order]) and not second.teacher.asked
        second(drawn(2, 90, view_set))
        second.save()
        assert cache_at(folder, view_set).known.sum() == second.known.sum() >= first.known.sum()


def test_one_with_little_room_takes_what_it_has_room_for(tmp_path):
    large, batch = cache_at(tmp_path), drawn(3, 200)
    given = large(batch)
    large.save()
    small = cache_at(tmp_path, max_bytes=5 * A_VIEW)
    assert small(batch).equal(given)
    assert {view for _, view in small.teacher.asked} == set(range(5, len(ALL)))


def test_a_reader_writes_nothing_and_equal_answers_take_no_others_place(tmp_path):
    reader = cache_at(tmp_path / "reader", writes=False)
    reader(drawn(5, 64))
    reader.save()
    assert not (tmp_path / "reader").exists()
    files = AnswerFiles(tmp_path / "equal")
    for row in range(3):
        files.add(torch.tensor([row]), torch.tensor([0]), torch.zeros(1, K).half())
    found = AnswerFiles(tmp_path / "equal").read_new()
    assert sorted(int(index) for index, _, _ in found) == [0, 1, 2]
    assert files.read_new() == []  # its own


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return make_model("cnn-2", **INPUT)


def changed(kind: str) -> tuple:
    model, images = network(), IMAGES.clone()
    with torch.no_grad():
        if kind == "weight":
            next(model.parameters()).view(-1)[0] += 1e-6
        if kind == "statistic":
            next(model.buffers()).view(-1)[0] += 1e-6
    if kind == "pixel":
        images[-1, 0, 27, 27] ^= 1
    views = FEW if kind == "views" else ALL
    weights = model.state_dict().values()
    return repr(model), weights, images.flip(0) if kind == "order" else images, views


def test_another_teacher_picture_view_or_precision_has_another_folder(monkeypatch):
    kinds = ("nothing", "weight", "statistic", "pixel", "order", "views")
    names = [fingerprint(*changed(kind)) for kind in kinds]
    assert fingerprint(*changed("nothing")) == names[0]
    monkeypatch.setenv("KD_PRECISION", "bfloat16")
    assert len({*names, fingerprint(*changed("nothing"))}) == len(kinds) + 1
