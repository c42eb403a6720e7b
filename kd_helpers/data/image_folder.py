"""A folder of pictures as a data set like all others: uint8 tensors, fixed splits, class names."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np

from kd_helpers.data import own
from kd_helpers.data.folder_layout import Folder, scan
from kd_helpers.data.pictures import FITTED, Shape, check_room, left_out, read_pictures
from kd_helpers.data.remarks import few, say
from kd_helpers.data.splits import DataError, Dataset
from kd_helpers.data.three_splits import arrange, keep_rows
from kd_helpers.runtime.files import set_aside, write_atomically
from kd_helpers.runtime.folders import out_dir

VERSION = 1  # of how files become pixels; another one lets every folder be decoded again


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
    record = record_path(folder, shape, seed)
    loaded = recall(record) or read(folder, shape, seed, record, skip_problems)
    missing = left_out_of(folder, loaded.unread, skip_problems)
    dataset = replace(loaded.dataset, name=folder.root.name)
    say(dataset, [FITTED[fit], *folder.notes, *loaded.notes, *missing])
    return dataset


@dataclass(frozen=True)
class Loaded:
    """A data set that is kept, what is to be said of it, and the files that are not in it."""

    dataset: Dataset
    notes: list[str]
    unread: dict[str, str]  # path → why it could not be read


def read(folder: Folder, shape: Shape, seed: int, record: Path, skip_problems: bool) -> Loaded:
    """Decode the files, keep the data set by its content, and write down which folder gave it."""
    check_room(len(folder.files), shape)
    images, failed = read_pictures([folder.root / file.path for file in folder.files], shape)
    unread = {folder.files[row].path: why for row, why in failed.items()}
    left_out_of(folder, unread, skip_problems)
    rows = [row for row in range(len(images)) if row not in failed]
    words = np.array([folder.files[row].class_name for row in rows])
    parts = [folder.files[row].part for row in rows]
    dataset, notes = arrange(folder.root.name, keep_rows(images, rows), words, parts, seed)
    if gone := sorted({file.class_name for file in folder.files} - set(dataset.classes)):
        notes.append(f"no class, since none of its files could be used: {few(gone)}")
    loaded = Loaded(own.keep(dataset), notes, unread)
    about = {"key": loaded.dataset.key, "notes": notes, "unread": unread}
    write_atomically(record, json.dumps(about).encode())
    return loaded


def recall(record: Path) -> Loaded | None:
    """What a folder in this very state gave before, if that is still there and whole."""
    try:
        about = json.loads(record.read_text())
        kept = own.path_of(about["key"].removeprefix(own.OWN))
        if kept.is_file():
            return Loaded(own.load(about["key"]), about["notes"], about["unread"])
    except DataError as problem:
        set_aside(kept, problem)
    except (OSError, ValueError, KeyError):  # no such record, or a damaged one
        pass
    return None


def record_path(folder: Folder, shape: Shape, seed: int) -> Path:
    """Where it is written down: by names below the folder, sizes, times of change and settings."""
    state = json.dumps([VERSION, astuple(shape), seed, folder.files]).encode()
    return out_dir() / "data" / "folders" / f"{hashlib.sha256(state).hexdigest()[:24]}.json"


def left_out_of(folder: Folder, unread: dict[str, str], skip_problems: bool) -> list[str]:
    """`pictures.left_out` of a folder: of all files, links and the like included."""
    total = len(folder.files) + len(folder.problems)
    return left_out(folder.root, total, folder.problems | unread, skip_problems)
