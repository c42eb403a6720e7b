"""A folder of pictures as a data set like all others: uint8 tensors, fixed splits, class names."""

from __future__ import annotations

import os

import numpy as np

from kd_helpers.data.folder_layout import Folder, scan
from kd_helpers.data.pictures import Shape, read_pictures
from kd_helpers.data.splits import DataError, Dataset
from kd_helpers.data.three_splits import PARTS, arrange, readable, reorder


def image_folder(
    path: str | os.PathLike,
    *,
    size: int,
    channels: int = 3,
    fit: str = "crop",
    seed: int = 0,
    skip_problems: bool = False,
) -> Dataset:
    """The pictures of a folder: train/CLASS/*, val/CLASS/* and test/CLASS/*, or CLASS/* alone.

    Classes are matched by name. What is missing of val/ and test/ is held out of the training
    pictures: of each class a fifth of its different pictures for each, drawn by the seed and the
    pixels, copies of a picture together. What was done, and what is strange, is printed.

    Args:
        path: the folder. val/ may be called valid/ or validation/.
        size: of the square images, in pixels.
        channels: 3 for RGB, 1 for grey.
        fit: "crop" cuts the middle square out, "pad" keeps all and puts black beside it.
        seed: of the split, where the folder is not split itself.
        skip_problems: leave out the files that cannot be used, and say so, instead of refusing.

    Returns:
        Splits of uint8 images (N, channels, size, size), 0..255, in the order of their paths.

    Raises:
        DataError: the folder has not the layout; files cannot be used (all are named in one
            list); or a class has no picture for training.
        ValueError: a setting is out of its range.
    """
    shape = Shape(size, channels, fit)
    folder = scan(path)
    images, unread = read_pictures([folder.root / file.path for file in folder.files], shape)
    problems = folder.problems | {folder.files[row].path: why for row, why in unread.items()}
    if problems and not skip_problems:
        raise DataError(
            f"{told(folder, problems)}\nMend or delete them, or pass skip_problems=True to leave "
            "them out."
        )
    rows = np.array([row for row in range(len(images)) if row not in unread], np.int64)
    dataset, notes = build(folder, images, rows, seed)
    left_out = [f"left out: {told(folder, problems)}"] * bool(problems)
    print("\n".join([summary(dataset, shape), *folder.notes, *notes, *left_out]), flush=True)
    return dataset


def build(
    folder: Folder, images: np.ndarray, rows: np.ndarray, seed: int
) -> tuple[Dataset, list[str]]:
    """The data set of the pictures in `rows` (M,), and what is to be said of it."""
    reorder(images, np.concatenate([rows, np.setdiff1d(np.arange(len(images)), rows)]))
    files = [folder.files[row] for row in rows]
    classes = sorted({file.class_name for file in files})
    numbers = {name: number for number, name in enumerate(classes)}
    labels = np.array([numbers[file.class_name] for file in files], np.int64)
    parts = [file.part for file in files]
    return arrange(folder.root.name, classes, images[: len(rows)], labels, parts, seed)


def summary(dataset: Dataset, shape: Shape) -> str:
    """What the data set is, in a line."""
    counts = " + ".join(f"{len(getattr(dataset, part)):,}" for part in PARTS)
    return (
        f"{dataset.name}: {counts} images (train, val, test) of "
        f"{shape.channels}×{shape.size}×{shape.size}, fit by {shape.fit}; "
        f"{len(dataset.classes):,} classes"
    )


def told(folder: Folder, problems: dict[str, str], most: int = 20) -> str:
    """The files that cannot be used, each with its reason; of many the first."""
    lines = [f"  {readable(path)}: {why}" for path, why in sorted(problems.items())]
    more = [f"  and {len(lines) - most:,} more"] if len(lines) > most else []
    total = len(folder.files) + len(problems.keys() - {file.path for file in folder.files})
    head = f"{folder.root}: {len(lines):,} of {total:,} files cannot be used:"
    return "\n".join([head, *lines[:most], *more])
