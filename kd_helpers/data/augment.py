"""Augmentation that can be counted: a view is an integer, and view 0 is the plain image.

A random crop or flip gives a picture that nobody can name again. Here each augmented picture
is (image, view), so a teacher's answer can be kept and is always the answer to that picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from kd_helpers.data.splits import check_images
from kd_helpers.runtime.plain import Plain, as_code, check_whole

SPREAD = 2_654_435_761  # 2³² divided by the golden ratio: neighbouring rows get distant views


@dataclass(frozen=True)
class ViewSet(Plain):
    """All views of an image: shifts by up to `max_shift` pixels, with or without mirroring.

    With `per_image` each image has so many of them only, chosen by its row and no random number:
    every student then sees the same few views of an image, and a teacher's answers to them are
    soon all known.
    """

    flip: bool = False
    max_shift: int = 0
    per_image: int | None = None  # at least 1; None: every image has every view

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("per_image", self.per_image, 1)
        if self.max_shift < 0:
            raise ValueError(f"got max_shift={self.max_shift}; expected 0 or more pixels")
        if self.per_image is not None and not 1 <= self.per_image <= len(self):
            raise ValueError(
                f"got per_image={self.per_image}; expected 1 to {len(self)}, or None for all views"
            )

    def __len__(self) -> int:
        return (1 + self.flip) * (2 * self.max_shift + 1) ** 2

    @property
    def slots(self) -> int:
        """How many views each image has."""
        return len(self) if self.per_image is None else self.per_image

    def view_of(self, index: torch.Tensor, slot: torch.Tensor) -> torch.Tensor:
        """The view numbers of the `slot`-th views, 0..slots - 1, of the images in rows `index`."""
        if self.per_image is None:
            return slot
        return (self._first(index) + slot * self._stride) % len(self)

    def slot_of(self, index: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
        """The way back: which of its own views a view is; `slots` or more if it is none of them."""
        if self.per_image is None:
            return view
        return (view - self._first(index)) * pow(self._stride, -1, len(self)) % len(self)

    def _first(self, index: torch.Tensor) -> torch.Tensor:
        return index * SPREAD % 2**32 // 2**8 % len(self)

    @property
    def _stride(self) -> int:
        # Without a common divisor the steps meet every view once before the first one comes again.
        start = max(1, round(0.382 * len(self)))
        return next(s for s in range(start, len(self) + 2) if math.gcd(s, len(self)) == 1)

    def check(self, views: torch.Tensor) -> None:
        """Raise ValueError unless view numbers (…) are among those of this set."""
        outside = (views < 0) | (views >= len(self))
        if bool(outside.any()):
            raise ValueError(
                f"got the view {int(views[outside][0])} of an image; expected 0 to "
                f"{len(self) - 1}, the views of {as_code(self)}"
            )

    def decode(self, views: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """View numbers (B,) to mirrored (B,) bool, rows down (B,) and columns right (B,)."""
        mirrored = (views % 2 == 1) if self.flip else torch.zeros_like(views, dtype=torch.bool)
        shift = views // 2 if self.flip else views
        side = 2 * self.max_shift + 1
        # Shifts count from the middle of the grid on, so that number 0 is "no shift".
        shift = (shift + side * side // 2) % (side * side)
        return mirrored, shift // side - self.max_shift, shift % side - self.max_shift


PLAIN = ViewSet()


def make_views(images: torch.Tensor, views: torch.Tensor, view_set: ViewSet) -> torch.Tensor:
    """The pictures (image, view), black where a shift uncovers the border.

    Args:
        images: (B, C, H, W) uint8.
        views: (B,) int64, each in 0..len(view_set) - 1.

    Returns:
        (B, C, H, W) uint8, channels last in memory (what convolutions on CPU and GPU like best).

    Raises:
        ValueError: the images are no pictures, or (looked at on the CPU) there is no such view.
    """
    check_images(images)
    if views.device.type == "cpu":  # on a GPU this question would stall every step
        view_set.check(views)
    if len(view_set) == 1:
        return images.contiguous(memory_format=torch.channels_last)
    height, width = images.shape[-2:]
    mirrored, down, right = view_set.decode(views)
    rows = torch.arange(height, device=images.device) - down[:, None]  # (B, H) source rows
    columns = torch.arange(width, device=images.device) - right[:, None]  # (B, W)
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[
        :, None
    ]
    columns = torch.where(mirrored[:, None], width - 1 - columns, columns)
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    picked = images.permute(0, 2, 3, 1)[
        batch, rows[:, :, None], columns[:, None, :]
    ]  # (B, H, W, C)
    return (picked * inside[..., None]).permute(0, 3, 1, 2)


def to_float(images: torch.Tensor) -> torch.Tensor:
    """uint8 pictures to float32 in 0..1, what every network of the course takes.

    No mean and standard deviation: batch normalisation after the first convolution learns them,
    and a picture from another data set needs no choice of whose statistics to use.

    Raises:
        ValueError: the images are not uint8; those of 0..1 must not be divided by 255 once more.
    """
    if not isinstance(images, torch.Tensor) or images.dtype != torch.uint8:
        check_images(images)
    return images.float().div_(255)
