"""The tables of a report: numbers of runs in, pandas out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from kd_helpers.data.splits import Dataset
from kd_helpers.experiments import metrics
from kd_helpers.experiments.store import Run

Test = Mapping[str, Any]  # what `metrics.classification_metrics` gives
PAIRS = 20  # of classes, shown at most
PATIENCE = 4000  # milliseconds that a network may take for 256 images; else it gets 32


def measure_table(tests: Mapping[str, Sequence[Test]], tested: np.ndarray) -> pd.DataFrame:
    """A column for each network, a row for each measure, mean over seeds.

    Args:
        tested: (K,) bool, whether a class has test images; means over classes leave out the others.
    """
    return pd.DataFrame({name: measures(of_arm, tested) for name, of_arm in tests.items()})


def measures(tests: Sequence[Test], tested: np.ndarray) -> dict[str, str]:
    mean = {k: np.mean([t[k] for t in tests]) for k in ("accuracy", "nll", "calibration_error")}
    macro = {m: class_means(tests, m)[tested].mean() for m in ("precision", "recall", "f1")}
    return {
        "accuracy, %": f"{100 * mean['accuracy']:.2f}",
        "balanced accuracy (macro recall), %": f"{macro['recall']:.2f}",
        "macro precision, %": f"{macro['precision']:.2f}",
        "macro F1, %": f"{macro['f1']:.2f}",
        "negative log-likelihood, nats (lower is better)": f"{mean['nll']:.3f}",
        "calibration error, % (lower is better)": f"{100 * mean['calibration_error']:.2f}",
        "trainings": str(len(tests)),
    }


def class_means(tests: Sequence[Test], measure: str) -> np.ndarray:
    """Percent for each class, (K,), mean over seeds."""
    return 100 * np.mean([test["per_class"][measure] for test in tests], axis=0)


def class_table(
    tests: Mapping[str, Sequence[Test]], images: np.ndarray, classes: Sequence[str]
) -> pd.DataFrame:
    """A row for each class: test images (K,), then each measure of each network; NaN without any.

    The change of F1 is that from the last but one network to the last.
    """
    columns: dict[tuple[str, str], Any] = {("", "test images"): images}
    for measure, title in (("f1", "F1, %"), ("recall", "recall, %"), ("precision", "precision, %")):
        for name, of_arm in tests.items():
            means = class_means(of_arm, measure)
            columns[title, name] = np.where(images > 0, means, np.nan)
        if measure == "f1":
            bare, taught = list(columns.values())[-2:]
            columns[title, "change"] = taught - bare
    return pd.DataFrame(columns, index=list(classes))


def confusion_table(matrices: Mapping[str, np.ndarray], classes: Sequence[str]) -> pd.DataFrame:
    """The most frequent confusions of two networks, (K, K) each: how many images."""
    most = np.maximum(*matrices.values()) * ~np.eye(len(classes), dtype=bool)
    order = np.argsort(-most, axis=None, kind="stable")[:PAIRS]
    rows, columns = np.unravel_index(order[most.flat[order] > 0], most.shape)
    told: dict[str, Any] = {"taken for": [classes[k] for k in columns]}
    told |= {name: matrix[rows, columns] for name, matrix in matrices.items()}
    return pd.DataFrame(told, index=[classes[k] for k in rows])


def count_table(data: Dataset) -> pd.DataFrame:
    """How many images of each class each split has."""
    splits = {"training": data.train, "validation": data.val, "test": data.test}
    k = len(data.classes)
    counts = {name: np.bincount(s.labels.cpu(), minlength=k) for name, s in splits.items()}
    return pd.DataFrame(counts, index=list(data.classes))


def training_table(arms: Mapping[str, Sequence[Run]]) -> pd.DataFrame:
    """A row for each run, named by the hash of its recipe."""
    runs = {run.recipe.hash: (arm, run) for arm, of_arm in arms.items() for run in of_arm}
    told = {
        name: {
            "arm": arm,
            "seed": run.recipe.seed,
            "test accuracy, %": run.accuracy,
            "validation accuracy, %": 100 * run.record["val"]["accuracy"],
            "seconds": run.record["seconds"],
        }
        for name, (arm, run) in runs.items()
    }
    return pd.DataFrame.from_dict(told, orient="index")


def cost_table(teacher: nn.Module, student: nn.Module, shape: tuple[int, ...]) -> pd.DataFrame:
    """Size and speed of two networks on one device, measured here and now, for images (C, H, W)."""
    (c, h, w), networks = shape, {"teacher": teacher, "student": student}
    alone = {name: milliseconds(network, shape, 1) for name, network in networks.items()}
    many = 256 if 256 * max(alone.values()) < PATIENCE else 32
    costs = pd.DataFrame(
        {
            name: {
                "parameters": metrics.count_parameters(network),
                "multiply-adds, one image": metrics.count_multiply_adds(network, (c, h, w)),
                "bytes, float32": float32_bytes(network),
                "milliseconds, 1 image": alone[name],
                f"milliseconds, {many} images": milliseconds(network, shape, many),
            }
            for name, network in networks.items()
        }
    )
    shown = costs.map(lambda number: f"{number:,.0f}" if number >= 100 else f"{number:.3g}")
    ratios = costs["teacher"] / costs["student"]
    return shown.assign(ratio=[f"{ratio:.3g}\N{NO-BREAK SPACE}×" for ratio in ratios])


def milliseconds(network: nn.Module, shape: tuple[int, ...], images: int) -> float:
    c, h, w = shape
    return metrics.measure_latency(network, (c, h, w), images)["median_ms"]


def float32_bytes(network: nn.Module) -> int:
    """Of weights and running statistics."""
    tensors = (*network.parameters(), *network.buffers())
    return 4 * sum(tensor.numel() for tensor in tensors if tensor.is_floating_point())
