"""Shipped runs are trained again several at a time: all of them, teachers first, and only once."""

from dataclasses import replace

import pytest

from kd_helpers import retrain
from kd_helpers.data import data_dir
from kd_helpers.recipes import Recipe
from kd_helpers.runs import load_run
from kd_helpers.schedules import Schedule
from kd_helpers.transfer import TransferSet

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
