"""From a recipe to its stored result: load it if it is there, train it if not, and say which."""

from __future__ import annotations

import datetime
import functools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from kd_helpers import metrics
from kd_helpers.data import Dataset, data_dir, load_dataset
from kd_helpers.device import describe, pick_device, pick_precision
from kd_helpers.losses import distillation_terms
from kd_helpers.models import make_model
from kd_helpers.recipes import Recipe, to_dict
from kd_helpers.stored import FORMAT, Run, read_record, store, write_record
from kd_helpers.teachers import CachedTeacher, NetworkTeacher
from kd_helpers.training import History, make_student, predict, train, training_reports
from kd_helpers.transfer import load_source, select


def run_folders() -> list[Path]:
    """Where runs are looked for: what ships with the course, then what was trained here."""
    return [
        data_dir() / "runs",
        Path(os.environ.get("KD_OUT") or data_dir().parent / "out") / "runs",
    ]


def load_run(recipe: Recipe) -> Run | None:
    """The stored run of a recipe, or None; one that keeps tensors goes before a mere record."""
    paths = [folder / f"{recipe.hash}.json" for folder in run_folders()]
    found = [Run(recipe, read_record(p, recipe), p.parent) for p in paths if p.is_file()]
    return next((run for run in found if run.has_tensors), found[0] if found else None)


def load_or_train(recipe: Recipe, *, quiet: bool = False) -> Run:
    """The result of a recipe: loaded where it is stored, else trained, stored and returned.

    Prints which of the two it did. New runs go to `out/runs/`.

    Raises:
        RunError: a stored file is damaged. KeyboardInterrupt: the training was stopped by hand
            (a part of a run is never stored).
    """
    run = load_run(recipe)
    if run is None:
        run = train_recipe(recipe, folder=run_folders()[-1], keep=("weights", "test_logits"))
        said = f"trained run {recipe.hash} in {run.record['seconds']:.0f} s"
    else:
        made = run.record
        said = f"loaded run {recipe.hash} (trained {made['date']} in {made['seconds']:.0f} s on {made['device']})"
    if not quiet:
        print(f"{said}: {recipe}: {run.accuracy:.2f} % of the test images right")
    return run


def train_recipe(
    recipe: Recipe,
    *,
    folder: Path,
    keep: tuple[str, ...] = (),
    on_report: Callable[[History], None] | None = None,
) -> Run:
    """Train a recipe from nothing, measure it and store it in `folder`.

    Args:
        keep: which tensors to store beside the record: "weights", "test_logits", "train_logits".
    """
    device = pick_device()
    dataset = load_dataset_once(recipe.dataset, device.type)
    student = new_student(recipe, dataset)
    start = time.perf_counter()
    history = train_student(recipe, student, dataset, on_report=on_report)
    seconds = time.perf_counter() - start
    if history.stopped:
        raise KeyboardInterrupt(
            f"run {recipe.hash} was stopped after {history.taken} steps; not stored"
        )
    tensors = {f"weights.{name}": value for name, value in student.state_dict().items()}
    tensors["test_logits"] = predict(student, dataset.test.images).half()
    if "train_logits" in keep:
        tensors["train_logits"] = predict(student, dataset.train.images).half()
    record = make_record(recipe, student, dataset, tensors["test_logits"], history, seconds)
    kept = {k: v.cpu().contiguous() for k, v in tensors.items() if k.split(".")[0] in keep}
    store(folder, recipe, record, kept)
    return Run(recipe, record, folder)


@functools.lru_cache(maxsize=2)
def load_dataset_once(name: str, device: str) -> Dataset:
    return load_dataset(name, device)


def new_student(recipe: Recipe, dataset: Dataset) -> nn.Module:
    return make_student(recipe.student, seed=recipe.seed, **input_of(dataset))


def input_of(dataset: Dataset) -> dict[str, int]:
    """What a network has to know about the data: keyword arguments of `make_model`."""
    _, channels, size, _ = dataset.train.images.shape
    return {"num_classes": len(dataset.classes), "in_channels": channels, "image_size": size}


def train_student(
    recipe: Recipe,
    student: nn.Module,
    dataset: Dataset,
    on_report: Callable[[History], None] | None = None,
) -> History:
    """Train an untrained network as the recipe says, to the end."""
    return train(student, on_report=on_report, **training_arguments(recipe, dataset))


def student_reports(
    recipe: Recipe, student: nn.Module, dataset: Dataset, **hooks
) -> Iterator[History]:
    """The same, as a generator of reports; `hooks` as for `training.training_reports`."""
    return training_reports(student, **training_arguments(recipe, dataset), **hooks)


def training_arguments(recipe: Recipe, dataset: Dataset) -> dict:
    """What a recipe says, in the words of `training.training_reports`."""
    source = load_source(dataset, recipe.transfer.source)
    split, rows = select(source, recipe.transfer, recipe.seed)
    loss = functools.partial(
        distillation_terms, temperature=recipe.temperature,
        kd_weight=recipe.kd_weight, label_smoothing=recipe.label_smoothing,
    )  # fmt: skip
    return {
        "split": split, "rows": rows, "loss": loss, "schedule": recipe.schedule, "seed": recipe.seed,
        "teacher": cached_teacher(recipe) if recipe.kd_weight else None, "view_set": recipe.views,
    }  # fmt: skip


def cached_teacher(recipe: Recipe) -> CachedTeacher:
    """The recipe's teacher with a memory that all students of one source and view set share."""
    return _cached_teacher(recipe.teacher, recipe.transfer.source, recipe.views, pick_device().type)


@functools.lru_cache(maxsize=8)
def _cached_teacher(teacher: Recipe, source: str, views, device: str) -> CachedTeacher:
    run = load_or_train(teacher, quiet=True)
    if not run.has_tensors:  # only its record ships, and a teacher needs its weights
        run = train_recipe(teacher, folder=run_folders()[-1], keep=("weights", "test_logits"))
    pictures = load_source(load_dataset_once(teacher.dataset, device), source)
    cache = CachedTeacher(NetworkTeacher(run.model(device)), len(pictures), views)
    if source == "train" and "train_logits" in run.tensors():
        cache.remember_plain(run.logits("train").to(device))
    return cache


def make_record(
    recipe: Recipe, student: nn.Module, dataset: Dataset,
    test_logits: torch.Tensor, history: History, seconds: float,
) -> dict:  # fmt: skip
    """All numbers of a finished run. The test images are looked at here, once."""
    device = dataset.train.images.device
    shape = tuple(dataset.train.images.shape[1:])
    dtype, reason = pick_precision(device)
    return {
        "format": FORMAT,
        "hash": recipe.hash,
        "recipe": to_dict(recipe),
        "input": input_of(dataset),
        "test": metrics.classification_metrics(test_logits.float(), dataset.test.labels),
        "val": {"accuracy": metrics.accuracy(predict(student, dataset.val.images), dataset.val.labels)},
        "parameters": metrics.count_parameters(student),
        "multiply_adds": metrics.count_multiply_adds(student, shape),
        "bytes": len(save({k: v.cpu().contiguous() for k, v in student.state_dict().items()})),
        "latency": measure_latencies(student, shape),
        "history": {"step": history.step, **{k: [round(v, 5) for v in vs] for k, vs in history.terms.items()}},
        "seconds": round(seconds, 2),
        "date": datetime.date.today().isoformat(),
        "device": describe(device),
        "precision": f"{str(dtype).removeprefix('torch.')}: {reason}",
        "versions": {"torch": str(torch.__version__)},
    }  # fmt: skip


def measure_latencies(model: nn.Module, image_shape: tuple[int, int, int]) -> list[dict]:
    """Latency at batch 1 and at batch 256."""
    return [metrics.measure_latency(model, image_shape, size) for size in (1, 256)]


def measure_latency_again(run: Run) -> Run:
    """Time the run's network on this machine, now, and store the result in its record.

    The speed of a network does not depend on its weights, so any run can be timed again, also one
    that was trained while something else kept the machine busy.
    """
    device = pick_device()
    shape = (run.record["input"]["in_channels"], *[run.record["input"]["image_size"]] * 2)
    model = make_model(run.recipe.student, **run.record["input"]).to(device)
    record = run.record | {"latency": measure_latencies(model, shape)}
    write_record(run.folder, run.recipe, record)
    return Run(run.recipe, record, run.folder)
