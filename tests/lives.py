"""Child processes that train a small recipe, for tests that kill them, and what they must agree on.

They are forked from one process that has imported PyTorch and read the images, so that a start
takes milliseconds. It has one thread only (`OMP_NUM_THREADS=1`), which makes forking safe.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass, replace
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
TESTS = Path(__file__).parent
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
    "dropout": replace(
        PUPIL, schedule=Schedule(steps=60, batch_size=32), augmentation=ViewSet(flip=True)
    ),
}


# What a test does with children


@dataclass
class Child:
    """A process that runs one function of this module."""

    nursery: Nursery
    pid: int
    output: Path

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)  # not reaped before `end`, so the number is still its own

    def end(self) -> int:
        """Wait for it: its exit code, or minus the signal that ended it."""
        return self.nursery.ask({"wait": self.pid})

    def said(self) -> str:
        return self.output.read_text()

    def succeed(self) -> str:
        code = self.end()
        assert code == 0, f"exit code {code}:\n{self.said()}"
        return self.said()

    def was_killed(self) -> bool:
        return self.end() == -signal.SIGKILL


class Nursery:
    """The parent of the children, and the way to talk to it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0
        environment = os.environ | {
            "OMP_NUM_THREADS": "1",
            "KD_PRECISION": "float32",
            "JE_ARROW_MALLOC_CONF": "background_thread:false",  # pyarrow's, where it is installed
        }
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            text=True,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def start(self, out: Path, name: str = "", call: str = "train", **how) -> Child:
        """Let a child do `call`, `train(name, **how)` if not said; how: plain data."""
        self.count += 1
        output = self.folder / f"{self.count}.txt"
        output.touch()
        environment = {"KD_OUT": str(out)} | how.pop("environment", {})
        arguments = how | ({"name": name} if name else {})
        order = {"call": call, "how": arguments, "output": str(output), "environment": environment}
        return Child(self, self.ask(order), output)

    def train(self, out: Path, name: str, **how) -> str:
        """Let a child train to the end; what it said."""
        return self.start(out, name, **how).succeed()

    def ask(self, order: dict) -> int:
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the parent of the children has died"
        return json.loads(answer)

    def close(self) -> None:
        self.process.stdin.close()  # it then kills what is left, and ends
        self.process.wait(TIMEOUT)


@pytest.fixture(scope="module")
def nursery(tmp_path_factory):
    nursery = Nursery(tmp_path_factory.mktemp("children"))
    yield nursery
    nursery.close()


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
    rights: bool = True,
) -> None:
    """Ask for a recipe, as a reader does.

    Args:
        every: seconds between two checkpoints, and between two files of answers.
        die: how and where to be killed: arguments of `die_at`.
        steps: stand still after so many, to be killed there if not before; gate: or until there
            is such a file.
        largest: no file may be larger, in bytes: what a full disk looks like to this process.
        rights: False gives up the superuser's.
    """
    torch.manual_seed(os.getpid())  # no result may depend on what was drawn before
    checkpoints.SECONDS_BETWEEN, checkpoints.SHARE_OF_TIME = every, float("inf")
    teachers.SECONDS_BETWEEN_FILES = every
    if name == "dropout":
        put_dropout_in()
    write_down(log, steps, Path(gate or os.devnull + "/none"))
    if die:
        die_at(*die)
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    if not rights and os.geteuid() == 0:
        os.setgroups([])
        os.setegid(65534)
        os.seteuid(65534)
    print(f"accuracy {runs.load_or_train(RECIPES[name]).accuracy}")


def put_dropout_in() -> None:
    make = training.make_network

    def with_dropout(*names, **how) -> nn.Module:
        return nn.Sequential(make(*names, **how), nn.Dropout(0.3))

    training.make_network = stored.make_network = with_dropout


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


# What runs in the process that forks


def serve() -> None:
    """Fork a child for each order, and reap it when asked to."""
    lives = importlib.import_module("lives")
    lives.load()
    assert len(os.listdir("/proc/self/task")) == 1, "more than one thread: forking is not safe"
    children = set()
    try:
        for line in sys.stdin:
            order = json.loads(line)
            answer = reap(order["wait"]) if "wait" in order else fork(lives, order)
            children ^= {order.get("wait", answer)}
            print(json.dumps(answer), flush=True)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def fork(lives, order: dict) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            become(lives, order)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
            os._exit(code)
    return pid


def become(lives, order: dict) -> None:
    """Do what the order says, in the child."""
    file = os.open(order["output"], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for number in (1, 2):
        os.dup2(file, number)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.environ.update(order["environment"])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it
    getattr(lives, order["call"])(**order["how"])


def reap(pid: int) -> int:
    deadline = time.monotonic() + TIMEOUT
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


if __name__ == "__main__":
    serve()
