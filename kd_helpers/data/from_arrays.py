"""Images that are in memory as a data set: NumPy or PyTorch arrays, or a torchvision data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from kd_helpers.data.pictures import FITTED, Shape, check_room, left_out, progress, to_pixels
from kd_helpers.data.remarks import say
from kd_helpers.data.splits import PARTS, DataError, Dataset
from kd_helpers.data.three_splits import arrange, keep_rows

Pair = tuple[Any, Any]  # images and labels


def from_arrays(
    images: Any,
    labels: Any,
    classes: Sequence[str] | None = None,
    *,
    name: str,
    val: Pair | None = None,
    test: Pair | None = None,
    seed: int = 0,
) -> Dataset:
    """A data set from arrays. What is not given of `val` and `test` is held out of the images, by
    the rule of `image_folder`; what is strange is printed. Nothing is resized.

    Args:
        images: (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3: whole numbers 0..255, or
            floats that are such numbers divided by 255, as torchvision's ToTensor makes them.
        labels: (N,) whole numbers or names.
        classes: the names; a number is then a place in them. Without, each different label is a
            class, in sorted order.
        name: what the data set is called in tables.
        val, test: (images, labels) of these splits.

    Raises:
        DataError: shapes, numbers or labels are not as above; the sentence says what to do.
    """
    pairs = {"train": (images, labels), "val": val, "test": test}
    given = {part: pair for part, pair in pairs.items() if pair is not None}
    arrays = {part: as_images(images, part) for part, (images, _) in given.items()}
    words = {part: as_labels(labels, part) for part, (_, labels) in given.items()}
    for part in given:
        if len(arrays[part]) != len(words[part]):
            raise DataError(
                f"{part}: got {len(arrays[part]):,} images and {len(words[part]):,} labels; "
                "expected as many labels as images"
            )
    if len({array.shape[1:] for array in arrays.values()}) > 1:
        shapes = ", ".join(f"{part} {array.shape[1:]}" for part, array in arrays.items())
        raise DataError(f"{name}: images of different shapes (C, H, W): {shapes}; expected one")
    parts = [part for part in given for _ in range(len(words[part]))]
    whole, labels = (np.concatenate(list(each.values())) for each in (arrays, words))
    dataset, notes = arrange(name, whole, labels, parts, seed, classes)
    say(dataset, notes)
    return dataset


def as_images(images: Any, part: str) -> np.ndarray:
    """(N, C, H, W) uint8.

    Raises:
        DataError: it cannot be that without a guess.
    """
    array = to_numpy(images)
    if array.ndim == 3:
        array = array[:, None]
    if array.ndim != 4 or not array.size:
        raise DataError(
            f"{part}: got images of shape {array.shape}; expected (N, H, W), (N, H, W, C) or "
            "(N, C, H, W): reshape them first"
        )
    first, last = (array.shape[axis] in (1, 3) for axis in (1, 3))
    if first == last:
        raise DataError(
            f"{part}: got images of shape {array.shape}, of which neither or both of the second "
            "and the last number are 1 or 3; expected (N, C, H, W) or (N, H, W, C) with C = 1 or 3"
        )
    array = array if first else array.transpose(0, 3, 1, 2)
    return as_bytes(array, part)


def as_bytes(array: np.ndarray, part: str) -> np.ndarray:
    """The same numbers as uint8, where nothing is lost by that."""
    if array.dtype == np.uint8:
        return array
    low, high = float(array.min()), float(array.max())
    if array.dtype.kind in "iu" and low >= 0 and high <= 255:
        return array.astype(np.uint8)
    if array.dtype.kind == "f" and low >= 0 and high <= 1:
        whole = np.round(array * 255)
        if np.abs(array * 255 - whole).max() < 0.01:
            return whole.astype(np.uint8)
    raise DataError(
        f"{part}: got {array.dtype} images from {low:g} to {high:g}; expected bytes, 0 to 255. "
        "From 0 to 1: (images * 255).round() as uint8; normalised images: undo the mean and the "
        "standard deviation first"
    )


def to_numpy(values: Any) -> np.ndarray:
    return values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)


def as_labels(labels: Any, part: str) -> np.ndarray:
    """(N,) integers or words.

    Raises:
        DataError: they are fractions, vectors, or missing.
    """
    array = to_numpy(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype == object and all(isinstance(word, str) for word in array.flat):
        array = array.astype(str)
    if array.ndim != 1 or array.dtype.kind not in "iubU":
        raise DataError(
            f"{part}: got labels of shape {array.shape} and type {array.dtype}; expected (N,) "
            "whole numbers or names, none of them missing; of one-hot vectors or probabilities "
            "take labels.argmax(1)"
        )
    return array


def from_torchvision(
    train: Any,
    test: Any | None = None,
    *,
    size: int,
    channels: int = 3,
    fit: str = "crop",
    val: Any | None = None,
    name: str | None = None,
    seed: int = 0,
    skip_problems: bool = False,
) -> Dataset:
    """A data set from objects such as torchvision's: `object[i]` is (image, label).

    Args:
        train, val, test: the objects; an image is a PIL image, or a tensor (C, H, W) as in
            `from_arrays`. Where an object has `classes`, a label is a number in them, and classes
            are matched by these names. Give the objects no random transform.
        size, channels, fit, seed, skip_problems: as in `image_folder`.
        name: of the data set; that of the object's class by default.

    Raises:
        DataError: items that cannot be used, in one list, and all that `from_arrays` refuses.
    """
    shape = Shape(size, channels, fit)
    name = name or type(train).__name__
    given = {p: d for p, d in zip(PARTS, (train, val, test), strict=True) if d is not None}
    rows = [(part, row) for part, items in given.items() for row in range(len(items))]
    check_room(len(rows), shape)
    check_steady(given)
    images, labels, problems = read_items(given, rows, shape)
    told = {f"{rows[n][0]}[{rows[n][1]}]": why for n, why in problems.items()}
    missing = left_out(name, len(rows), told, skip_problems)
    usable = [n for n in range(len(rows)) if n not in problems]
    words = as_labels([labels[n] for n in usable], name)
    parts = [rows[n][0] for n in usable]
    known = class_names(train)
    dataset, notes = arrange(name, keep_rows(images, usable), words, parts, seed, known)
    say(dataset, [FITTED[fit], *notes, *missing])
    return dataset


def read_items(
    given: Mapping[str, Any], rows: Sequence[tuple[str, int]], shape: Shape
) -> tuple[np.ndarray, list[Any], dict[int, str]]:
    """Images (N, C, size, size), labels (N), and for some of them why they cannot be used."""
    images = np.empty((len(rows), shape.channels, shape.size, shape.size), np.uint8)
    labels: list[Any] = [None] * len(rows)
    problems: dict[int, str] = {}
    with progress("reading", len(rows)) as bar:
        for n, (part, row) in enumerate(rows):
            try:
                image, label = given[part][row]
                images[n] = to_pixels(as_picture(image), shape)
                labels[n] = named(label, class_names(given[part]))
            except Exception as problem:  # the object is anybody's
                problems[n] = f"{type(problem).__name__}: {problem}"
            bar.update()
    return images, labels, problems


def check_steady(given: dict[str, Any]) -> None:
    """Raise DataError where a data set object gives another image at each reading."""
    for part, items in given.items():
        if not all(steady(items, row) for row in range(min(12, len(items)))):
            raise DataError(
                f"{part}: two readings of an image differ; expected the same image each time: give "
                "it no random transform. The training augments by itself"
            )


def steady(items: Any, row: int) -> bool:
    try:
        first, again = (np.asarray(items[row][0]) for _ in range(2))
    except Exception:  # told of when all images are read
        return True
    return np.array_equal(first, again)


def class_names(items: Any) -> list[str] | None:
    """The names that the labels of a data set object stand for; a subset has those of the whole."""
    return getattr(items, "classes", None) or getattr(
        getattr(items, "dataset", None), "classes", None
    )


def named(label: Any, classes: Sequence[str] | None) -> Any:
    """A label as the name of its class, where that is known."""
    value = to_numpy(label).item()
    return value if classes is None or isinstance(value, str) else str(classes[value])


def as_picture(image: Any) -> Image.Image:
    """A PIL image of one, or of a tensor (C, H, W) or (H, W)."""
    if isinstance(image, Image.Image):
        return image
    array = as_images(to_numpy(image)[None], "the image")[0]
    return Image.fromarray(array[0] if len(array) == 1 else array.transpose(1, 2, 0))
