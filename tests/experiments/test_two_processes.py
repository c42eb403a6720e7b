"""Two processes that want the same: one trains, the other waits, and neither gets it wrong."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by name

from pathlib import Path

import pytest
from test_killed_runs import cache_is_right, never_killed, same_result, steps_done_again

from children import nursery, wait_until
from lives import PUPIL, RECIPES, TEACHER

WAITS = f"waiting for another process that trains run {TEACHER.hash}"


@pytest.fixture
def start(nursery, tmp_path):
    """start("pupil") -> a child that trains it, in this test's folder and with this test's log."""

    def start(name: str, **how):
        out, log = tmp_path / "out", str(tmp_path / "log")
        return nursery.start("lives:train", environment={"KD_OUT": out}, name=name, log=log, **how)

    return start


def lines(log: Path, first: str) -> list[str]:
    return [line for line in log.read_text().splitlines() if line.startswith(first)]


def both_at_once(start, log: Path, gate: Path):
    """A child amid its training, and another one that has seen that it has to wait."""
    trains = start("teacher", steps=20, gate=str(gate))
    wait_until(lambda: log.is_file() and lines(log, "kept 12"), "twelve steps")
    waits = start("teacher")
    waits.wait_for_words(WAITS)
    return trains, waits


def accuracy_in(said: str) -> str:
    return next(line for line in said.splitlines() if line.startswith("accuracy"))


def test_one_trains_and_the_other_waits_and_reads(start, tmp_path):
    log, gate = tmp_path / "log", tmp_path / "gate"
    trains, waits = both_at_once(start, log, gate)
    gate.touch()
    first, second = trains.succeed(), waits.succeed()
    assert first.startswith(f"trained run {TEACHER.hash}") and "waiting" not in first
    assert f"loaded run {TEACHER.hash}" in second and "trained run" not in second
    assert accuracy_in(first) == accuracy_in(second)
    assert lines(log, "begin") == [f"begin {TEACHER.hash} 0"]
    assert len(lines(log, "step")) == TEACHER.schedule.steps


def test_the_waiting_one_takes_over_from_a_killed_one(start, never_killed, tmp_path):
    trains, waits = both_at_once(start, tmp_path / "log", tmp_path / "gate")
    trains.die()
    said = waits.succeed()
    assert "goes on after step" in said and f"trained run {TEACHER.hash}" in said
    assert max(steps_done_again(tmp_path / "log")) <= 1
    assert same_result(tmp_path / "out", never_killed("teacher"), "teacher")


def test_two_students_of_one_teacher_at_the_same_time(start, nursery, never_killed, tmp_path):
    names = ("pupil", "other pupil")
    children = [start(name, every=0.01) for name in names]
    for child in children:
        child.succeed()
    assert lines(tmp_path / "log", f"begin {TEACHER.hash}") == [f"begin {TEACHER.hash} 0"]
    for name in names:
        assert lines(tmp_path / "log", f"begin {RECIPES[name].hash}")
        assert same_result(tmp_path / "out", never_killed(name), name)
    cache_is_right(nursery, tmp_path / "out")


def test_a_killed_student_does_not_take_the_other_one_with_it(
    start, nursery, never_killed, tmp_path
):
    log = tmp_path / "log"
    start("teacher").succeed()
    first = start("pupil", every=0.0, steps=20)
    wait_until(lambda: lines(log, f"begin {PUPIL.hash}"), "the student's training")
    second = start("other pupil", every=0.0)
    first.die()
    second.succeed()
    start("pupil").succeed()
    for name in ("pupil", "other pupil"):
        assert same_result(tmp_path / "out", never_killed(name), name)
    cache_is_right(nursery, tmp_path / "out")
