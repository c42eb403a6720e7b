"""What the children of the tests do: train a small recipe, log each step, die when told to."""

from __future__ import annotations

import os
import resource
import signal
import time
from dataclasses import replace
from pathlib import Path

import torch
from sklearn import metrics as _  # noqa: F401 - slow to import, and a finished run needs it
from torch import nn

from kd_helpers.data import datasets as data
from kd_helpers.data.augment import ViewSet
from kd_helpers.data.datasets import Dataset, Split
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments import records
from kd_helpers.experiments import run as runs
from kd_helpers.experiments import store as stored
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods.objective import DistillationLoss
from kd_helpers.teachers import cached as teachers
from kd_helpers.training import checkpoints
from kd_helpers.training import loop as training
from kd_helpers.training.schedules import Schedule

SOME = TransferSet(images=600)
TEACHER = Recipe(transfer=SOME, schedule=Schedule(steps=60, batch_size=32))
PUPIL = Recipe(
    seed=1,
    transfer=SOME,
    schedule=Schedule(steps=150, batch_size=32),
    teacher=TEACHER,
    kd_weight=0.7,
    views=ViewSet(flip=True, max_shift=1),
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
    "adam": replace(PUPIL, schedule=ADAM, views=ViewSet(flip=True)),
    "dropout": replace(PUPIL, schedule=Schedule(steps=60, batch_size=32), views=ViewSet(flip=True)),
}


def load() -> None:
    """Read the images once, for all children: a few thousand, as all are hashed each time."""
    whole = data.load_dataset("fashion-mnist")
    parts = (
        Split(split.images[:count].clone(), split.labels[:count].clone())
        for split, count in ((whole.train, 6000), (whole.val, 500), (whole.test, 500))
    )
    small = Dataset(whole.name, whole.classes, *parts)
    runs.load_dataset = lambda name, device: small
    records.measure_latencies = lambda *arguments: []
    student = training.make_student("cnn-2", num_classes=10, in_channels=1, image_size=28, seed=0)
    for optimiser in ("sgd", "adam"):  # PyTorch imports a good deal at the first step only
        how = {"schedule": Schedule(steps=1, optimiser=optimiser), "loss": DistillationLoss()}
        training.train(student, small.train, rows=torch.arange(9), **how)


def train(
    name: str,
    log: str = os.devnull,
    *,
    every: float = 0.0,
    die: dict | None = None,
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
    if name == "dropout":
        put_dropout_in()
    write_down(log, steps, Path(gate or os.devnull + "/none"))
    if die:
        die_at(**die)
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    run = runs.load_or_train(RECIPES[name])
    print(f"accuracy {run.accuracy}")


def put_dropout_in() -> None:
    make = training.make_network

    def with_dropout(*names, **how) -> nn.Module:
        return nn.Sequential(make(*names, **how), nn.Dropout(0.3))

    training.make_network = stored.make_network = with_dropout


def write_down(path: str, limit: int | None, gate: Path) -> None:
    """Log each step and each checkpoint; the lines say what a killed training was able to keep."""
    log = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    add, restore, keep = (
        training.TrainingState.add,
        checkpoints.Checkpoint.restore,
        checkpoints.Checkpoint.keep,
    )
    here = []

    def write(*words) -> None:
        os.write(log, (" ".join(map(str, words)) + "\n").encode())

    def logged_restore(self, state):
        restore(self, state)
        write("begin", self.path.stem, state.history.taken)

    def logged_add(self, terms):
        add(self, terms)
        write("step", self.history.taken)
        here.append(self)
        while limit is not None and len(here) >= limit and not gate.exists():
            time.sleep(0.01)

    def logged_keep(self, state):
        write("keeping", state.history.taken)
        keep(self, state)
        write("kept", state.history.taken)

    training.TrainingState.add = logged_add
    checkpoints.Checkpoint.restore, checkpoints.Checkpoint.keep = logged_restore, logged_keep


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
        if mine and when != "after":
            die()
        real(temporary, path)
        if mine:
            die()

    os.replace = replace_or_die


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
