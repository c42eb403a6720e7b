"""All numbers of a finished run: what is written beside its weights."""

from __future__ import annotations

import datetime
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from kd_helpers.data.datasets import Dataset
from kd_helpers.experiments import metrics
from kd_helpers.experiments.packed import FORMAT
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.store import Run, store
from kd_helpers.models.towers import make_network
from kd_helpers.runtime.device import describe, pick_device, pick_precision
from kd_helpers.training.loop import History, predict


def input_of(dataset: Dataset) -> dict[str, int]:
    """What a network has to know about the data: keyword arguments of `make_model`."""
    _, channels, size, _ = dataset.train.images.shape
    return {"num_classes": len(dataset.classes), "in_channels": channels, "image_size": size}


def make_record(
    recipe: Recipe,
    student: nn.Module,
    dataset: Dataset,
    test_logits: torch.Tensor,
    history: History,
) -> dict:
    """All numbers of a finished run. The test images are looked at here, once."""
    device = dataset.train.images.device
    shape = tuple(dataset.train.images.shape[1:])
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
        "latency": latencies_of(student, shape),
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
    if "train_logits" in keep:
        tensors["train_logits"] = predict(student, dataset.train.images).half()
    record = make_record(recipe, student, dataset, tensors["test_logits"], history)
    kept = {k: v.cpu().contiguous() for k, v in tensors.items() if k.split(".")[0] in keep}
    store(folder, recipe, record, kept, tensors["test_logits"].float().argmax(dim=1))


_latencies: dict[tuple, list[dict]] = {}  # of this process: a network's speed is that of its kind


def latencies_of(model: nn.Module, image_shape: tuple[int, int, int]) -> list[dict]:
    """The latencies of the network's kind, measured when the first of them comes."""
    device = next(model.parameters()).device
    kind = (str(model), image_shape, str(device), torch.get_num_threads())
    if not _latencies.get(kind):
        _latencies[kind] = measure_latencies(model, image_shape)
    return _latencies[kind]


def measure_latencies(model: nn.Module, image_shape: tuple[int, int, int]) -> list[dict]:
    """Latency at batch 1 and at batch 256."""
    return [metrics.measure_latency(model, image_shape, size) for size in (1, 256)]


def latencies_here(run: Run) -> list[dict]:
    """Time an untrained network of the run's kind on this machine, now."""
    device, given = pick_device(), run.record["input"]
    model = make_network(run.recipe.student, run.recipe.towers, **given).to(device)
    return measure_latencies(model, (given["in_channels"], *[given["image_size"]] * 2))
