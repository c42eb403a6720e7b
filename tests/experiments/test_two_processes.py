"""Two processes that want the same: one trains, the other waits, and neither gets it wrong."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by name

from pathlib import Path

from lives import PUPIL, TEACHER, never_killed, nursery, same_result, wait_until

WAITS = f"waiting for another process that trains run {TEACHER.hash}"


def lines(log: Path, first: str) -> list[str]:
    return [line for line in log.read_text().splitlines() if line.startswith(first)]


def both_at_once(nursery, folder: Path):
    """A child amid its training, and another one that has seen that it has to wait."""
    log, out = folder / "log", folder / "out"
    how = {"name": "teacher", "log": str(log)}
    trains = nursery.start(out, steps=20, gate=str(folder / "gate"), **how)
    wait_until(lambda: log.is_file() and lines(log, "kept 12"), "twelve steps")
    waits = nursery.start(out, **how)
    wait_until(lambda: WAITS in waits.said(), WAITS)
    return trains, waits


def test_one_trains_and_the_other_waits_and_reads(nursery, tmp_path):
    trains, waits = both_at_once(nursery, tmp_path)
    (tmp_path / "gate").touch()
    first, second = trains.succeed(), waits.succeed()
    assert first.startswith(f"trained run {TEACHER.hash}") and "waiting" not in first
    assert f"loaded run {TEACHER.hash}" in second and "trained run" not in second
    assert first.splitlines()[-1] == second.splitlines()[-1]  # the accuracy
    assert lines(tmp_path / "log", "begin") == [f"begin {TEACHER.hash} 0"]
    assert len(lines(tmp_path / "log", "step")) == TEACHER.schedule.steps


def test_the_waiting_one_takes_over_from_a_killed_one(nursery, never_killed, tmp_path):
    trains, waits = both_at_once(nursery, tmp_path)
    trains.kill()
    assert trains.was_killed()
    said = waits.succeed()
    assert "goes on after step" in said and f"trained run {TEACHER.hash}" in said
    assert len(lines(tmp_path / "log", "step")) <= TEACHER.schedule.steps + 1
    assert same_result(tmp_path / "out", never_killed("teacher"), "teacher")


def test_two_students_of_one_teacher_at_the_same_time_and_one_is_killed(
    nursery, never_killed, tmp_path
):
    log, out = tmp_path / "log", tmp_path / "out"
    first = nursery.start(out, "pupil", log=str(log), every=0.01, steps=80)
    second = nursery.start(out, "other pupil", log=str(log), every=0.01)
    wait_until(lambda: log.is_file() and lines(log, f"begin {PUPIL.hash}"), "the student")
    first.kill()
    assert first.was_killed()
    first = nursery.start(out, "pupil", log=str(log))
    for child, name in ((second, "other pupil"), (first, "pupil")):
        child.succeed()
        assert same_result(out, never_killed(name), name)
    nursery.start(out, call="check_cache").succeed()
    assert lines(log, f"begin {TEACHER.hash}") == [f"begin {TEACHER.hash} 0"]
