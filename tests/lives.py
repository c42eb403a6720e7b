"""Child processes that train a small recipe, for tests that kill them, and what they must agree on.

They are forked from one process that has imported PyTorch and read the images (`lives_loaded`), so
that a start takes milliseconds. It has one thread only, which makes forking safe.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import random
import resource
import signal
import sys
import time
from dataclasses import dataclass, field, replace
from multiprocessing import forkserver
from pathlib import Path

import pytest
import torch
from torch import nn

from kd_helpers.data import datasets as data
from kd_helpers.data.augment import ViewSet
from kd_helpers.data.datasets import Dataset, Split
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments import metrics, room
from kd_helpers.experiments import run as runs
from kd_helpers.experiments import store as stored
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods import HintonKD
from kd_helpers.teachers import cached as teachers
from kd_helpers.training import checkpoints
from kd_helpers.training import loop as training
from kd_helpers.training.schedules import Schedule

TIMEOUT = 120  # seconds; only stops what hangs
FORKED = multiprocessing.get_context("forkserver")
# The last one is of pyarrow, which pandas imports where it is installed.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
SOME = TransferSet(images=600)
TEACHER = Recipe(transfer=SOME, schedule=Schedule(steps=60, batch_size=32))
PUPIL = Recipe(
    seed=1,
    transfer=SOME,
    schedule=Schedule(steps=100, batch_size=32),
    teacher=TEACHER,
    method=HintonKD(temperature=4.0, kd_weight=0.7),
    augmentation=ViewSet(flip=True, max_shift=1),
)
ADAM = Schedule(
    steps=60, batch_size=32, optimiser="adam", shape="constant", learning_rate=1e-3, drops=(0.5,)
)
SHORT = Schedule(steps=8, batch_size=32)
SMALL = replace(TEACHER, schedule=SHORT)
SMALL_PUPIL = replace(PUPIL, teacher=SMALL, schedule=SHORT)
RECIPES = {
    "small": SMALL,
    "other small": replace(SMALL, seed=5),
    "small pupil": SMALL_PUPIL,
    "teacher": TEACHER,
    "pupil": PUPIL,
    "other pupil": replace(PUPIL, seed=2, schedule=Schedule(steps=60, batch_size=32)),
    "adam": replace(PUPIL, schedule=ADAM, augmentation=ViewSet(flip=True)),
}


# What a test does with children


@dataclass
class Child:
    """A process that runs one function of this module."""

    process: multiprocessing.Process
    output: Path

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self.process.is_alive():  # the number of one that has ended may be another process's
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    def end(self) -> int:
        """Wait for it: its exit code, or minus the signal that ended it."""
        self.process.join(TIMEOUT)
        self.kill()
        self.process.join()
        return self.process.exitcode

    def said(self) -> str:
        return self.output.read_text()

    def succeed(self) -> str:
        code = self.end()
        assert code == 0, f"exit code {code}:\n{self.said()}"
        return self.said()

    def was_killed(self) -> bool:
        return self.end() == -signal.SIGKILL


@dataclass
class Nursery:
    """Where children are made."""

    folder: Path
    children: list[Child] = field(default_factory=list)

    def start(self, out: Path, name: str = "", call: str = "train", **how) -> Child:
        """Let a child do `call`, `train(name, **how)` if not said; how: plain data."""
        output = self.folder / f"{len(self.children)}.txt"
        output.touch()
        environment = {"KD_OUT": str(out), "KD_PRECISION": "float32"} | how.pop("environment", {})
        given = call, how | ({"name": name} if name else {}), str(output), environment
        child = Child(FORKED.Process(target=be_a_child, args=given), output)
        child.process.start()
        self.children.append(child)
        return child

    def train(self, out: Path, name: str, **how) -> str:
        """Let a child train to the end; what it said."""
        return self.start(out, name, **how).succeed()


@pytest.fixture(scope="module")
def nursery(tmp_path_factory):
    nursery = Nursery(tmp_path_factory.mktemp("children"))
    FORKED.set_forkserver_preload(["lives_loaded"])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (ONE_THREAD | {"PYTHONPATH": os.pathsep.join(sys.path)}).items():
            patch.setenv(name, value)
        forkserver.ensure_running()
    yield nursery
    for child in nursery.children:
        child.kill()


@pytest.fixture(scope="module")
def never_killed(nursery, tmp_path_factory):
    """never_killed("adam") -> a folder that has that run and its teacher's, trained in one go."""
    finished = {}

    def folder(name: str) -> Path:
        if name not in finished:
            finished[name] = tmp_path_factory.mktemp("never_killed")
            nursery.train(finished[name], name)
        return finished[name]

    return folder


def same_result(out: Path, reference: Path, *names: str) -> bool:
    """The criterion: weights and answers bit for bit, and every entry of the history."""
    for name in names:
        one, other = (stored.read_run(f / "runs", RECIPES[name]) for f in (out, reference))
        found, expected = one.tensors(), other.tensors()
        same = all(found[key].equal(expected[key]) for key in expected)
        if not same or one.record["history"] != other.record["history"]:
            return False
    return True


def wait_until(condition, what: str) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.002)


def live_and_die(
    nursery: Nursery, out: Path, chance: random.Random, number=signal.SIGKILL, **what
) -> Child:
    """One life, ended some time after its first step unless it is done by then."""
    log = out / "log"
    before = log.stat().st_size if log.is_file() else 0
    child = nursery.start(out, log=str(log), **what)
    wait_until(
        lambda: (log.is_file() and log.stat().st_size > before) or "accuracy" in child.said(),
        "the first step",
    )
    time.sleep(chance.uniform(0, 0.15))
    child.kill(number)
    return child


# What a child does


def load() -> None:
    """Read the images once, for all children: a few thousand, as all are hashed each time."""
    importlib.import_module("sklearn.metrics")  # slow, and a finished run needs it
    whole = data.load_dataset("fashion-mnist")
    parts = (
        Split(split.images[:count].clone(), split.labels[:count].clone())
        for split, count in ((whole.train, 6000), (whole.val, 500), (whole.test, 500))
    )
    small = Dataset(whole.name, whole.classes, *parts)
    room.load_dataset = lambda name, device: small
    metrics.measure_latencies = lambda *arguments: []
    runs.load_run(TEACHER)  # reads the folders of stored runs
    student = training.make_student("cnn-2", num_classes=10, in_channels=1, image_size=28, seed=0)
    for optimiser in ("sgd", "adam"):  # PyTorch imports a good deal at the first step only
        how = {"schedule": Schedule(steps=1, optimiser=optimiser), "method": cross_entropy}
        training.train(student, small.train, rows=torch.arange(9), **how)


def cross_entropy(student_logits, teacher_logits, labels) -> dict[str, torch.Tensor]:
    return {"loss": nn.functional.cross_entropy(student_logits, labels)}


def train(
    name: str,
    log: str = os.devnull,
    *,
    every: float = 0.0,
    die: tuple = (),
    steps: int | None = None,
    gate: str = "",
    largest: int | None = None,
) -> None:
    """Ask for a recipe, as a reader does.

    Args:
        every: seconds between two checkpoints, and between two files of answers.
        die: how and where to be killed: arguments of `die_at`.
        steps: stand still after so many, to be killed there if not before; gate: or until there
            is such a file.
        largest: no file may be larger, in bytes: what a full disk looks like to this process.
    """
    torch.manual_seed(os.getpid())  # no result may depend on what was drawn before
    checkpoints.SECONDS_BETWEEN, checkpoints.SHARE_OF_TIME = every, float("inf")
    teachers.SECONDS_BETWEEN_FILES = every
    write_down(log, steps, Path(gate or os.devnull + "/none"))
    if die:
        die_at(*die)
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    print(f"accuracy {runs.load_or_train(RECIPES[name]).accuracy}")


def write_down(path: str, limit: int | None, gate: Path) -> None:
    """Log each beginning, each step and each checkpoint, and stand still where it was asked for."""
    log, here = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND), []

    def after(owner: type, method: str, words) -> None:
        real = getattr(owner, method)

        def logged(self, *arguments):
            real(self, *arguments)
            os.write(log, (words(self, *arguments) + "\n").encode())
            here.extend([1] if method == "add" else [])
            while method == "add" and limit and len(here) >= limit and not gate.exists():
                time.sleep(0.01)

        setattr(owner, method, logged)

    after(training.TrainingState, "add", lambda self, _: f"step {self.history.taken}")
    after(checkpoints.Checkpoint, "keep", lambda _, state: f"kept {state.history.taken}")
    begin = "begin {} {}".format
    after(
        checkpoints.Checkpoint,
        "restore",
        lambda self, state: begin(self.path.stem, state.history.taken),
    )


def die_at(when: str, ending: str, number: int = 1) -> None:
    """Kill this process at the `number`-th writing of a file whose name ends so.

    when: "amid" the writing, "before" the file gets its name, or "after".
    """
    names, real = [], os.replace

    def replace_or_die(temporary, path) -> None:
        names.append(str(path))
        mine = str(path).endswith(ending) and sum(n.endswith(ending) for n in names) == number
        if mine and when == "amid":
            os.truncate(temporary, os.path.getsize(temporary) // 2)
        if not (mine and when != "after"):
            real(temporary, path)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replace_or_die


def check_cache() -> None:
    """Whatever a pupil's teacher has on disk equals what it answers now, bit for bit."""
    cache = runs.teacher_of(PUPIL)
    pairs = cache.known.nonzero().flatten()
    assert len(pairs) > 1000
    index, slot = pairs // cache.room, pairs % cache.room
    images = room.load_dataset("fashion-mnist", "cpu").train.images
    fresh = teachers.CachedTeacher(cache.teacher, images, PUPIL.augmentation, num_classes=10)
    fresh.prepare(index, PUPIL.augmentation.view_of(index, slot))
    assert cache.answers[pairs].equal(fresh.answers[pairs])


def be_a_child(call: str, how: dict, output: str, environment: dict[str, str]) -> None:
    """What a new process does first: do what was asked for, and say it to a file."""
    file = os.open(output, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for number in (1, 2):
        os.dup2(file, number)
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it
    globals()[call](**how)
