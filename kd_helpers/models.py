"""The networks: the plain ladder cnn-2 … cnn-10 and the CIFAR-style resnet-8 … resnet-110."""

from __future__ import annotations

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
RESNET_DEPTHS = (8, 14, 20, 26, 32, 44, 56, 110)
MODEL_NAMES = tuple(f"cnn-{d}" for d in NARROW) + tuple(f"resnet-{d}" for d in RESNET_DEPTHS)
SMALLEST_IMAGE = 28


def make_model(name: str, *, num_classes: int, in_channels: int, image_size: int) -> nn.Module:
    """An untrained network that maps images (B, C, H, W) in 0..1 to logits (B, K).

    Args:
        name: one of `MODEL_NAMES`: "cnn-2", "cnn-4", "cnn-6", "cnn-8", "cnn-10", or "resnet-" with
            8, 14, 20, 26, 32, 44, 56 or 110.
        num_classes: K, at least 2. The plain ladder is wider from 100 classes on.
        in_channels: C, at least 1.
        image_size: height and width in pixels, at least 28.

    Parameter counts for 3×32×32, counted from the layer lists of the public DGKD code
    (10 / 100 classes): cnn-2 13,082 / 215,172; cnn-4 37,338 / 475,652; cnn-6 82,778 / 1,107,204;
    cnn-8 327,962 / 1,246,276; cnn-10 2,487,850 / 2,931,460. With 10 classes: resnet-8 78,042;
    resnet-14 175,258; resnet-20 272,474; resnet-26 369,690; resnet-110 1,730,714.

    Raises:
        ValueError: the name is unknown (the message lists the known ones) or a size is too small.
    """
    if name not in MODEL_NAMES:
        raise ValueError(f"unknown model {name!r}; known: {', '.join(MODEL_NAMES)}")
    if num_classes < 2 or in_channels < 1:
        raise ValueError(
            f"got num_classes={num_classes}, in_channels={in_channels}; "
            "expected at least 2 classes and 1 channel"
        )
    if image_size < SMALLEST_IMAGE:
        raise ValueError(
            f"{name} cannot take images of {image_size}×{image_size} pixels: it needs at least "
            f"{SMALLEST_IMAGE}. Enlarge them first, for example with torch.nn.functional.interpolate"
        )
    family, depth = name.split("-")
    body = plain_cnn if family == "cnn" else resnet
    return Classifier(
        body(int(depth), num_classes, in_channels, image_size), in_channels, image_size
    )


class Classifier(nn.Module):
    """A network that says so in words when it gets images of the wrong shape."""

    def __init__(self, body: nn.Module, in_channels: int, image_size: int) -> None:
        super().__init__()
        self.body = body
        self.image_shape = (in_channels, image_size, image_size)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if images.dim() != 4 or tuple(images.shape[1:]) != self.image_shape:
            raise ValueError(
                f"got images of shape {tuple(images.shape)}; this network was made for "
                f"(batch, {', '.join(map(str, self.image_shape))})"
            )
        return self.body(images)


def plain_cnn(depth: int, num_classes: int, in_channels: int, image_size: int) -> nn.Sequential:
    """The plain ladder; `depth` counts the convolutions."""
    layers: list[nn.Module] = []
    channels, size, features = in_channels, image_size, 0
    for token in (NARROW if num_classes < 100 else WIDE)[depth].split():
        if token == "P":
            layers.append(nn.MaxPool2d(2))
            size //= 2
        elif token.startswith("F"):
            features = int(token[1:])
            layers += [nn.Flatten(), nn.Linear(channels * size * size, features), nn.ReLU()]
        else:
            layers += [
                nn.Conv2d(channels, int(token), 3, padding=1),
                nn.BatchNorm2d(int(token)),
                nn.ReLU(),
            ]
            channels = int(token)
    if not features:
        layers.append(nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(features or channels * size * size, num_classes))


def resnet(depth: int, num_classes: int, in_channels: int, image_size: int) -> nn.Sequential:
    """The CIFAR residual network of He et al. 2016 (section 4.2) with projection shortcuts.

    Three stages of (depth - 2) / 6 blocks with 16, 32 and 64 filters; works for any image size.
    """
    blocks_per_stage = (depth - 2) // 6
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
    ]
    channels = 16
    for stage, width in enumerate((16, 32, 64)):
        for block in range(blocks_per_stage):
            stride = 2 if stage > 0 and block == 0 else 1
            layers.append(ResidualBlock(channels, width, stride))
            channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, num_classes))


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions added to a shortcut, which is a 1×1 convolution where shapes differ."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(inner)) + self.shortcut(x))
