"""Write a trained network to a file, load the file in its own runtime, and compare the two."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from kd_helpers.data.splits import Dataset
from kd_helpers.experiments.room import dataset_of
from kd_helpers.experiments.store import Run
from kd_helpers.export.compare import Exported, compare
from kd_helpers.export.deployed import About, Deployed
from kd_helpers.export.formats import format_of, write
from kd_helpers.export.onnx_file import write_int8
from kd_helpers.models.low_precision import plain_twin
from kd_helpers.models.zoo import full_precision
from kd_helpers.runtime.plain import to_plain


def export(
    run_or_model: Run | nn.Module,
    path: Path | str,
    *,
    data: Dataset | None = None,
    int8: bool = False,
    classes: Sequence[str] | None = None,
) -> Exported:
    """Write the student alone to a file; the file appears only if it answers as the network does.

    | ending | runs in | takes |
    | --- | --- | --- |
    | .onnx | onnxruntime and others | uint8 images |
    | .pt2 | PyTorch, `torch.export.load` | uint8 images |
    | .ts, .torchscript | libtorch, `torch.jit.load` | uint8 images |
    | .safetensors, with a `config.json` beside it | the network's own code | float32, 0 to 1 |

    Args:
        run_or_model: a stored run that keeps its weights, or a network that takes float32 images
            (B, C, H, W) in 0..1 and gives logits (B, K).
        path: its ending tells the format.
        data: whose test images are asked; by default the run's.
        int8: weights and activations of eight bits, in .onnx only; ranges from training images.
        classes: the name of each logit; by default those of the data.

    Raises:
        Mismatch: the file does not answer as the network. int8 may: the table says by how much.
        Unexportable: PyTorch cannot write this network so.
        ValueError: what was asked for cannot be.
    """
    path, data = Path(path), data_of(run_or_model, data)
    format_of(path, int8).check_place(path)
    deployed = deployed_of(run_or_model, data, classes)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
        drafts = [Path(folder) / path.name]
        write(deployed, drafts[0])
        if int8:
            drafts.append(write_int8(deployed, drafts[0], data.train.images))
        done = compare(deployed, drafts, data.test)
        put_in_place(drafts[-1], path)
    return replace(done, path=path)


def verify(
    path: Path | str, run_or_model: Run | nn.Module, *, data: Dataset | None = None
) -> Exported:
    """Compare a file with the network that it should hold, as `export` does after writing it.

    Raises:
        Mismatch: it does not answer as the network.
    """
    path, data = Path(path), data_of(run_or_model, data)
    return compare(deployed_of(run_or_model, data), [path], data.test)


def put_in_place(draft: Path, path: Path) -> None:
    """Move a file and what belongs to it out of the folder that it was written in, itself first."""
    os.replace(draft, path)
    for other in draft.parent.glob("*.json"):
        os.replace(other, path.parent / other.name)


def data_of(run_or_model: Run | nn.Module, data: Dataset | None) -> Dataset:
    """The data whose test images are asked.

    Raises:
        ValueError: there are none.
    """
    if data is None and isinstance(run_or_model, Run):
        data = dataset_of(run_or_model.recipe)
    if data is None or not len(data.test):
        raise ValueError(
            f"got {'no test images' if data else 'a network without data'}; expected data=, the "
            'Dataset of its images, such as load_dataset("fashion-mnist"): the file is compared '
            "with the network on its test images"
        )
    return data


def deployed_of(
    run_or_model: Run | nn.Module, data: Dataset, classes: Sequence[str] | None = None
) -> Deployed:
    """The network with its preprocessing and class names; a run's weights in few bits as numbers
    that lie on their levels, for an ordinary layer.

    Raises:
        ValueError: it has not a logit for each class.
    """
    names = tuple(data.classes if classes is None else classes)
    channels, height, width = data.test.images.shape[1:]
    shape = (channels, height, width)
    if isinstance(run_or_model, Run):
        recipe, network = run_or_model.recipe, plain_twin(run_or_model.model())
        towers = to_plain(recipe.towers, recipe.towers)
        about = About(names, shape, full_precision(recipe.student), towers, recipe.hash)
    else:
        network, kind = run_or_model, type(run_or_model)
        about = About(
            names, shape, getattr(network, "name", f"{kind.__module__}:{kind.__qualname__}")
        )
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
