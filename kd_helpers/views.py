"""Augmentation that can be counted: a view is an integer, and view 0 is the plain image.

A random crop or flip gives a picture that nobody can name again. Here each augmented picture
is (image, view), so a teacher's answer can be kept and is always the answer to that picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class ViewSet:
    """All views of an image: shifts by up to `max_shift` pixels, with or without mirroring."""

    flip: bool = False
    max_shift: int = 0

    def __post_init__(self) -> None:
        if self.max_shift < 0:
            raise ValueError(f"got max_shift={self.max_shift}; expected 0 or more pixels")

    def __len__(self) -> int:
        return (1 + self.flip) * (2 * self.max_shift + 1) ** 2

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
    """
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
    """
    return images.float().div_(255)
