"""int8 by static quantisation: weights and activations as whole numbers of eight bits.

Jacob et al., CVPR 2018, arXiv 1712.05877; by onnxruntime, as its documentation recommends: the
graph is prepared first, every output channel of the weights has a scale of its own, activations
have the range that they take on training images, and the graph says where it is whole numbers
(QDQ). Activations are unsigned, which processors multiply fastest. Weights use seven of their eight
bits: with all of them per channel, sums overflow on processors without VNNI, and no comparison made
on another machine would tell.
"""

from __future__ import annotations

from pathlib import Path

import torch

from kd_helpers.export.onnx_file import INPUT, package

IMAGES, BATCH = 512, 64  # that show the ranges of activations


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
