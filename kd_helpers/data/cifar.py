"""CIFAR-10 and CIFAR-100, the same tensors from every copy that has the published pixels.

A copy is the published archive, the folder that torchvision unpacks from it, or an .npz file of
arrays. Copies differ in the order of their files, so the images are put in the order of their
classes; within a class they keep that of the archive.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from kd_helpers.data.splits import DataError, Split

Parts = tuple[list[str], Split, Split]  # class names, published training part, test split
ARRAYS = ("classes", "train_images", "train_labels", "test_images", "test_labels")
REENCODED = "cifar-10-reencoded"
HOW = (
    "expected uint8 images (N, 32, 32, 3) and whole labels (N,) as train_images, train_labels, "
    "test_images and test_labels, and the names of the classes as classes"
)


@dataclass(frozen=True)
class Pixels:
    """SHA-256 of class names and images, class by class; and of the images in whatever order."""

    classes: str  # of their JSON
    train: str  # of the bytes of the images (N, 32, 32, 3)
    test: str
    train_unordered: str  # of the sorted SHA-256 of the single images
    test_unordered: str


PIXELS = {
    "cifar-100": Pixels(
        classes="407f97f9f231f1a980f2c9a1126dd31617d34115d3458d0b5b5955a578140369",
        train="a678f5ab6ac125c4dfba98c64d1562b510eff50354e165b75e65d808f7be34c5",
        test="8532fd42ce092c665328a7201998ab7e8768dad37afff89be94e13106523a495",
        train_unordered="1fdbd1ec6829d0aa3ca199090f26ed4882e2f95e8778e5ace443d46a74d03522",
        test_unordered="a6b105ef68bb88cdefbc5f146dd91428d5025f26ecbaeffc807834d2476a30a0",
    ),
    REENCODED: Pixels(
        classes="fcdc2e1a755ed3463be7e0a84987dac8d36a8636d40302c9b309ab53f8679071",
        train="ce26e867c2db0b262b99ecaa6fcf762ac50c54e53681fb79bf9133e0672e9cf7",
        test="5ea660756ad2c7b374df635d170d31d08fa9c5c2dc94c2b4e11ccf814604b2ac",
        train_unordered="42f84996c483816ff9dad26183310ace6fc3c24b44a3d6330579c9a2ea8ba9f0",
        test_unordered="61098ba1c60aa8100a2c2f30cd638292f8c5653a63f4798a7d8cb3149be5481e",
    ),
}


def from_archive(name: str, archive: Path) -> Parts:
    """From the published archive, whose SHA-256 was checked."""
    from torchvision.datasets.utils import extract_archive

    with TemporaryDirectory() as folder:
        extract_archive(str(archive), folder)
        return from_unpacked(name, Path(folder))


def from_unpacked(name: str, parent: Path) -> Parts:
    """From the folder in `parent` that torchvision unpacks. It consists of pickles, which
    torchvision opens only where their MD5 are those of the published ones."""
    from torchvision.datasets import CIFAR10, CIFAR100

    reader = {"cifar-10": CIFAR10, "cifar-100": CIFAR100}[name]
    try:
        train, test = (reader(parent, train=part) for part in (True, False))
    except RuntimeError as problem:
        raise DataError(
            f"{parent / reader.base_folder}: expected the files of the published archive, found "
            f"missing or other ones, and used none ({problem}). Unpack {reader.filename} again"
        ) from problem
    parts = by_class(train.data, train.targets), by_class(test.data, test.targets)
    return checked(name, parent / reader.base_folder, train.classes, *parts)


def from_npz(name: str, path: Path) -> Parts:
    """From arrays: `classes`, and `images` (N, 32, 32, 3) uint8 and `labels` of train and test."""
    if name not in PIXELS:
        raise DataError(
            f"{path}: expected {name} as its authors published it, for which pixels are not known "
            f'here. load_dataset("{REENCODED}") reads a certain copy; for the published images '
            "move this file away and put the archive there, or have it downloaded"
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            classes, train, labels, test, test_labels = (file[key] for key in ARRAYS)
        parts = by_class(train, labels), by_class(test, test_labels)
    except Exception as problem:  # NumPy lets nearly any error out of a damaged file
        raise DataError(f"{path}: {HOW}; found {type(problem).__name__}: {problem}") from problem
    return checked(name, path, [str(word) for word in classes], *parts)


def by_class(images: np.ndarray, targets: Iterable[int]) -> Split:
    """Images (N, H, W, C) as (N, C, H, W), in a stable order of their classes."""
    labels, order = torch.as_tensor(targets).sort(stable=True)
    return Split(torch.from_numpy(images)[order].permute(0, 3, 1, 2).contiguous(), labels)


def checked(name: str, path: Path, classes: list[str], train: Split, test: Split) -> Parts:
    """The same parts, if they are known to be the data set of this name.

    The pixels of the published CIFAR-10 are not among PIXELS: it is known by its files alone.
    """
    if known := PIXELS.get(name):
        if sha256(json.dumps(classes).encode()) != known.classes:
            raise DataError(f"{path}: expected the {len(classes)} class names of {name}, in order")
        for part, split in (("train", train), ("test", test)):
            check_pixels(f"{path}, {part}", split, known, part)
    return classes, train, test


def check_pixels(what: str, split: Split, known: Pixels, part: str) -> None:
    """Raise DataError unless these are the images, in this order, equally many of a class."""
    images = split.images.permute(0, 2, 3, 1).contiguous().numpy()
    expected, found = getattr(known, part), sha256(images)
    counts = split.labels.bincount()
    if found == expected and counts.min() == counts.max():
        return
    one_by_one = sha256(b"".join(sorted(map(digest, images))))
    same = one_by_one == getattr(known, f"{part}_unordered")
    why = (
        "the right images, but other labels, or within a class in another order than in the "
        "published files, and what is kept for validation depends on it"
        if same
        else "other pixels: cut short, re-encoded (as JPEG files are) or altered"
    )
    raise DataError(
        f"{what}: expected images with SHA-256 {expected[:16]}…, found {found[:16]}… "
        f"({len(images):,} images): {why}. It was not used"
    )


def digest(image: Any) -> bytes:
    return hashlib.sha256(image).digest()


def sha256(content: Any) -> str:
    return hashlib.sha256(content).hexdigest()
