"""A trained network as a page can hold and compute it: eight bits a weight, layer after layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from kd_helpers.widgets.alive import packed

LARGEST = 127
NAMES = {nn.ReLU: "relu", nn.MaxPool2d: "pool", nn.Flatten: "flatten"}


def layers_of(network: nn.Module) -> list[dict[str, Any]]:
    """The layers of a network of the plain ladder: 3×3 convolutions, ReLU, 2×2 pooling, linear.

    Batch normalisation is folded into the convolution before it. Each output channel has whole
    numbers from -127 to 127 and a scale.

    Raises:
        ValueError: the network has a layer of another kind.
    """
    folded: list[Any] = []
    for layer in network.eval().modules():
        if isinstance(layer, nn.BatchNorm2d):
            folded[-1] = fuse_conv_bn_eval(folded[-1], layer)
        elif not list(layer.children()):
            folded.append(layer)
    return [as_plain(layer) for layer in folded]


def as_plain(layer: nn.Module) -> dict[str, Any]:
    if isinstance(layer, nn.Conv2d | nn.Linear):
        return {"kind": "conv" if isinstance(layer, nn.Conv2d) else "linear", **rounded(layer)}
    if type(layer) not in NAMES:
        raise ValueError(f"got a {type(layer).__name__}; expected a network of the plain ladder")
    return {"kind": NAMES[type(layer)]}


def rounded(layer: nn.Conv2d | nn.Linear) -> dict[str, Any]:
    weight = layer.weight.detach().flatten(1)  # (output channels, …)
    scale = weight.abs().amax(dim=1, keepdim=True) / LARGEST
    levels = (weight / scale).round().to(torch.int8)
    assert layer.bias is not None
    return {
        "weights": packed(levels.numpy()),
        "scale": [float(f"{value:.6g}") for value in scale.flatten().tolist()],
        "bias": [float(f"{value:.6g}") for value in layer.bias.tolist()],
    }
