"""`.onnx`: the network as a graph for onnxruntime and many other runtimes. https://onnx.ai

And its twin in int8, by static quantisation: weights and activations as whole numbers of eight
bits. Jacob et al., CVPR 2018, arXiv 1712.05877; by onnxruntime, as its documentation recommends:
the graph is prepared first, every output channel of the weights has a scale of its own, activations
have the range that they take on training images, and the graph says where it is whole numbers
(QDQ). Activations are unsigned, which processors multiply fastest. Weights use seven of their eight
bits: with all of them per channel, sums overflow on processors without VNNI, and no comparison made
on another machine would tell.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from kd_helpers.export.deployed import About, Deployed, Loaded, strings_of

OPSET = 17  # of 2022: the first that has all operators of today's layers, and old enough for all
INPUT, OUTPUT = "images", "logits"
IMAGES, BATCH = 512, 64  # that show the ranges of activations


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


def write_int8(deployed: Deployed, draft: Path, images: torch.Tensor) -> Path:
    """The int8 twin of a file, in a folder beside it: images (N, C, H, W) uint8 to train on."""
    twin = draft.parent / "int8" / draft.name
    twin.parent.mkdir()
    quantise(draft, twin, images)
    put_about(twin, replace(deployed.about, precision="int8"))
    return twin


def quantise(source: Path, target: Path, images: torch.Tensor) -> None:
    """Write the int8 twin of an ONNX file.

    Args:
        images: training images (N, C, H, W) uint8; 512 of them, evenly spread, show the ranges.

    Raises:
        ValueError: nothing in it could become int8.
    """
    package("onnxruntime")
    from onnxruntime import quantization as ort
    from onnxruntime.quantization.shape_inference import quant_pre_process

    chosen = images[torch.linspace(0, len(images) - 1, min(IMAGES, len(images))).long()]
    feeds = iter([{INPUT: batch.cpu().numpy()} for batch in chosen.split(BATCH)])

    class Reader(ort.CalibrationDataReader):
        def get_next(self) -> dict | None:
            return next(feeds, None)

    ready = source.with_name("ready.onnx")
    # Without the inference of symbolic shapes, which fails on the graphs of towers.
    quant_pre_process(source, ready, skip_symbolic_shape=True)
    ort.quantize_static(
        ready,
        target,
        Reader(),
        quant_format=ort.QuantFormat.QDQ,
        activation_type=ort.QuantType.QUInt8,
        weight_type=ort.QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
    )
    ready.unlink()
    if not int8_share(target):
        raise ValueError(
            "got a network without a convolution or matrix product that onnxruntime makes int8"
        )


def int8_share(path: Path) -> float:
    """The share of a file's stored numbers that are int8, 0 to 1."""
    onnx = package("onnx")
    counts = {True: 0, False: 0}
    for tensor in onnx.load(str(path)).graph.initializer:
        counts[tensor.data_type == onnx.TensorProto.INT8] += torch.Size(tensor.dims).numel()
    return counts[True] / max(1, sum(counts.values()))
