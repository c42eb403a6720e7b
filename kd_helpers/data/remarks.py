"""What is wrong with the splits of a data set, what is strange about them, and how it is said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kd_helpers.data.splits import PARTS, DataError, Dataset


def check(name: str, classes: Sequence[str], labels: np.ndarray, parts: Sequence[str]) -> None:
    """Raise DataError where nothing can be learnt: one class, a class without a training picture,
    an empty split.

    Args:
        labels: (N,), places in `classes`. parts: (N), the split of each picture.
    """
    if len(classes) < 2:
        raise DataError(f"{name}: found {len(classes)} class; expected two or more")
    trained, known = grouped(parts, labels.tolist())["train"], set(labels.tolist())
    if only_later := [classes[k] for k in sorted(known - trained)]:
        raise DataError(
            f"{name}: no picture to train on in {few(only_later)}, only in val or test; found "
            f"training pictures of {few([classes[k] for k in sorted(trained)])}. Call a class by "
            "the same name in all splits, capitals included, or take it out"
        )
    if empty := [part for part in PARTS if part not in parts]:
        raise DataError(
            f"{name}: no picture for {' and '.join(empty)}; a class gives some to each split when "
            "it has three different pictures or more"
        )


def remarks(
    classes: Sequence[str], labels: np.ndarray, parts: Sequence[str], prints: Sequence[bytes]
) -> list[str]:
    """What is allowed and worth knowing: classes that a split lacks, copies of pictures, one
    picture in two splits or classes.

    Args:
        prints: (N), equal for pictures that are equal.
    """
    return [*lacking(classes, labels, parts), *shared(labels, parts, prints)]


def lacking(classes: Sequence[str], labels: np.ndarray, parts: Sequence[str]) -> list[str]:
    """Classes without a picture, anywhere or in a split."""
    there = grouped(parts, labels.tolist())
    used = set().union(*there.values())
    notes = []
    for part in ("val", "test"):
        if missing := [classes[k] for k in sorted(used - there[part])]:
            notes.append(f"no picture in {part}: {few(missing)}; nothing is known of them there")
    if unused := [name for k, name in enumerate(classes) if k not in used]:
        notes.append(f"no picture anywhere: {few(unused)}")
    return notes


def shared(labels: np.ndarray, parts: Sequence[str], prints: Sequence[bytes]) -> list[str]:
    """Pictures that are there more than once, pixel by pixel."""
    homes, kinds = grouped(prints, parts), grouped(prints, labels.tolist())
    counts = {
        pair: sum(set(pair) <= home for home in homes.values())
        for pair in (("train", "val"), ("train", "test"), ("val", "test"))
    }
    notes = [
        f"warning: {count:,} {plural('picture', count)} in {one} and in {other}, pixel by pixel: "
        f"what is measured on {other} is partly learnt by heart"
        for (one, other), count in counts.items()
        if count
    ]
    if mixed := sum(len(kind) > 1 for kind in kinds.values()):
        notes.append(
            f"warning: {mixed:,} {plural('picture', mixed)} in two classes or more, pixel by pixel"
        )
    if copies := len(prints) - len(homes):
        notes.append(f"{copies:,} {plural('file', copies)} with the pixels of another")
    return notes


def plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def grouped(keys: Iterable[Any], values: Iterable[Any]) -> dict[Any, set]:
    """All different values that come with each key; none with any other."""
    groups: dict[Any, set] = defaultdict(set)
    for key, value in zip(keys, values, strict=True):
        groups[key].add(value)
    return groups


def say(dataset: Dataset, notes: Sequence[str]) -> None:
    """Print what a data set is, and what is to be said of it."""
    counts = " + ".join(f"{len(getattr(dataset, part)):,}" for part in PARTS)
    shape = "×".join(map(str, dataset.train.images.shape[1:]))
    head = f"{dataset.name}: {counts} images (train, val, test) of {shape}"
    print("\n".join([f"{head}, {len(dataset.classes):,} classes", *notes]), flush=True)


def few(names: Iterable[str], most: int = 8) -> str:
    """Names in a sentence, of many the first."""
    told = list(map(readable, names))
    return ", ".join(told[:most]) + (f" and {len(told) - most:,} more" if told[most:] else "")


def quoted(names: Iterable[str], most: int = 3) -> str:
    """The same in quotes."""
    return few(map(repr, names), most)


def readable(name: str) -> str:
    """A name that can be printed: bytes that are no UTF-8 become \\udc.. codes."""
    return name.encode("utf-8", "backslashreplace").decode()
