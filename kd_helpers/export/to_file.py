"""Write a trained network to a file, load the file in its own runtime, and compare the two."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import torch
from safetensors.torch import save
from torch import nn

from kd_helpers.data.splits import Dataset
from kd_helpers.experiments.room import dataset_of
from kd_helpers.experiments.store import Run
from kd_helpers.export import onnx_file
from kd_helpers.export.compare import DIFFERENCE, Mismatch, measure
from kd_helpers.export.deployed import About, Deployed
from kd_helpers.export.exported import Exported
from kd_helpers.runtime.plain import to_plain

# What the ending of a file's name means: a module with `write(deployed, path)` and
# `load(path, network)`.
FORMATS: dict[str, ModuleType] = {".onnx": onnx_file}


def export(
    run_or_model: Run | nn.Module,
    path: Path | str,
    *,
    data: Dataset | None = None,
    classes: Sequence[str] | None = None,
) -> Exported:
    """Write the student alone to a file; the file appears only if it answers as the network does.

    Args:
        run_or_model: a stored run that keeps its weights, or a network that takes float32 images
            (B, C, H, W) in 0..1 and gives logits (B, K).
        path: its ending tells the format.
        data: whose test images are asked; by default the run's.
        classes: the name of each logit; by default those of the data.

    Raises:
        Mismatch: the file does not answer as the network. ValueError: what was asked for cannot be.
    """
    path, data = Path(path), data_of(run_or_model, data)
    form, deployed = format_of(path), deployed_of(run_or_model, data, classes)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
        draft = Path(folder) / path.name
        form.write(deployed, draft)
        done = compare(deployed, draft, form, data)
        for file in Path(folder).iterdir():
            os.replace(file, path.parent / file.name)
    return replace(done, path=path)


def verify(
    path: Path | str, run_or_model: Run | nn.Module, *, data: Dataset | None = None
) -> Exported:
    """Compare a file with the network that it should hold, as `export` does after writing it.

    Raises:
        Mismatch: it does not answer as the network.
    """
    path, data = Path(path), data_of(run_or_model, data)
    return compare(deployed_of(run_or_model, data), path, format_of(path), data)


def compare(deployed: Deployed, path: Path, form: ModuleType, data: Dataset) -> Exported:
    """PyTorch and the file, side by side on the test images."""
    test, loaded = data.test.to("cpu"), form.load(path, deployed.network)
    size = len(save({k: v.contiguous() for k, v in deployed.network.state_dict().items()}))
    here, logits = measure(f"PyTorch {torch.__version__}", deployed, test, None, size)
    there, _ = measure(loaded.runtime, loaded.answer, test, logits, path.stat().st_size)
    if not there.difference <= DIFFERENCE:  # NaN is none of either
        raise Mismatch(
            f"{path.name}: {loaded.runtime} differs from PyTorch by {there.difference:.2g} "
            f"standard deviations of the logits on {len(test):,} test images; expected at most "
            f"{DIFFERENCE}"
        )
    return Exported(path, loaded.about, len(test), (here, there))


def format_of(path: Path) -> ModuleType:
    if path.suffix not in FORMATS:
        raise ValueError(
            f"got {path.name!r}; expected a name that ends in {', '.join(FORMATS)}: the ending "
            "tells the format"
        )
    return FORMATS[path.suffix]


def data_of(run_or_model: Run | nn.Module, data: Dataset | None) -> Dataset:
    if data is not None:
        return data
    if not isinstance(run_or_model, Run):
        raise ValueError(
            "got a network without data; expected data=, the Dataset of its images, such as "
            'load_dataset("fashion-mnist"): the file is compared with the network on its test '
            "images"
        )
    return dataset_of(run_or_model.recipe)


def deployed_of(
    run_or_model: Run | nn.Module, data: Dataset, classes: Sequence[str] | None = None
) -> Deployed:
    """The network with its preprocessing and class names."""
    names = tuple(data.classes if classes is None else classes)
    channels, height, width = data.test.images.shape[1:]
    shape = (channels, height, width)
    if isinstance(run_or_model, Run):
        recipe, network = run_or_model.recipe, run_or_model.model()
        towers = to_plain(recipe.towers, recipe.towers)
        about = About(names, shape, recipe.student, towers, recipe.hash)
    else:
        network = run_or_model
        about = About(names, shape, f"{type(network).__module__}:{type(network).__qualname__}")
    deployed = Deployed(network, about)
    check_outputs(deployed)
    return deployed


@torch.no_grad()
def check_outputs(deployed: Deployed) -> None:
    """Raise ValueError unless there is a logit for each class."""
    logits, classes = deployed(deployed.example), deployed.about.classes
    found = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if found != (2, len(classes)):
        raise ValueError(
            f"got {found} from the network for two images; expected logits (2, {len(classes)}), "
            f"one for each of the classes {', '.join(classes)}"
        )
