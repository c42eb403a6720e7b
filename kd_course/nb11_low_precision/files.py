"""What leaves the notebook: a file for each width, its bytes on the disk, and its speed."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch

from kd_helpers.data.datasets import Dataset
from kd_helpers.experiments.store import Run
from kd_helpers.export import Exported, export
from kd_helpers.export.compare import Row
from kd_helpers.export.onnx_file import load
from kd_helpers.runtime.folders import out_dir
from kd_helpers.training.loop import predict

FLOAT = "float32"


def write_files(runs: Mapping[str, Run], data: Dataset) -> dict[str, Exported]:
    """Export every width as ONNX, and lay its gzip beside it; float32 as it is, others in int8.

    Args:
        runs: width (or FLOAT) → a run that keeps its weights.
    """
    done = {}
    for width, run in runs.items():
        path = out_dir() / "low-precision" / f"{width}.onnx"
        done[width] = export(run, path, data=data, int8=width != FLOAT)
        zipped(path).write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    return done


def zipped(path: Path) -> Path:
    return path.with_name(f"{path.name}.gz")


def kilobytes(done: Mapping[str, Exported]) -> dict[str, float]:
    """Of each file on the disk, gzipped."""
    return {width: zipped(file.path).stat().st_size / 1000 for width, file in done.items()}


def same_answers(path: Path, run: Run, data: Dataset) -> float:
    """The share of test images with one answer of the file and of the notebook's network, 0 to 1.

    The network's activations are rounded as in training, the file's by onnxruntime.
    """
    network, images = run.model(), data.test.images.cpu()
    answer = load(path, network).answer
    told = torch.cat([answer(part) for part in images.split(256)]).argmax(dim=1)
    return (told == predict(network, images).argmax(dim=1)).double().mean().item()


def file_table(
    done: Mapping[str, Exported], runs: Mapping[str, Run], data: Dataset
) -> pd.DataFrame:
    """A row for each file, in the runtime that runs it."""
    rows = {}
    for width, file in done.items():
        row: Row = file.rows[-1]
        rows[width] = {
            "file, kB": f"{file.path.stat().st_size / 1000:.1f}",
            "gzipped, kB": f"{zipped(file.path).stat().st_size / 1000:.1f}",
            "accuracy, %": f"{row.accuracy:.2f}",
            "as the network, %": f"{100 * same_answers(file.path, runs[width], data):.1f}",
            "1 image, ms": f"{row.ms_1:.2f}",
            "256 images, ms": f"{row.ms_256:.1f}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")
