"""What a teacher wants done to the student's pictures before it looks at them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kd_helpers.runtime.plain import Plain, check_whole

LUMA = (0.299, 0.587, 0.114)  # of red, green, blue: ITU-R BT.601, as PIL's convert("L") weighs them
INTERPOLATIONS = ("bilinear", "bicubic")


@dataclass(frozen=True)
class Preprocessing(Plain):
    """Channels, then size, then normalisation; what is not given stays as it is.

    The order and the arithmetic are those of torchvision's and timm's own pipelines on tensors
    (antialiased; bicubic values may leave 0..1 a little, where PIL would cut them off).
    """

    size: int | tuple | None = None  # pixels: a square, or (height, width)
    # Before the centre crop to `size`: the shorter side, or (height, width); None: the same as
    # `size`, so that nothing is cropped but what is not square.
    resize: int | tuple | None = None
    mean: tuple = ()  # of each channel, for pictures in 0..1; or one for all
    std: tuple = ()
    channels: int | None = None  # 1 or 3
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_sizes()
        self._check_normalisation()
        check_whole("channels", self.channels, 1)
        if self.interpolation not in INTERPOLATIONS:
            expected = " or ".join(INTERPOLATIONS)
            raise ValueError(f"got interpolation={self.interpolation!r}; expected {expected}")

    def _check_sizes(self) -> None:
        for name, value in (("size", self.size), ("resize", self.resize)):
            sides = pair(value)
            if value is not None and not (
                len(sides) == 2 and all(type(side) is int and side > 0 for side in sides)
            ):
                raise ValueError(f"got {name}={value!r}; expected pixels, or (height, width)")
        if self.resize is None:
            return
        if self.size is None or any(
            whole < part for whole, part in zip(pair(self.resize), pair(self.size), strict=True)
        ):
            told = f"got size={self.size} to be cropped from resize={self.resize}"
            raise ValueError(f"{told}; expected a size that is not larger")

    def _check_normalisation(self) -> None:
        if bool(self.mean) != bool(self.std):
            raise ValueError(f"got mean={self.mean} and std={self.std}; expected both or neither")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values and len(values) not in {1, self.channels}:
                told = f"got {len(values)} values as {name} for channels={self.channels}"
                raise ValueError(f"{told}; expected one for each channel, or one for all")
        if any(not 0 <= value <= 1 for value in self.mean) or any(
            not 0 < value <= 2 for value in self.std
        ):
            raise ValueError(
                f"got mean={self.mean} and std={self.std}; expected those of pictures in 0..1: "
                "divide by 255 what was taken of 0..255"
            )

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) float32 in 0..1 → (B, channels, *size) float32, normalised.

        Raises:
            ValueError: other images, or a number of channels that cannot be made.
        """
        if images.dim() != 4 or not images.is_floating_point():
            told = f"got images of shape {tuple(images.shape)}, {images.dtype}"
            raise ValueError(f"{told}; expected (batch, channels, height, width), float32 in 0..1")
        images = with_channels(images, self.channels)
        if self.size is not None:
            images = self._resized(images)
        if self.mean:
            from torchvision.transforms.functional import normalize  # a second to import

            images = normalize(images, list(self.mean), list(self.std))
        return images

    def _resized(self, images: torch.Tensor) -> torch.Tensor:
        from torchvision.transforms import InterpolationMode
        from torchvision.transforms.functional import center_crop, resize

        target = self.size if self.resize is None else self.resize
        sides = [target] if isinstance(target, int) else list(target or ())
        images = resize(images, sides, InterpolationMode(self.interpolation), antialias=True)
        return center_crop(images, list(pair(self.size)))


def pair(size: int | tuple | None) -> tuple:
    """Height and width of a size that may be one number for both."""
    return size if isinstance(size, tuple) else (size, size)


def with_channels(images: torch.Tensor, channels: int | None) -> torch.Tensor:
    """Grey pictures three times over, or coloured ones as grey ones by their luma."""
    got = images.shape[1]
    if channels in (None, got):
        return images
    if (got, channels) == (1, 3):
        return images.expand(-1, 3, -1, -1)
    if (got, channels) == (3, 1):
        return (images * images.new_tensor(LUMA)[:, None, None]).sum(dim=1, keepdim=True)
    raise ValueError(
        f"got pictures with {got} channels for a teacher of {channels}; expected as many, or 1 and "
        "3: turn the pictures into grey or RGB first"
    )
