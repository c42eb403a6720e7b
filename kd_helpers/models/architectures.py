"""The networks' layers: the plain ladder, residual networks, wide ones, VGG, and 1×N filters."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

# Layer lists of the plain ladder, as in the public code of DGKD and TAKD (Mirzadeh et al., AAAI
# 2020; Son et al., ICCV 2021): a number is a 3×3 convolution with that many filters, batch norm and
# ReLU, "P" halves the image, "F64" is a linear layer with 64 outputs and ReLU.
NARROW = {  # their CIFAR-10 networks: used below 100 classes
    2: "16 P 16 P",
    4: "16 16 P 32 32 P",
    6: "16 16 P 32 32 P 64 64 P",
    8: "16 16 P 32 32 P 64 64 P 128 128 P F64",
    10: "32 32 P 64 64 P 128 128 P 256 256 256 256 P F128",
}
WIDE = {  # their CIFAR-100 networks: used from 100 classes on
    2: "32 P 32 P",
    4: "32 32 P 64 64 P",
    6: "32 32 P 64 64 P 128 128",
    8: "32 32 P 64 64 P 128 128 P 256 256 P F64",
    10: "32 32 P 64 64 P 128 128 P 256 256 256 256 P F512",
}
# VGG with batch norm as in the public code of CRD (Tian et al., ICLR 2020), which has the last pool
# for 64×64 images only.
VGG = {
    8: "64 P 128 P 256 P 512 P 512",
    11: "64 P 128 P 256 256 P 512 512 P 512 512",
    13: "64 64 P 128 128 P 256 256 P 512 512 P 512 512",
}
RESNET_WIDTHS = (16, 16, 32, 64)  # of the first convolution and the three stages
WIDER_WIDTHS = (32, 64, 128, 256)  # those of the "x4" networks of CRD


def plain_cnn(depth: int, num_classes: int, in_channels: int, image_size: int) -> nn.Sequential:
    """The plain ladder; `depth` counts the convolutions."""
    layers, channels, size, features = stack(
        (NARROW if num_classes < 100 else WIDE)[depth], in_channels, image_size
    )
    if not features:
        layers.append(nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(features or channels * size * size, num_classes))


def vgg(depth: int, num_classes: int, in_channels: int, image_size: int) -> nn.Sequential:
    """VGG with batch norm, one linear layer after the mean over what is left of the image.

    Pools three times below 64×64 pixels and four times from there on: 4×4 pixels are left of 32×32
    and of 64×64.
    """
    first, _, last = VGG[depth].rpartition(" P ")
    tokens = f"{first} P {last}" if image_size >= 64 else f"{first} {last}"
    layers, channels, _, _ = stack(tokens, in_channels, image_size)
    return nn.Sequential(*layers, *mean_and_linear(channels, num_classes))


def stack(tokens: str, in_channels: int, image_size: int) -> tuple[list[nn.Module], int, int, int]:
    """The layers of a list; channels and size of the image after them, width of an "F" layer."""
    layers: list[nn.Module] = []
    channels, size, features = in_channels, image_size, 0
    for token in tokens.split():
        if token == "P":
            # Before the ReLU: the same numbers and gradients, and the ReLU has a quarter to do.
            layers.insert(len(layers) - 1, nn.MaxPool2d(2))
            size //= 2
        elif token.startswith("F"):
            features = int(token[1:])
            linear = nn.Linear(channels * size * size, features)
            layers += [nn.Flatten(), linear, nn.ReLU(inplace=True)]
        else:
            layers += filters(channels, int(token), bias=True)
            channels = int(token)
    return layers, channels, size, features


def filters(channels: int, width: int, bias: bool = False) -> list[nn.Module]:
    """3×3 convolution, batch norm and ReLU."""
    return [conv3(channels, width, bias=bias), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]


def conv3(channels: int, width: int, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(channels, width, 3, stride, padding=1, bias=bias)


def mean_and_linear(channels: int, num_classes: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes)]


def resnet(
    depth: int, num_classes: int, in_channels: int, image_size: int, widths=RESNET_WIDTHS
) -> nn.Sequential:
    """The CIFAR residual network of He et al. 2016 (section 4.2) with projection shortcuts.

    Three stages of (depth - 2) / 6 blocks; `widths` are the filters of the first convolution and of
    the stages. Works for any image size.
    """
    first, *stages = widths
    layers = filters(in_channels, first)
    layers += blocks(ResidualBlock, (depth - 2) // 6, first, stages)
    return nn.Sequential(*layers, *mean_and_linear(stages[-1], num_classes))


def wide_resnet(
    depth: int, num_classes: int, in_channels: int, image_size: int, factor: int
) -> nn.Sequential:
    """The wide residual network of Zagoruyko and Komodakis 2016 without dropout.

    Three stages of (depth - 4) / 6 blocks with 16, 32 and 64 times `factor` filters.
    """
    stages = [16 * factor, 32 * factor, 64 * factor]
    layers = [conv3(in_channels, 16), *blocks(WideBlock, (depth - 4) // 6, 16, stages)]
    layers += [nn.BatchNorm2d(stages[-1]), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, *mean_and_linear(stages[-1], num_classes))


def blocks(
    block: Callable[[int, int, int], nn.Module], per_stage: int, channels: int, stages: list[int]
) -> list[nn.Module]:
    """Three stages of blocks; the second and third stage halve the image in their first block."""
    layers = []
    for stage, width in enumerate(stages):
        for number in range(per_stage):
            stride = 2 if stage > 0 and number == 0 else 1
            layers.append(block(channels, width, stride))
            channels = width
    return layers


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions added to a shortcut, which is a 1×1 convolution where shapes differ."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv3(channels, width, stride)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = conv3(width, width)
        self.norm2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # In place where no gradient needs the old values: a third of a step is memory traffic.
        inner = F.relu(self.norm1(self.conv1(x)), inplace=True)
        return F.relu(self.norm2(self.conv2(inner)).add_(self.shortcut(x)), inplace=True)


class WideBlock(nn.Module):
    """Batch norm and ReLU before each of two 3×3 convolutions (pre-activation)."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = conv3(channels, width, stride)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv2 = conv3(width, width)
        self.shortcut = None
        if channels != width:
            self.shortcut = nn.Conv2d(channels, width, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ready = F.relu(self.norm1(x), inplace=True)
        inner = self.conv2(F.relu(self.norm2(self.conv1(ready)), inplace=True))
        return inner.add_(x if self.shortcut is None else self.shortcut(ready))


def with_row_filters(body: nn.Module) -> nn.Module:
    """Replace every N×N filter by a 1×N one: it sees its own row only (Son, thesis of 2021).

    Strides stay, so images shrink in both directions as before; 1×1 filters stay as they are.
    """
    return replace_filters(body, row_filters)


def with_both_filters(body: nn.Module) -> nn.Module:
    """Replace the N×N filters of every layer by `BothFilters`: half of them N×N, half 1×N."""
    return replace_filters(body, BothFilters)


def replace_filters(body: nn.Module, make: Callable[[nn.Conv2d], nn.Module]) -> nn.Module:
    """Replace every convolution larger than 1×1 by what `make` makes of it."""
    for module in list(body.modules()):
        for name, conv in module.named_children():
            if isinstance(conv, nn.Conv2d) and conv.kernel_size[0] > 1:
                setattr(module, name, make(conv))
    return body


def row_filters(conv: nn.Conv2d, count: int | None = None) -> nn.Conv2d:
    """`count` 1×N filters in place of an N×N convolution's, by default as many."""
    size, padding = conv.kernel_size[1], int(conv.padding[1])
    return like(conv, count or conv.out_channels, kernel_size=(1, size), padding=(0, padding))


def like(conv: nn.Conv2d, count: int, **changed: tuple[int, int]) -> nn.Conv2d:
    """Another convolution of the same input, with `count` filters."""
    names = ("kernel_size", "stride", "padding")
    same = {name: getattr(conv, name) for name in names} | changed
    return nn.Conv2d(conv.in_channels, count, bias=conv.bias is not None, **same)


class BothFilters(nn.Module):
    """Two parallel branches, N×N and 1×N, whose outputs lie side by side for the next layer.

    A network between one of N×N filters and its 1×N twin. How the assistant of Son's thesis is
    built could not be read; this is the smallest design with both branches in every layer. (Their
    sum would be N×N filters again.)
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        rows = conv.out_channels // 2
        self.square = like(conv, conv.out_channels - rows)
        self.row = row_filters(conv, rows)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.square(x), self.row(x)], dim=1)
