"""Networks in few bits: weights on 3, 15 or 255 levels, activations on 256. Chapter 11.

Training sees the rounded numbers and lets the gradient pass as if nothing were rounded ("straight
through", Bengio et al. 2013, arXiv 1308.3432). The students of Apprentice (Mishra and Marr, ICLR
2018, arXiv 1711.05852). All layers are lowered, also the first and the last.

Each output channel has its own scale and no zero point. So batch normalisation after a layer, which
multiplies a channel by a number, can be folded into the scales without moving any level.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

LARGEST = 255  # of the whole numbers that stand for activations, from 0 on
MOMENTUM = 0.1  # of the range of activations, as that of batch normalisation's statistics
THRESHOLD = 0.7  # of the mean absolute weight: below it a ternary weight is 0


def rounded(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """The nearest of 2^bits - 1 levels, evenly spaced from -max |w| to max |w| of the channel.

    Args:
        weight: (output channels, …). bits: from 2 to 8.

    Returns:
        The same shape; the gradient of `weight` is that of the result.
    """
    largest = 2 ** (bits - 1) - 1
    scale = weight.detach().flatten(1).abs().amax(dim=1).clamp(min=1e-8) / largest
    zero = torch.zeros_like(scale, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -largest, largest)


def ternary(weight: torch.Tensor) -> torch.Tensor:
    """-a, 0 or a: the ternary weight network of Li, Zhang and Liu 2016 (arXiv 1605.04711), with
    their threshold and a for each output channel: a is the mean |w| of what is not 0.

    Args:
        weight: (output channels, …).

    Returns:
        The same shape; the gradient of `weight` is that of the result.
    """
    size = weight.detach().abs().flatten(1)  # (output channels, M)
    large = size > THRESHOLD * size.mean(dim=1, keepdim=True)
    level = (size * large).sum(dim=1, keepdim=True) / large.sum(dim=1, keepdim=True).clamp(min=1)
    told = (level * large).view_as(weight) * weight.detach().sign()
    return told + (weight - weight.detach())  # the level itself: what is added is exactly 0


Rounding = Callable[[torch.Tensor], torch.Tensor]
WEIGHTS: dict[str, Rounding] = {  # ending of a network's name → what it does to weights
    "-int8": partial(rounded, bits=8),
    "-int4": partial(rounded, bits=4),
    "-ternary": ternary,
}


class Activations(nn.Module):
    """Rounds to 256 levels between the smallest and the largest activation, 0 being one of them.

    Both are means over the batches of training. After a ReLU the smallest is 0.
    """

    smallest: torch.Tensor
    largest: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.momentum = MOMENTUM
        self.register_buffer("smallest", torch.zeros(()))
        self.register_buffer("largest", torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            low, high = x.detach().float().aminmax()
            self.smallest.lerp_(low.clamp(max=0), self.momentum)
            self.largest.lerp_(high.clamp(min=0), self.momentum)
        scale = (self.largest - self.smallest).clamp(min=1e-8) / LARGEST
        zero = (-self.smallest / scale).round().int()
        return torch.fake_quantize_per_tensor_affine(x.float(), scale, zero, 0, LARGEST)


class LowConv2d(nn.Conv2d):
    """A convolution of rounded activations with rounded weights."""

    rounding: Rounding
    activations: Activations

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(self.activations(x), self.rounding(self.weight), self.bias)


class LowLinear(nn.Linear):
    """The same for a linear layer."""

    rounding: Rounding
    activations: Activations

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(self.activations(x), self.rounding(self.weight), self.bias)


KINDS: dict[type, type] = {nn.Conv2d: LowConv2d, nn.Linear: LowLinear}


def lowered(network: nn.Module, rounding: Rounding) -> nn.Module:
    """Lower every convolution and linear layer, in place; weights keep their names and values."""
    layer: Any
    for layer in list(network.modules()):
        if type(layer) in KINDS:
            layer.__class__ = KINDS[type(layer)]
            layer.rounding, layer.activations = rounding, Activations()
    return network


def plain_twin(network: nn.Module) -> nn.Module:
    """A copy with ordinary layers whose weights lie on their levels; activations are not rounded.

    For files, whose runtime rounds activations by itself. Any other network is copied as it is.
    """
    twin, plain = copy.deepcopy(network), {low: kind for kind, low in KINDS.items()}
    for layer in list(twin.modules()):
        if isinstance(layer, LowConv2d | LowLinear):
            layer.weight = nn.Parameter(layer.rounding(layer.weight.detach()))
            del layer.activations, layer.rounding
            layer.__class__ = plain[type(layer)]
    return twin


@torch.no_grad()
def calibrate(network: nn.Module, images: torch.Tensor) -> nn.Module:
    """Set the ranges of activations by some images (B, C, H, W) float, in place; weights stay."""
    network.eval()
    ranges = [module for module in network.modules() if isinstance(module, Activations)]
    for module in ranges:
        module.momentum = 1.0
        module.train()
    network(images)
    for module in ranges:
        module.momentum = MOMENTUM
        module.eval()
    return network
