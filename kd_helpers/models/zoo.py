"""The networks by name: plain, residual, wide, VGG; twins with 1×N filters or in few bits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from kd_helpers.models import architectures as nets
from kd_helpers.models import low_precision, own

RESNET_DEPTHS = (8, 14, 20, 26, 32, 44, 56, 110)
WIDE_SIZES = ((16, 2), (22, 2), (28, 2), (34, 2), (40, 1), (40, 2), (40, 4))  # depth and factor
BODIES = {
    **{f"cnn-{d}": partial(nets.plain_cnn, d) for d in nets.NARROW},
    **{f"resnet-{d}": partial(nets.resnet, d) for d in RESNET_DEPTHS},
    **{f"resnet-{d}x4": partial(nets.resnet, d, widths=nets.WIDER_WIDTHS) for d in (8, 32)},
    **{f"wrn-{d}-{f}": partial(nets.wide_resnet, d, factor=f) for d, f in WIDE_SIZES},
    **{f"vgg-{d}": partial(nets.vgg, d) for d in nets.VGG},
}
TWINS: dict[str, Callable[[nn.Module], nn.Module]] = {  # endings of names
    "-1xn": nets.with_row_filters,
    "-both": nets.with_both_filters,
    **{end: partial(low_precision.lowered, rounding=r) for end, r in low_precision.WEIGHTS.items()},
}
MODEL_NAMES = (*BODIES, *(name + end for end in TWINS for name in BODIES))
SMALLEST_IMAGE = 28


def make_model(
    name: str, *, num_classes: int, in_channels: int, image_size: int | tuple[int, int]
) -> nn.Module:
    """An untrained network that maps images (B, C, H, W) in 0..1 to logits (B, K).

    Args:
        name: one of `MODEL_NAMES`, such as "cnn-4", "resnet-20", "resnet-8x4", "wrn-16-2", "vgg-8";
            or one of these with "-1xn", all N×N filters 1×N, or with "-both", half of the N×N
            filters of each layer 1×N, or with "-int8", "-int4" or "-ternary", weights in few bits
            and activations in 8; or "module:function", a network of one's own.
        num_classes: K, at least 2. The plain ladder is wider from 100 classes on.
        in_channels: C, at least 1.
        image_size: height and width in pixels, at least 28.

    Parameter counts for 3×32×32, counted from the layer lists of the public DGKD code
    (10 / 100 classes): cnn-2 13,082 / 215,172; cnn-4 37,338 / 475,652; cnn-6 82,778 / 1,107,204;
    cnn-8 327,962 / 1,246,276; cnn-10 2,487,850 / 2,931,460. With 10 classes: resnet-8 78,042;
    resnet-14 175,258; resnet-20 272,474; resnet-26 369,690; resnet-110 1,730,714. With 100 classes,
    as the networks of CRD (Tian et al., ICLR 2020): resnet-8x4 1,233,540; resnet-32x4 7,433,860;
    wrn-16-2 703,284; wrn-40-1 569,780; wrn-40-2 2,255,156; vgg-8 3,965,028; vgg-11 9,277,284;
    vgg-13 9,462,180.

    Raises:
        ValueError: the name is unknown (the message lists the known ones) or a size is too small.
    """
    given = {"num_classes": num_classes, "in_channels": in_channels, "image_size": image_size}
    if own.is_own(name):
        return own.make(name, **given)
    check_name(name)
    if num_classes < 2 or in_channels < 1:
        told = f"got {num_classes=}, {in_channels=}"
        raise ValueError(f"{told}; expected at least 2 classes and 1 channel")
    if not isinstance(image_size, int):  # height and width, as a list in a record
        raise ValueError(
            f"got images of {image_size[0]}×{image_size[1]} pixels; {name} takes square ones: make "
            "them so, or bring a network of your own"
        )
    if image_size < SMALLEST_IMAGE:
        raise ValueError(
            f"{name} cannot take images of {image_size}×{image_size} pixels: it needs at least "
            f"{SMALLEST_IMAGE}. "
            "Enlarge them first, for example with torch.nn.functional.interpolate"
        )
    end = next((end for end in TWINS if name.endswith(end)), "")
    body: nn.Module = BODIES[name.removesuffix(end)](num_classes, in_channels, image_size)
    if end:
        body = TWINS[end](body)
    network = Classifier(body, in_channels, image_size)
    network.name = name
    return network


def full_precision(name: str) -> str:
    """ "cnn-2-int8" → "cnn-2"; other names as they are."""
    return next(
        (name.removesuffix(end) for end in low_precision.WEIGHTS if name.endswith(end)), name
    )


def check_name(name: str) -> None:
    """Raise ValueError unless `make_model` knows what is meant."""
    if not own.is_own(name) and name not in MODEL_NAMES:
        raise ValueError(
            f"unknown model {name!r}; known: {', '.join(MODEL_NAMES)}, and module:function for a "
            "network of your own"
        )


class Classifier(nn.Module):
    """A network that says so in words when it gets images of the wrong shape.

    Channels last in memory, which is faster. On a processor PyTorch's batch normalisation is less
    exact so: the first gradients of a fresh cnn-2 are off by up to 1.4 %, against 0.001 % in
    contiguous memory. No effect on accuracy was seen; a comparison "up to rounding" with another
    implementation needs `.to(memory_format=torch.contiguous_format)`.
    """

    name = ""  # of the zoo

    def __init__(self, body: nn.Module, in_channels: int, image_size: int) -> None:
        super().__init__()
        self.body = body
        self.image_shape = (in_channels, image_size, image_size)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if not torch.jit.is_scripting():  # what is scripted holds no check
            self.check_shape(images)
        return self.body(images)

    def check_shape(self, images: torch.Tensor) -> None:
        """Raise ValueError for other images; not while PyTorch records what is done to them."""
        if torch.jit.is_tracing() or isinstance(images, torch.fx.Proxy):
            return
        if images.dim() != 4 or tuple(images.shape[1:]) != self.image_shape:
            raise ValueError(
                f"got images of shape {tuple(images.shape)}; this network was made for "
                f"(batch, {', '.join(map(str, self.image_shape))})"
            )


def take_over(network: nn.Module, source: nn.Module, *, last_layer: bool = True) -> None:
    """Copy the weights of `source` into `network` wherever names and shapes agree.

    A specialist starts from its generalist so (Hinton et al. 2015, section 5.3), without the
    `last_layer`, whose outputs mean other classes.

    Raises:
        ValueError: nothing agrees.
    """
    own, weights = network.state_dict(), source.state_dict()
    names = list(own) if last_layer else list(own)[:-2]  # its weight and its bias come last
    fitting = {k: weights[k] for k in names if k in weights and own[k].shape == weights[k].shape}
    if not fitting:
        told = "got two networks without a weight of the same name and shape"
        raise ValueError(f"{told}; expected some")
    network.load_state_dict(fitting, strict=False)
