"""A training that fails takes its own students with it and nothing else, in sweeps and in
tables."""

import csv
from dataclasses import replace

import pytest

from kd_course import cli
from kd_course.nb07_papers import costs as reproduction_costs
from kd_course.nb07_papers import reproduce
from kd_course.nb07_papers.rows import Reproduction, Row
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments import sweep as sweeps
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import load_run
from kd_helpers.experiments.sweep import stages_of, sweep, table
from kd_helpers.methods import HintonKD
from kd_helpers.teachers import Mean
from kd_helpers.training.schedules import Schedule
from little_data import use_little_data

SMALL = Recipe(schedule=Schedule(steps=4, batch_size=16), transfer=TransferSet(images=64))
BROKEN = replace(SMALL, schedule=Schedule(steps=60, batch_size=16, learning_rate=1e9))
TAUGHT = replace(SMALL, teacher=SMALL, method=HintonKD(kd_weight=0.5))
ASSISTANT = replace(TAUGHT, teacher=BROKEN)
ORPHAN = replace(TAUGHT, teacher=ASSISTANT)


@pytest.fixture(autouse=True)
def trained(tmp_path, monkeypatch):
    """Every recipe that is trained, in order; all in this process, into an empty folder."""
    monkeypatch.setenv("KD_OUT", str(tmp_path))
    use_little_data(monkeypatch)
    found, train_one = [], sweeps.train_one
    monkeypatch.setattr(
        sweeps, "train_one", lambda recipe: found.append(recipe) or train_one(recipe)
    )
    monkeypatch.setattr(sweeps, "each", lambda work, items, **_: map(work, items))
    return found


def test_what_a_lost_teacher_would_have_taught_is_not_trained_and_the_rest_is(trained):
    stages = [[BROKEN], [ASSISTANT, SMALL], [ORPHAN, TAUGHT]]
    assert [*stages_of([ORPHAN, BROKEN, TAUGHT])] == stages
    outcomes = {outcome.recipe: outcome for outcome in sweep([ORPHAN, TAUGHT])}
    assert trained == [BROKEN, SMALL, TAUGHT]
    assert [*outcomes] == [ORPHAN, TAUGHT]
    assert outcomes[TAUGHT].accuracy == load_run(TAUGHT).accuracy
    problem = outcomes[ORPHAN].problem
    assert problem.startswith(f"the teacher {ASSISTANT} failed: the teacher {BROKEN} failed: ")
    assert "learning rate" in problem and problem in [*table(outcomes.values())][-1]


def test_a_teacher_that_was_asked_for_comes_when_it_is_done(trained):
    outcomes = sweep([TAUGHT, SMALL])
    assert next(outcomes).recipe == SMALL and trained == [SMALL]
    assert next(outcomes).recipe == TAUGHT and trained == [SMALL, TAUGHT]
    assert not [*outcomes]


def seeded(recipe):
    return lambda seed: replace(recipe, seed=seed)


@pytest.fixture
def reproduction(monkeypatch):
    """Four rows; the two with `BROKEN` in them fail for a seed."""
    rows = (
        Row("labels", ours=seeded(SMALL)),
        Row(
            "diverges once", ours=lambda s: seeded(BROKEN if s == 1 else SMALL)(s), against="labels"
        ),
        Row("a team", ours=lambda s: Mean((seeded(SMALL)(s), seeded(ASSISTANT)(s)))),
        Row("taught", ours=seeded(TAUGHT), against="diverges once"),
    )
    made = Reproduction("small", "A small one", "Small.", (), rows)
    monkeypatch.setitem(reproduce.LAPTOP, "small", lambda: made)
    monkeypatch.setattr(reproduction_costs, "measured_rate", lambda *_: 1e9)


def test_the_table_is_written_and_what_failed_is_empty_with_the_reason_and_tried_again(
    reproduction, trained, tmp_path, capsys
):
    assert cli.main(["reproduce", "small", "--seeds", "3", "--yes"]) == 1
    told = capsys.readouterr()
    assert "trainings failed" in told.err and "learning rate" in told.err
    _, *rows = csv.reader((tmp_path / "reproduce" / "small.csv").open())
    ours = {row[0]: (row[2], row[-1]) for row in rows}
    assert all(ours[title][0] for title in ("labels", "taught"))
    assert ours["diverges once"] == ours["a team"] == ("", "")
    assert ours["taught"][1] == ""  # nothing to be compared with
    for page in (told.out, (tmp_path / "reproduce" / "small.html").read_text()):
        assert page.count("Empty, because a training failed: ") == 2
        assert "failed: diverges once (" in page and "failed: a team (" in page
    first = [*trained]
    assert len(first) == len(set(first))
    trained.clear()
    assert cli.main(["reproduce", "small", "--seeds", "3", "--yes"]) == 1
    assert {*trained} == {recipe for recipe in first if load_run(recipe) is None} != {*first}
