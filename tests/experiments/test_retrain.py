"""Shipped runs are trained again several at a time, teachers first, each once, and packed."""

import random
from dataclasses import replace

import pytest

from kd_course import cli, retrain
from kd_course.catalogue import Shipped
from kd_helpers.data.datasets import DataError
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments import metrics
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import load_checked_run, load_run
from kd_helpers.methods import HintonKD
from kd_helpers.runtime.folders import data_dir, run_folders
from kd_helpers.training.schedules import Schedule

SMALL = Recipe(schedule=Schedule(steps=3, batch_size=16), transfer=TransferSet(images=32))
TAUGHT = replace(SMALL, teacher=SMALL, method=HintonKD(kd_weight=0.5))
EXPERT = replace(SMALL, special=(1, 2), start=SMALL)
ITEMS = [
    Shipped("nb03", "taught", TAUGHT),
    Shipped("nb03", "taught", replace(TAUGHT, seed=1), ("weights",)),
    Shipped("nb05", "expert", EXPERT),
    Shipped("nb02", "teacher", SMALL, ("test_logits",)),
]


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A data folder with the images and no run, seen by the worker processes too."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "fashion-mnist").symlink_to(data_dir() / "fashion-mnist")
    monkeypatch.setenv("KD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    monkeypatch.setattr(retrain, "shipped_runs", lambda: ITEMS)
    monkeypatch.setattr(metrics, "measure_latencies", lambda *_: [time_of(1), time_of(256)])
    return tmp_path / "data" / "runs"


def time_of(batch_size: int) -> dict:
    return {"batch_size": batch_size, "median_ms": random.random()}


def files_of(shop) -> dict:
    return {path: path.stat().st_mtime_ns for path in shop.rglob("*") if path.is_file()}


def test_all_are_trained_packed_and_timed_and_nothing_is_done_twice(shop, capsys, monkeypatch):
    assert cli.main(["runs", "--retrain", "--jobs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8 and all("ms at batch 256" in line for line in lines)
    assert lines[0].endswith(str(SMALL))  # the teacher goes first
    assert {folder.name for folder in shop.iterdir()} == {"nb02", "nb03", "nb05"}
    for item in ITEMS:
        assert load_run(item.recipe).model() is not None  # of `out/`, where none are packed
    taught = [retrain.read_packed(shop / "nb03", replace(TAUGHT, seed=s)) for s in (0, 1)]
    assert taught[0].record["latency"] == taught[1].record["latency"]  # of one kind: timed once
    assert [run.record["kept"] for run in taught] == [[], ["weights"]]
    teacher = retrain.read_packed(shop / "nb02", SMALL)
    assert teacher.record["kept"] == ["test_logits"]
    assert teacher.record["date"] == load_checked_run(SMALL).record["date"]

    before = files_of(shop)
    monkeypatch.setattr(retrain, "train_recipe", lambda *_, **__: pytest.fail("trained again"))
    assert cli.main(["runs", "--missing"]) == 0
    assert cli.main(["runs", "--pack"]) == 0
    assert files_of(shop) == before
    monkeypatch.setattr(
        retrain, "latencies_here", lambda run: [{"batch_size": 1, "median_ms": 7.0}]
    )
    assert cli.main(["runs", "--latency"]) == 0
    assert retrain.read_packed(shop / "nb02", SMALL).record["latency"][0]["median_ms"] == 7.0


def test_what_was_trained_before_an_interruption_is_packed(shop, monkeypatch):
    """First what others start from or are taught by, wherever it stands in the list."""
    runs = retrain.retrain(again=True, jobs=1)
    assert next(runs).recipe == SMALL
    runs.close()
    assert [path.parent.name for path in shop.glob("*/runs.csv")] == ["nb02"]
    trained = [run.recipe for run in retrain.retrain(again=False, jobs=1)]
    assert sorted(map(str, trained)) == sorted(str(item.recipe) for item in ITEMS[:3])
    assert all(load_run(item.recipe) for item in ITEMS) and run_folders()[0] == shop


def test_another_data_set_is_trained_on_when_it_is_named(shop, monkeypatch):
    elsewhere = replace(ITEMS[0], recipe=replace(SMALL, dataset="cifar-100"))
    monkeypatch.setattr(retrain, "shipped_runs", lambda: [elsewhere])
    monkeypatch.setenv("KD_OFFLINE", "1")
    assert list(retrain.retrain(again=True, jobs=1)) == []
    with pytest.raises(DataError, match="cifar-100"):
        list(retrain.retrain(again=True, jobs=1, dataset="cifar-100"))
