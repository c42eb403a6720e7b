"""A training that is killed, at any moment and many times, ends as if it never was."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by name

import itertools
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from children import Nursery, nursery, wait_until
from kd_helpers.experiments.store import Run, read_run
from kd_helpers.runtime.files import read_sealed
from kd_helpers.training import checkpoints
from kd_helpers.training.checkpoints import Checkpoint
from lives import PUPIL, RECIPES, TEACHER

STEPS_A_LIFE = 9  # a killed child takes no more, so that there are many kills whatever its speed


def run_in(out: Path, name: str) -> Run:
    return read_run(out / "runs", RECIPES[name])


def same_result(out: Path, reference: Path, name: str) -> bool:
    """The criterion: weights and answers bit for bit, and every entry of the history."""
    one, other = run_in(out, name), run_in(reference, name)
    found, expected = one.tensors(), other.tensors()
    same = all(found[key].equal(expected[key]) for key in expected)
    return same and one.record["history"] == other.record["history"]


def nothing_left_over(out: Path) -> bool:
    return list((out / "checkpoints").glob("*.checkpoint")) == []


FINISHED: dict[str, Path] = {}  # for all modules that import the fixture


@pytest.fixture(scope="session")
def never_killed(nursery, tmp_path_factory):
    """never_killed("adam") -> a folder that has that run and its teacher's, trained in one go."""

    def folder(name: str) -> Path:
        if name not in FINISHED:
            out = tmp_path_factory.mktemp("never_killed")
            nursery.start("lives:train", environment={"KD_OUT": out}, name=name).succeed()
            FINISHED[name] = out
        return FINISHED[name]

    return folder


def live_and_die(nursery: Nursery, out: Path, chance: random.Random, **what) -> bool:
    """One life, ended some time after its first step; False if the training was done by then."""
    log = out / "log"
    before = log.stat().st_size if log.is_file() else 0
    child = nursery.start("lives:train", environment={"KD_OUT": out}, log=str(log), **what)
    wait_until(
        lambda: (log.is_file() and log.stat().st_size > before) or "accuracy" in child.said(),
        "the first step",
    )
    time.sleep(chance.uniform(0, 0.15))
    child.kill()
    return child.end() == -signal.SIGKILL


def steps_done_again(log: Path) -> list[int]:
    """For each life, how many steps it took for the second time; checks that it began where the
    last checkpoint was, or where one was being written."""
    again, trainings = [], {}
    for line in log.read_text().splitlines():
        words = line.split()
        if words[0] == "begin":
            here = trainings.setdefault(words[1], {"step": 0, "kept": 0, "keeping": 0})
            assert int(words[2]) in (here["kept"], here["keeping"])
            again.append(here["step"] - int(words[2]))
            here["step"] = int(words[2])
        else:
            assert words[0] != "step" or int(words[1]) == here["step"] + 1
            here[words[0]] = int(words[1])
    return again


def cache_is_right(nursery: Nursery, out: Path) -> None:
    nursery.start("test_answer_files:check_cache", environment={"KD_OUT": out}).succeed()


@pytest.mark.parametrize("every", (0.0, 0.05), ids=("each step", "now and then"))
def test_a_pupil_killed_at_random_moments(every, nursery, never_killed, tmp_path):
    """The teacher's training is killed as well: nothing is there at the beginning."""
    chance, kills = random.Random(0 if every else 1), 0
    while kills < 13:
        what = {"name": "pupil", "every": every, "steps": STEPS_A_LIFE}
        kills += live_and_die(nursery, tmp_path, chance, **what)
    nursery.start(
        "lives:train", environment={"KD_OUT": tmp_path}, name="pupil", log=str(tmp_path / "log")
    ).succeed()
    again = steps_done_again(tmp_path / "log")
    assert len(again) > kills
    assert every or max(again) <= 1
    assert same_result(tmp_path, never_killed("pupil"), "teacher")
    assert same_result(tmp_path, never_killed("pupil"), "pupil")
    assert nothing_left_over(tmp_path)
    cache_is_right(nursery, tmp_path)


@pytest.mark.parametrize("name", ("adam", "dropout"))
def test_other_optimisers_and_networks_that_draw(name, nursery, never_killed, tmp_path):
    chance, kills = random.Random(2), 0
    shutil.copytree(never_killed(name) / "runs", tmp_path / "runs")
    for path in (tmp_path / "runs").glob(f"{RECIPES[name].hash}.*"):
        path.unlink()  # only the teacher is there
    while kills < 4:
        kills += live_and_die(nursery, tmp_path, chance, name=name, every=0.0, steps=STEPS_A_LIFE)
    nursery.start("lives:train", environment={"KD_OUT": tmp_path}, name=name).succeed()
    assert same_result(tmp_path, never_killed(name), name)
    assert run_in(tmp_path, name).record["resumed"] > 0


NASTY = [  # in the order in which a run comes by
    ("amid", f"{TEACHER.hash}.checkpoint", 3),
    ("before", f"{TEACHER.hash}.checkpoint", 5),
    ("after", f"{TEACHER.hash}.checkpoint", 10),
    ("before", f"{TEACHER.hash}.safetensors", 1),
    ("after", f"{TEACHER.hash}.safetensors", 1),
    ("before", f"{TEACHER.hash}.json", 1),
    ("after", f"{TEACHER.hash}.json", 1),
    ("amid", ".answers", 2),
    ("before", ".answers", 2),
    ("after", ".answers", 1),
    ("before", f"{PUPIL.hash}.checkpoint", 61),  # amid the second entry of the history
    ("before", f"{PUPIL.hash}.safetensors", 1),
    ("after", f"{PUPIL.hash}.safetensors", 1),
    ("before", f"{PUPIL.hash}.json", 1),
    ("after", f"{PUPIL.hash}.json", 1),
]


def test_a_pupil_killed_at_the_worst_moments(nursery, never_killed, tmp_path):
    """Between the temporary file and its name, between two files of a run, before tidying up."""
    for when, ending, number in NASTY:
        child = nursery.start(
            "lives:train",
            environment={"KD_OUT": tmp_path},
            name="pupil",
            die={"when": when, "ending": ending, "number": number},
        )
        assert child.end() == -signal.SIGKILL, (when, ending, child.said())
    said = nursery.start("lives:train", environment={"KD_OUT": tmp_path}, name="pupil").succeed()
    assert said.startswith(f"loaded run {PUPIL.hash}")  # the last kill came after the record
    assert same_result(tmp_path, never_killed("pupil"), "pupil")
    assert same_result(tmp_path, never_killed("pupil"), "teacher")
    left = list(tmp_path.rglob("*.tmp"))
    assert left and not list(tmp_path.rglob("*.damaged-*"))  # halves are left, and harm nobody
    cache_is_right(nursery, tmp_path)


def test_a_checkpoint_is_never_one_of_a_half_written_file(nursery, tmp_path):
    """The older state is whole while a newer one is being written."""
    ending = f"{TEACHER.hash}.checkpoint"
    for number in (4, 2):
        die = {"when": "amid", "ending": ending, "number": number}
        environment = {"KD_OUT": tmp_path}
        child = nursery.start("lives:train", environment=environment, name="teacher", die=die)
        assert child.end() == -signal.SIGKILL
    _, about = read_sealed(tmp_path / "checkpoints" / ending)
    assert about["history"]["taken"] == 4 and "goes on after step 3" in child.said()


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(("step", "at_most"), ((0.01, 300), (0.5, 6), (7.0, 1)))
def test_a_kill_costs_three_seconds_of_work(step, at_most, tmp_path, monkeypatch):
    """With a clock of our own: how many steps of so many seconds lie between two checkpoints."""
    clock, kept = Clock(), [0]
    monkeypatch.setattr(checkpoints, "time", clock)
    monkeypatch.setattr(Checkpoint, "keep", lambda self, state: kept.append(state))
    checkpoint = Checkpoint(tmp_path / "state", {})
    for number in range(1, 4 * at_most + 1):
        clock.now += step
        checkpoint.keep_if_due(number)
    assert max(b - a for a, b in itertools.pairwise(kept)) <= at_most + 1
    assert len(kept) > 3


def test_a_state_that_takes_long_to_write_is_written_less_often(tmp_path, monkeypatch):
    """A hundredth of a second a step, half a second a checkpoint: at most a tenth of the time."""
    clock, kept = Clock(), []

    def keep(self, state):
        clock.now += 0.5
        kept.append(state)

    monkeypatch.setattr(checkpoints, "time", clock)
    monkeypatch.setattr(Checkpoint, "keep", keep)
    checkpoint = Checkpoint(tmp_path / "state", {})
    for number in range(10_000):
        clock.now += 0.01
        checkpoint.keep_if_due(number)
    assert len(kept) > 5 and 0.5 * len(kept) < 0.1 * clock.now
    assert 0.01 * max(b - a for a, b in itertools.pairwise(kept)) < 15


def test_weights_of_a_run_differ_where_a_step_was_done_twice(nursery, never_killed, tmp_path):
    """The criterion can fail: a checkpoint that says one step less than it took is not the same."""
    child = nursery.start(
        "lives:train",
        environment={"KD_OUT": tmp_path},
        name="teacher",
        die={"when": "after", "ending": ".checkpoint", "number": 20},
    )
    assert child.end() == -signal.SIGKILL
    nursery.start(
        "test_killed_runs:finish_one_step_off", environment={"KD_OUT": tmp_path}
    ).succeed()
    assert not same_result(tmp_path, never_killed("teacher"), "teacher")


def finish_one_step_off() -> None:
    """Fault: the history of the checkpoint is behind its weights."""
    from kd_helpers.runtime.files import write_sealed
    from kd_helpers.runtime.folders import checkpoint_folder
    from lives import train

    path = checkpoint_folder() / f"{TEACHER.hash}.checkpoint"
    tensors, about = read_sealed(path)
    about["history"]["taken"] -= 1
    write_sealed(path, tensors, about)
    train("teacher")
