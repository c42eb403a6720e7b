"""`kd reproduce --scale cifar` and `paper`, end to end, on small published files, in two steps."""

import csv
from dataclasses import replace

import pytest
import torch

import paper_files
from kd_course import cli
from kd_course.nb05_specialists import experiments as teams
from kd_course.nb06_assistants import on_cifar
from kd_course.nb07_papers import costs, ladders, reproduce
from kd_course.nb07_papers.reproduce import SCALES
from kd_helpers.data import cifar
from kd_helpers.experiments import metrics
from kd_helpers.experiments import sweep as sweeps
from kd_helpers.experiments.room import load_dataset_once
from kd_helpers.training.schedules import Schedule

SHORT = Schedule(steps=2, batch_size=16)
# Of the longest tables some rows, of every family of networks and of losses; resnet-110 needs more
# than two steps for answers that are finite.
SOME = {
    "takd": lambda row: row.title.startswith("plain CNN, CIFAR-100"),
    "dgkd": lambda row: row.title.startswith("ResNet") or not row.ours,
    "benchmark": lambda row: row.title.startswith("VGG"),
    "rows": lambda row: row.title == "labels only" or not row.ours,
}


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """A data folder with some training images of each class, and with test images."""
    folder = tmp_path_factory.mktemp("data")
    for name, classes, count in (("cifar-10", 10, 20), ("cifar-100", 100, 10)):
        labels = [*range(classes)]
        test = labels * (2 if name == "cifar-10" else 1)
        paper_files.write_cifar(folder, name, labels * count, test)
    return folder


@pytest.fixture
def tiny(archives, tmp_path, monkeypatch):
    """Published files are the small ones, trainings take two steps, in this process."""
    where = {"OUT": tmp_path, "DATA": archives, "OFFLINE": "1", "PRECISION": "float32"}
    for name, value in where.items():
        monkeypatch.setenv(f"KD_{name}", str(value))
    for name in ("cifar-10", "cifar-100"):
        paper_files.publish(monkeypatch, name, archives)
    monkeypatch.setattr(cifar, "PIXELS", {})  # small files have others
    monkeypatch.setattr(ladders, "schedule_of", lambda *_: SHORT)
    monkeypatch.setattr(on_cifar, "PLAIN", replace(on_cifar.PLAIN, steps=2, batch_size=16))
    monkeypatch.setattr(on_cifar, "FULL", on_cifar.PLAIN)
    monkeypatch.setattr(on_cifar, "TEST_LABELS", torch.arange(100))
    student = replace(teams.CIFAR_10.student, schedule=SHORT)
    monkeypatch.setattr(teams, "CIFAR_10", replace(teams.CIFAR_10, schedule=SHORT, student=student))
    monkeypatch.setattr(metrics, "measure_latencies", lambda *_: [])
    monkeypatch.setattr(sweeps, "each", lambda work, items, **_: map(work, items))
    monkeypatch.setattr(costs, "measured_rate", lambda *_: 1e9)
    load_dataset_once.cache_clear()
    yield tmp_path
    load_dataset_once.cache_clear()


LITTLE = {"takd": lambda row: "cnn-4" in row.title or "labels" in row.title, "dgkd": bool}
OWN = [("cifar", name) for name in LITTLE] + [("paper", name) for name in SCALES["paper"]]


@pytest.mark.parametrize("scale, name", OWN)
def test_every_family_is_trained_and_written(scale, name, tiny, monkeypatch, capsys):
    whole, some = SCALES[scale][name](), SOME.get(name, bool) if scale == "paper" else LITTLE[name]
    part = replace(whole, rows=tuple(row for row in whole.rows if some(row)))
    monkeypatch.setitem(SCALES[scale], name, lambda: part)
    command = ["reproduce", name, "--scale", scale, "--seeds", "1"]
    assert cli.main([*command, "--yes"]) == 0
    told = capsys.readouterr().out
    said = ("measured", "45,000 of the 50,000 training images")
    assert all(words in told for words in said) and told.count(" of ") >= len(part.recipes(0))
    assert "estimated" in told and "taken" in told and "left" in told
    written = [*csv.DictReader((tiny / "reproduce" / f"{name}-{scale}.csv").open())]
    assert [line["row"] for line in written] == [row.title for row in part.rows]
    for row, line in zip(part.rows, written, strict=True):
        assert (0 <= float(line["ours"]) <= 100) if row.ours else line["ours"] == ""
    assert (tiny / "reproduce" / f"{name}-{scale}.html").is_file()
    monkeypatch.setattr(reproduce, "train", lambda *_: pytest.fail("this trains twice"))
    assert cli.main(command) == 0


def test_the_claims_on_cifar_are_answered_by_stored_runs_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KD_OUT", str(tmp_path))
    monkeypatch.setattr(reproduce, "train", lambda *_: pytest.fail("a run is not stored"))
    for name in SCALES["cifar"]:
        assert cli.main(["reproduce", name, "--scale", "cifar"]) == 0
        assert "BETTER: +" in capsys.readouterr().out
        assert list((tmp_path / "reproduce").glob(f"{name}-cifar.*"))
