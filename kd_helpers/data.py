"""Data sets as uint8 tensors on one device, with fixed splits. No worker processes, no downloads."""

from __future__ import annotations

import gzip
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

# The four files as published by the authors of Fashion-MNIST: SHA-256 of the gzip file.
FASHION_FILES = {
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
VALIDATION_PER_CLASS = 600


class DataError(RuntimeError):
    """A data file is missing or is not the file that the course was built with."""


@dataclass(frozen=True)
class Split:
    """Images (N, C, H, W) uint8 in 0..255 and labels (N,) int64, both on one device."""

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, index: torch.Tensor) -> Split:
        """The images at `index` (M,), in that order."""
        return Split(self.images[index], self.labels[index])


@dataclass(frozen=True)
class Dataset:
    """Three fixed splits and the class names. `classes[label]` is the name of a label."""

    name: str
    classes: tuple[str, ...]
    train: Split
    val: Split
    test: Split


def data_dir() -> Path:
    """The folder `data/`: $KD_DATA if set, else the one beside the package in the repository."""
    return Path(os.environ.get("KD_DATA") or Path(__file__).resolve().parent.parent / "data")


def load_dataset(
    name: str, device: torch.device | str = "cpu", root: Path | None = None
) -> Dataset:
    """Load a data set by name; every call gives the same splits.

    Args:
        name: "fashion-mnist" (Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747; MIT licence).
        device: where the tensors live for the whole run.
        root: the folder that holds the data set's folder; `data/` of the repository by default.

    Returns:
        54,000 training, 6,000 validation and 10,000 test images, (N, 1, 28, 28) uint8.
        Validation is the last 600 images of each class in the published training file.

    Raises:
        ValueError: the name is unknown. DataError: a file is missing, cut short or altered.
    """
    if name not in LOADERS:
        raise ValueError(f"unknown data set {name!r}; known: {', '.join(LOADERS)}")
    return LOADERS[name](Path(root) if root else data_dir(), torch.device(device))


def load_fashion_mnist(root: Path, device: torch.device) -> Dataset:
    raw = {
        file: read_idx(root / "fashion-mnist" / file, sha) for file, sha in FASHION_FILES.items()
    }
    train, test = (
        Split(
            torch.from_numpy(raw[f"{part}-images-idx3-ubyte.gz"]).unsqueeze(1).to(device),
            torch.from_numpy(raw[f"{part}-labels-idx1-ubyte.gz"]).long().to(device),
        )
        for part in ("train", "t10k")
    )
    held_out = last_of_each_class(train.labels, VALIDATION_PER_CLASS)
    return Dataset(
        "fashion-mnist",
        FASHION_CLASSES,
        train=train.subset(torch.where(~held_out)[0]),
        val=train.subset(torch.where(held_out)[0]),
        test=test,
    )


def last_of_each_class(labels: torch.Tensor, count: int) -> torch.Tensor:
    """Mask (N,) bool of the last `count` images of every class: needs no random numbers at all."""
    mask = torch.zeros_like(labels, dtype=torch.bool)
    for label in labels.unique():
        mask[torch.where(labels == label)[0][-count:]] = True
    return mask


def read_idx(path: Path, sha256: str) -> np.ndarray:
    """Read a gzipped IDX file of bytes, after checking that it is the published file."""
    advice = (
        "Get the published file back with `git checkout -- data/fashion-mnist`, "
        "or set KD_DATA to a folder that has it."
    )
    if not path.is_file():
        raise DataError(f"{path}: expected a file, found none. {advice}")
    packed = path.read_bytes()
    found = hashlib.sha256(packed).hexdigest()
    if found != sha256:
        raise DataError(
            f"{path}: expected SHA-256 {sha256}, found {found} ({len(packed):,} bytes): "
            f"the file is cut short or altered. {advice}"
        )
    content = gzip.decompress(packed)
    dimensions = content[3]  # IDX: two zero bytes, the type (8 = uint8), the number of dimensions
    shape = np.frombuffer(content, ">i4", count=dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape).copy()


LOADERS = {"fashion-mnist": load_fashion_mnist}
