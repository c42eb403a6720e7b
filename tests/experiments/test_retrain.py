"""Shipped runs are trained again several at a time: all of them, teachers first, and only once."""

import json
from dataclasses import replace

import pytest

from kd_course import retrain
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import load_checked_run, load_run
from kd_helpers.runtime.folders import data_dir, run_folders
from kd_helpers.training.schedules import Schedule

SMALL = Recipe(schedule=Schedule(steps=3, batch_size=16), transfer=TransferSet(images=32))
TAUGHT = replace(SMALL, teacher=SMALL, kd_weight=0.5)
ITEMS = [
    (TAUGHT, ()),
    (replace(TAUGHT, seed=1), ("weights",)),
    (SMALL, ("weights", "train_logits")),
]


@pytest.fixture
def empty_shop(tmp_path, monkeypatch):
    """A data folder with the images and no run, seen by the worker processes too."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "fashion-mnist").symlink_to(data_dir() / "fashion-mnist")
    monkeypatch.setenv("KD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    monkeypatch.setattr(retrain, "shipped_runs", lambda: iter(ITEMS))


def test_all_are_trained_teachers_first_and_timed(empty_shop, capsys):
    order = [run.recipe for run in retrain.retrain(again=True, jobs=2)]
    assert order[0] == SMALL
    assert sorted(map(str, order)) == sorted(str(recipe) for recipe, _ in ITEMS)
    assert list(retrain.retrain(again=False, jobs=2)) == []
    before = load_run(SMALL).record["latency"]
    retrain.print_progress(retrain.time_all())
    assert load_run(SMALL).record["latency"] != before
    assert load_run(SMALL).model() is not None
    assert capsys.readouterr().out.count("ms at batch 256") == 3


def test_a_teacher_whose_weights_do_not_ship_is_trained_once(empty_shop, monkeypatch):
    """Its students, in other processes, find its weights in `out/`; what ships is the record."""
    items = [(SMALL, ()), (TAUGHT, ()), (replace(TAUGHT, seed=1), ())]
    monkeypatch.setattr(retrain, "shipped_runs", lambda: iter(items))
    trained = list(retrain.retrain(again=True, jobs=1))
    assert [run.recipe for run in trained] == [recipe for recipe, _ in items]
    shipped, own = (folder / f"{SMALL.hash}.json" for folder in run_folders())
    assert (
        shipped.read_text() != own.read_text() and not shipped.with_suffix(".safetensors").exists()
    )
    assert load_checked_run(SMALL).model() is not None  # the one with weights goes first
    assert own.stat().st_mtime_ns <= shipped.stat().st_mtime_ns  # not trained again by a student
    record = json.loads(shipped.read_text())
    measured = [{"batch_size": 256, "median_ms": 123.0}]
    monkeypatch.setattr(retrain, "latencies_here", lambda run: measured)
    assert [run.folder for run in retrain.time_all()] == [shipped.parent] * 3
    assert json.loads(shipped.read_text())["latency"] == measured
    assert load_checked_run(SMALL).model() is not None
    assert record["seconds"] == json.loads(own.read_text())["seconds"] and "sha256" not in record
