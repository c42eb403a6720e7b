"""From a recipe to its stored result: load it if it is there, train it if not, and say which."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors.torch import save
from torch import nn

from kd_helpers.data.datasets import Dataset
from kd_helpers.experiments import metrics
from kd_helpers.experiments.packed import FORMAT
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.room import TrainingRoom, cached_teacher, dataset_of
from kd_helpers.experiments.store import Run, find, read_run, store
from kd_helpers.models.zoo import take_over
from kd_helpers.runtime import distributed
from kd_helpers.runtime.device import describe, pick_precision
from kd_helpers.runtime.folders import checkpoint_folder, run_folders
from kd_helpers.teachers.cached import CachedTeacher
from kd_helpers.training.checkpoints import Checkpoint
from kd_helpers.training.given import check_finite
from kd_helpers.training.loop import History, make_student, predict, train, training_reports

KEEP = ("weights", "test_logits")  # of a run that is trained here


def load_run(recipe: Recipe) -> Run | None:
    """The stored run of a recipe, or None; one that keeps tensors goes before a mere record.

    Raises:
        DamagedRun: a file of the run is damaged; it is left where it is.
    """
    return find(recipe)


def load_checked_run(recipe: Recipe) -> Run | None:
    """The same, all of its files read and checked; damaged ones are named and moved aside."""
    return find(recipe, mend=True)


def load_or_train(recipe: Recipe, *, quiet: bool = False, **hooks) -> Run:
    """The result of a recipe: loaded where it is stored, else trained, stored and returned.

    Prints which of the two it did. New runs go to `out/runs/`. A training that was cut off goes on
    where it was, give or take a few seconds; if another process is training the same recipe, this
    one waits for it. A damaged file is named in a warning, moved aside, and its run trained again.

    Args:
        quiet: print nothing.
        hooks: `on_report` and `should_stop`, as for `training.train`.

    Raises:
        KeyboardInterrupt: the training was stopped by hand; the next call goes on with it.
        DiskFull: there is no room for the result; the next call goes on as well.
    """
    run, said = load_checked_run(recipe), None
    if run is None:
        run, said = train_alone(recipe, quiet, **hooks)
    if said is None:
        when, seconds, where = (run.record[name] for name in ("date", "seconds", "device"))
        said = f"loaded run {recipe.hash} (trained {when} in {seconds:.0f} s on {where})"
    if not quiet and distributed.is_main():
        print(f"{said}: {recipe}: {run.accuracy:.2f} % of the test images right")
    return run


def train_alone(recipe: Recipe, quiet: bool = False, **hooks) -> tuple[Run, str | None]:
    """Train a recipe unless another process does or did; the run, and what was done here."""
    with lock_of(recipe, quiet):
        tidy_up(recipe)
        run = load_checked_run(recipe)  # the other process may be done by now
        if run is not None:
            return run, None
        run = train_recipe(recipe, folder=run_folders()[-1], keep=KEEP, **hooks)
        return run, f"trained run {recipe.hash} in {run.record['seconds']:.0f} s"


def train_recipe(recipe: Recipe, *, folder: Path, keep: tuple[str, ...] = (), **hooks) -> Run:
    """Train a recipe, from where an earlier training of it was cut off; measure it and store it.

    Args:
        folder: where the result goes.
        keep: which tensors to store beside the record: "weights", "test_logits", "train_logits".
        hooks: `on_report` and `should_stop`, as for `training.train`.

    Raises:
        KeyboardInterrupt: it was stopped, by hand or by `should_stop`; the next call goes on with
        it.
    """
    dataset = dataset_of(recipe)
    student = new_student(recipe, dataset)
    checkpoint = Checkpoint(checkpoint_folder() / f"{recipe.hash}.checkpoint", recipe.to_plain())
    history = train_student(
        recipe, student, dataset, checkpoint=checkpoint, report_every=50, **hooks
    )
    if history.stopped:
        raise KeyboardInterrupt(
            f"run {recipe.hash} was stopped after {history.taken} steps; start it again to go on"
        )
    if distributed.is_main():
        store_result(recipe, student, dataset, history, folder, keep)
        checkpoint.remove()
    distributed.wait_for_all()
    return read_run(folder, recipe)


def input_of(dataset: Dataset) -> dict[str, Any]:
    """What a network has to know about the data: keyword arguments of `make_model`."""
    _, channels, height, width = dataset.train.images.shape
    size = height if height == width else (height, width)
    return {"num_classes": len(dataset.classes), "in_channels": channels, "image_size": size}


def new_student(recipe: Recipe, dataset: Dataset) -> nn.Module:
    given = input_of(dataset)
    student = make_student(recipe.student, seed=recipe.seed, towers=recipe.towers, **given)
    if recipe.start:
        same = recipe.start.special == recipe.special  # else its outputs mean other classes
        take_over(student, run_with_weights(recipe.start).model(), last_layer=same)
    return student


def train_student(recipe: Recipe, student: nn.Module, dataset: Dataset, **hooks) -> History:
    """Train an untrained network as the recipe says, to the end; the teacher's answers are kept."""
    how = training_arguments(recipe, dataset)
    if not recipe.resumable:
        hooks |= {"checkpoint": None}
    try:
        with recipe.method.around(student, dataset) as look:
            hooks["on_report"] = in_turn(look, hooks.get("on_report"))
            return train(student, **how, **hooks)
    finally:
        if how["teacher"]:
            how["teacher"].save()


def in_turn(*reporters: Callable[[History], None] | None) -> Callable[[History], None]:
    """One that tells each of these, where there is one."""

    def on_report(history: History) -> None:
        for report in filter(None, reporters):
            report(history)

    return on_report


def student_reports(
    recipe: Recipe, student: nn.Module, dataset: Dataset, **hooks
) -> Iterator[History]:
    """The same, as a generator of reports; `hooks` as for `training.training_reports`."""
    return training_reports(student, **training_arguments(recipe, dataset), **hooks)


def training_arguments(recipe: Recipe, dataset: Dataset) -> dict:
    """What a recipe says, in the words of `training.training_reports`."""
    room = TrainingRoom(recipe, dataset, run_with_weights)
    return {
        "split": room.split,
        "rows": room.rows,
        "method": recipe.method,
        "schedule": recipe.schedule,
        "seed": recipe.seed,
        "teacher": room.teacher,
        "augmentation": recipe.augmentation,
    }


def teacher_of(recipe: Recipe) -> CachedTeacher:
    """The one teacher of a recipe, with the memory that all its students share."""
    return cached_teacher(recipe, recipe.teacher, run_with_weights)


def run_with_weights(recipe: Recipe) -> Run:
    """The run of a recipe; trained again where only its record is stored."""
    run = load_or_train(recipe, quiet=True)
    if not run.has_weights:
        with lock_of(recipe):
            run = load_checked_run(recipe)
            if not run.has_weights:
                run = train_recipe(recipe, folder=run_folders()[-1], keep=KEEP)
    return run


def make_record(
    recipe: Recipe,
    student: nn.Module,
    dataset: Dataset,
    test_logits: torch.Tensor,
    history: History,
) -> dict:
    """All numbers of a finished run. The test images are looked at here, once."""
    device = dataset.train.images.device
    _, channels, height, width = dataset.train.images.shape
    shape = channels, height, width
    dtype, reason = pick_precision(device)
    return {
        "format": FORMAT,
        "hash": recipe.hash,
        "recipe": recipe.to_plain(),
        "input": input_of(dataset),
        "test": metrics.classification_metrics(test_logits.float(), dataset.test.labels),
        "val": {
            "accuracy": metrics.accuracy(predict(student, dataset.val.images), dataset.val.labels)
        },
        "parameters": metrics.count_parameters(student),
        "multiply_adds": metrics.count_multiply_adds(student, shape),
        "bytes": len(save({k: v.cpu().contiguous() for k, v in student.state_dict().items()})),
        "latency": metrics.latencies_of(student, shape),
        "history": {
            "step": history.step,
            **{k: [round(v, 5) for v in vs] for k, vs in history.terms.items()},
        },
        "seconds": round(history.seconds, 2),
        "resumed": history.resumed,
        "date": datetime.date.today().isoformat(),
        "device": describe(device),
        "precision": f"{str(dtype).removeprefix('torch.')}: {reason}",
        "versions": {"torch": str(torch.__version__)},
        **({"steps": history.how} if device.type == "cuda" else {}),
    }


def store_result(
    recipe: Recipe,
    student: nn.Module,
    dataset: Dataset,
    history: History,
    folder: Path,
    keep: tuple[str, ...],
) -> None:
    """Measure a trained network and store record and tensors."""
    tensors = {f"weights.{name}": value for name, value in student.state_dict().items()}
    tensors["test_logits"] = predict(student, dataset.test.images).half()
    check_finite(tensors["test_logits"])
    if "train_logits" in keep:
        tensors["train_logits"] = predict(student, dataset.train.images).half()
    record = make_record(recipe, student, dataset, tensors["test_logits"], history)
    kept = {k: v.cpu().contiguous() for k, v in tensors.items() if k.split(".")[0] in keep}
    store(folder, recipe, record, kept, tensors["test_logits"].float().argmax(dim=1))


def tidy_up(recipe: Recipe) -> None:
    """Remove what a process that was killed while writing left of a recipe. Needs its lock."""
    if distributed.is_main():
        for folder in (run_folders()[-1], checkpoint_folder()):
            for path in folder.glob(f"{recipe.hash}.*.tmp"):
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def lock_of(
    recipe: Recipe, quiet: bool = False, should_stop: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Only one process at a time is inside, for one recipe; a killed one leaves it at once.

    Processes that train together (`torchrun`) go in together: the first one holds the lock.

    Raises:
        KeyboardInterrupt: `should_stop`, asked twice a second, ended the wait for another process.
    """
    path = checkpoint_folder() / f"{recipe.hash}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    if distributed.is_main():
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if not quiet:
                print(f"waiting for another process that trains run {recipe.hash}", flush=True)
            wait_for(lock, should_stop)
    distributed.wait_for_all()
    try:
        yield
        distributed.wait_for_all()
    finally:
        lock.release()


def wait_for(lock: FileLock, should_stop: Callable[[], bool]) -> None:
    while not lock.is_locked:
        if should_stop():
            raise KeyboardInterrupt("stopped while another process trained the same")
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=0.5)
