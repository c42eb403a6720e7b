"""A training that is killed or interrupted, at any moment and many times, ends as if it never
was."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by name

import itertools
import random
import re
import signal
from pathlib import Path

import pytest

from kd_helpers.training import checkpoints
from kd_helpers.training.checkpoints import Checkpoint
from lives import PUPIL, TEACHER, live_and_die, never_killed, nursery, same_result, wait_until

STEPS_A_LIFE = 9  # a killed child takes no more, so that there are many kills whatever its speed


def steps_done_again(log: Path) -> list[int]:
    """For each life, how many steps it took for the second time; none may be left out."""
    again, trainings = [], {}
    for line in log.read_text().splitlines():
        words = line.split()
        if words[0] == "begin":
            here = trainings.setdefault(words[1], {"step": 0, "kept": 0})
            assert here["kept"] <= int(words[2]) <= here["kept"] + 1  # or one was being written
            again.append(here["step"] - int(words[2]))
            here["step"] = int(words[2])
        else:
            assert words[0] != "step" or int(words[1]) == here["step"] + 1
            here[words[0]] = int(words[1])
    return again


def test_a_pupil_killed_at_random_moments(nursery, never_killed, tmp_path):
    """The teacher's training is killed as well: nothing is there at the beginning."""
    chance, kills, how = random.Random(0), 0, {"name": "pupil", "steps": STEPS_A_LIFE}
    while kills < 6:
        kills += live_and_die(nursery, tmp_path, chance, **how).was_killed()
    nursery.train(tmp_path, "pupil", log=str(tmp_path / "log"))
    again = steps_done_again(tmp_path / "log")
    assert len(again) > kills and max(again) <= 1
    assert same_result(tmp_path, never_killed("pupil"), "teacher", "pupil")
    assert not list((tmp_path / "checkpoints").glob("*.checkpoint"))
    nursery.start(tmp_path, call="check_cache").succeed()


@pytest.mark.slow
def test_other_optimisers_and_rare_checkpoints(nursery, never_killed, tmp_path):
    for name, every in (("adam", 0.0), ("pupil", 0.05)):
        out, chance, kills = tmp_path / name, random.Random(2), 0
        while kills < 6:
            how = {"name": name, "every": every, "steps": STEPS_A_LIFE}
            out.mkdir(exist_ok=True)
            kills += live_and_die(nursery, out, chance, **how).was_killed()
        nursery.train(out, name)
        assert same_result(out, never_killed(name), name, "teacher")


NASTY = [  # in the order in which a run comes by
    ("amid", f"{TEACHER.hash}.checkpoint", 3),
    ("before", f"{TEACHER.hash}.checkpoint", 5),
    ("after", f"{TEACHER.hash}.checkpoint", 10),
    ("before", f"{TEACHER.hash}.safetensors"),
    ("after", f"{TEACHER.hash}.safetensors"),
    ("before", f"{TEACHER.hash}.json"),
    ("after", f"{TEACHER.hash}.json"),
    ("amid", ".answers", 2),
    ("after", ".answers"),
    ("before", f"{PUPIL.hash}.checkpoint", 61),  # amid the second entry of the history
    ("after", f"{PUPIL.hash}.safetensors"),
    ("after", f"{PUPIL.hash}.json"),
]


def test_a_pupil_killed_at_the_worst_moments(nursery, never_killed, tmp_path):
    """Between the temporary file and its name, between two files of a run, before tidying up."""
    for die in NASTY:
        child = nursery.start(tmp_path, "pupil", die=die)
        assert child.was_killed(), (die, child.said())
    said = nursery.train(tmp_path, "pupil")
    assert said.startswith(f"loaded run {PUPIL.hash}")  # the last kill came after the record
    assert same_result(tmp_path, never_killed("pupil"), "pupil", "teacher")
    left = list(tmp_path.rglob("*.tmp"))
    assert left and not list(tmp_path.rglob("*.damaged-*"))  # halves are left, and harm nobody
    nursery.start(tmp_path, call="check_cache").succeed()


def test_a_kill_costs_three_seconds_of_work_and_keeping_a_tenth_of_the_time(tmp_path, monkeypatch):
    """By a clock of our own: steps and checkpoints take so long."""

    class Clock:
        now = 0.0

        def monotonic(self) -> float:
            return self.now

    def keep(self, state) -> None:
        clock.now += seconds
        kept.append(state)

    monkeypatch.setattr(Checkpoint, "keep", keep)
    for step, seconds, at_most in ((0.01, 0, 3), (0.5, 0, 3), (7.0, 0, 7), (0.01, 0.5, 15)):
        clock, kept = Clock(), [0]
        monkeypatch.setattr(checkpoints, "time", clock)
        checkpoint = Checkpoint(tmp_path / "state", {})
        for number in range(1, int(100 / step)):
            clock.now += step
            checkpoint.keep_if_due(number)
        assert max(b - a for a, b in itertools.pairwise(kept)) * step <= at_most + 2 * step
        assert len(kept) > 3 and seconds * len(kept) < 0.1 * clock.now


def test_ctrl_c_at_random_moments(nursery, never_killed, tmp_path):
    """In the teacher's training too, while files are being written."""
    chance, how = random.Random(3), {"name": "pupil", "steps": 12}
    for _ in range(6):
        child = live_and_die(nursery, tmp_path, chance, signal.SIGINT, **how)
        assert child.end() == 1 and "KeyboardInterrupt" in child.said(), child.said()
    assert not list(tmp_path.rglob("*.tmp"))  # unlike a kill, it leaves time to tidy up
    last = tmp_path / "last"
    last.touch()
    child = nursery.start(tmp_path, "pupil", log=str(last), steps=90)
    wait_until(lambda: "kept" in last.read_text().partition(f"begin {PUPIL.hash}")[2], "a step")
    child.kill(signal.SIGINT)
    assert child.end() == 1
    stopped = re.search(rf"run {PUPIL.hash} was stopped after (\d+).* to go on", child.said())
    resumed = re.search(r"goes on after step (\d+)", nursery.train(tmp_path, "pupil"))
    assert int(stopped.group(1)) - int(resumed.group(1)) in (0, 1)
    assert same_result(tmp_path, never_killed("pupil"), "teacher", "pupil")
    assert not list(tmp_path.rglob("*.damaged-*"))
