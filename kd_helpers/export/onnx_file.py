"""`.onnx`: the network as a graph for onnxruntime and many other runtimes. https://onnx.ai"""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from kd_helpers.export.deployed import About, Deployed, strings_of
from kd_helpers.export.loaded import Loaded

OPSET = 17  # of 2022: the first that has all operators of today's layers, and old enough for all
INPUT, OUTPUT = "images", "logits"


def write(deployed: Deployed, path: Path) -> None:
    """Write the graph, with any number of images in a batch.

    By the exporter that traces: it needs the package onnx only (the other one needs onnxscript
    too, and writes opset 18 or newer).
    """
    package("onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its deprecation, and of constants in the trace
        torch.onnx.export(
            deployed,
            (deployed.example,),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
        )
    put_about(path, deployed.about)


def put_about(path: Path, about: About) -> None:
    """Write class names and shapes into the file's `metadata_props`, and check the file."""
    onnx = package("onnx")
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, strings_of(about.to_json()))
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def load(path: Path, network: nn.Module) -> Loaded:
    """The file in onnxruntime, on the processor, with as many threads as PyTorch has."""
    ort = package("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def answer(images: torch.Tensor) -> torch.Tensor:
        (logits,) = session.run([OUTPUT], {INPUT: images.numpy()})
        return torch.from_numpy(logits)

    about = session.get_modelmeta().custom_metadata_map
    return Loaded(f"onnxruntime {ort.__version__}", answer, about)


def package(name: str) -> ModuleType:
    """A package of the extra `export`.

    Raises:
        ModuleNotFoundError: it is not installed; the message says how it is.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as problem:
        raise ModuleNotFoundError(
            f"got no package {name}, which .onnx files need; install it with "
            "`pip install onnx onnxruntime`, or the course with its extra: "
            '`pip install -e ".[export]"`'
        ) from problem
