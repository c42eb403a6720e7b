"""What a data set is here: three fixed splits of uint8 tensors on one device."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from kd_helpers.runtime.files import bytes_of

PARTS = ("train", "val", "test")
UNLABELLED = -100  # the label of an image whose label the student may not see


class DataError(RuntimeError):
    """A data file is missing or is not the file that the course was built with."""


def check_images(images: torch.Tensor) -> None:
    """Raise ValueError unless these are pictures, (N, C, H, W) uint8."""
    if not isinstance(images, torch.Tensor):
        kind = f"of type {type(images).__name__}"
    elif images.dtype != torch.uint8 or images.dim() != 4:
        kind = f"{tuple(images.shape)} {str(images.dtype).removeprefix('torch.')}"
    else:
        return
    raise ValueError(
        f"got images {kind}; expected a tensor (N, C, H, W) uint8 in 0..255, as "
        "(images * 255).round().to(torch.uint8) makes of pictures in 0..1"
    )


@dataclass(frozen=True)
class Split:
    """Images (N, C, H, W) uint8 in 0..255 and labels (N,) int64, both on one device.

    Raises:
        ValueError: images or labels are something else, or not as many of one as of the other.
    """

    images: torch.Tensor
    labels: torch.Tensor

    def __post_init__(self) -> None:
        check_images(self.images)
        if not isinstance(self.labels, torch.Tensor):
            raise ValueError(
                f"got labels of type {type(self.labels).__name__}; expected a tensor (N,) int64, "
                "as torch.as_tensor(labels) makes"
            )
        if self.labels.dim() == 0 or len(self.images) != len(self.labels):
            raise ValueError(
                f"got {len(self.images)} images and labels {tuple(self.labels.shape)}; expected a "
                "label for each image"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: torch.Tensor, prepare: Callable) -> torch.Tensor:
        """What a network gets of these rows; prepare: augments pictures and makes them float."""
        return prepare(self.images[rows])

    def subset(self, index: torch.Tensor) -> Split:
        """The images at `index` (M,), in that order."""
        return Split(self.images[index], self.labels[index])

    def to(self, device: torch.device | str) -> Split:
        """The same images and labels on `device`."""
        return Split(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Dataset:
    """Three fixed splits and the class names. `classes[label]` is the name of a label.

    `key` names it in a recipe: the name of a published data set, or what `own.keep` gave it.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    val: Split
    test: Split
    key: str = ""

    @functools.cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with a class name, a label or a pixel."""
        digest = hashlib.sha256(json.dumps(self.classes).encode())
        for split in (self.train, self.val, self.test):
            digest.update(json.dumps(split.images.shape).encode())
            for tensor in (split.labels, split.images):
                digest.update(bytes_of(tensor))
        return digest.hexdigest()[:12]

    def to(self, device: torch.device | str) -> Dataset:
        """The same splits on `device`.

        Raises:
            DataError: it has not the memory.
        """
        try:
            return self.each(lambda split: split.to(device))
        except torch.OutOfMemoryError as problem:
            images = [getattr(self, part).images for part in PARTS]
            needed, (_, *shape) = sum(i.nbytes for i in images), images[0].shape
            raise DataError(
                f"{device} has no room for {self.name}: {sum(map(len, images)):,} images of "
                f"{'×'.join(map(str, shape))} bytes, {needed / 1e9:.2f} GB in all, and "
                f"{free_memory(device)}. Make the images smaller (half the size takes a quarter), "
                "take fewer, end other programs on the GPU, or train on the processor with "
                "CUDA_VISIBLE_DEVICES= (nothing after the sign)"
            ) from problem

    def each(self, change: Callable[[Split], Split], **others: Any) -> Dataset:
        """The same with every split changed, and with other names or key."""
        others |= {part: change(getattr(self, part)) for part in PARTS}
        return replace(self, **others)


def free_memory(device: torch.device | str) -> str:
    """What a device has left, in words."""
    if torch.device(device).type != "cuda":
        return "less is free"
    free, whole = torch.cuda.mem_get_info(device)
    return f"{free / 1e9:.2f} of {whole / 1e9:.2f} GB are free"


def last_of_each_class(labels: torch.Tensor) -> torch.Tensor:
    """Mask (N,) bool of the last tenth of every class, rounded down to whole images: the rule
    needs no random numbers at all."""
    mask = torch.zeros_like(labels, dtype=torch.bool)
    for label in labels.unique():
        rows = torch.where(labels == label)[0]
        mask[rows[len(rows) - len(rows) // 10 :]] = True
    return mask


def hold_out(part: Split, mask: torch.Tensor) -> tuple[Split, Split]:
    """The images outside and those inside `mask` (N,) bool, each in their order."""
    return part.subset(torch.where(~mask)[0]), part.subset(torch.where(mask)[0])
