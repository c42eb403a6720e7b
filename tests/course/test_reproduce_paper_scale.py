"""`kd reproduce NAME --scale paper`, end to end, on small files in the published formats: two
steps."""

import csv
from dataclasses import replace

import pytest

import paper_files
from kd_course import cli
from kd_course.nb05_specialists import experiments as teams
from kd_course.nb07_papers import costs as reproduction_costs
from kd_course.nb07_papers import ladders as paper_ladders
from kd_course.nb07_papers import paper_scale as reproductions_paper
from kd_course.nb07_papers import reproduce
from kd_course.nb07_papers.paper_scale import PAPER
from kd_helpers.experiments import records
from kd_helpers.experiments import run as runs
from kd_helpers.experiments import sweep as sweeps
from kd_helpers.training.schedules import Schedule

SHORT = Schedule(steps=2, batch_size=16)
# Of the longest tables some rows, of every family of networks and of losses; resnet-110 needs more
# than two steps for answers that are finite.
SOME = {
    "takd": lambda row: row.title.startswith("plain CNN, CIFAR-100"),
    "dgkd": lambda row: row.title.startswith("ResNet") or not row.ours,
    "benchmark": lambda row: row.title.startswith(("VGG", "ResNet 56-20")),
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
    for module in (paper_ladders, reproductions_paper):
        monkeypatch.setattr(module, "schedule_of", lambda *_: SHORT)
    student = replace(teams.CIFAR_10.student, schedule=SHORT)
    monkeypatch.setattr(teams, "CIFAR_10", replace(teams.CIFAR_10, schedule=SHORT, student=student))
    monkeypatch.setattr(records, "measure_latencies", lambda *_: [])
    monkeypatch.setattr(sweeps, "each", lambda work, items, **_: map(work, items))
    monkeypatch.setattr(reproduction_costs, "measured_rate", lambda *_: 1e9)
    runs.load_dataset_once.cache_clear()
    yield tmp_path
    runs.load_dataset_once.cache_clear()


@pytest.mark.parametrize("name", PAPER)
def test_every_family_is_trained_and_written(name, tiny, monkeypatch, capsys):
    whole = PAPER[name]()
    rows = tuple(row for row in whole.rows if SOME.get(name, bool)(row))
    monkeypatch.setitem(PAPER, name, lambda: replace(whole, rows=rows))
    assert cli.main(["reproduce", name, "--scale", "paper", "--seeds", "1", "--yes"]) == 0
    told = capsys.readouterr().out
    recipes = replace(whole, rows=rows).recipes(0)
    assert "trainings, " in told and "measured" in told and told.count(" of ") >= len(recipes)
    _, *written = csv.reader((tiny / "reproduce" / f"{name}-paper.csv").open())
    assert [row[0] for row in written] == [row.title for row in rows]
    ours = len(whole.columns) + 2
    for row, line in zip(rows, written, strict=True):
        assert (0 <= float(line[ours]) <= 100) if row.ours else line[ours] == ""
    assert (tiny / "reproduce" / f"{name}-paper.html").is_file()
    capsys.readouterr()
    monkeypatch.setattr(reproduce, "train", lambda *_: pytest.fail("this trains twice"))
    assert cli.main(["reproduce", name, "--scale", "paper", "--seeds", "1"]) == 0
