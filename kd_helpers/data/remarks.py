"""What is wrong with the splits of a data set, what is strange about them, and how it is said."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence

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
    there = Counter(zip(parts, labels.tolist(), strict=True))
    trained = [word for k, word in enumerate(classes) if there["train", k]]
    only_later = [word for k, word in enumerate(classes) if word not in trained and has(there, k)]
    if only_later:
        raise DataError(
            f"{name}: no picture to train on in {few(only_later)}, only in val or test; found "
            f"training pictures of {few(trained)}. Call a class by the same name in all splits, "
            "capitals included, or take it out"
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
    there = Counter(zip(parts, labels.tolist(), strict=True))
    used = [k for k in range(len(classes)) if has(there, k)]
    missing = {part: [classes[k] for k in used if not there[part, k]] for part in ("val", "test")}
    unused = [word for k, word in enumerate(classes) if k not in used]
    notes = [
        f"no picture in {part}: {few(words)}; nothing is known of them there"
        for part, words in missing.items()
        if words
    ]
    return [f"no picture anywhere: {few(unused)}"] * bool(unused) + notes


def has(there: Counter, label: int) -> bool:
    return any(there[part, label] for part in PARTS)


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


def grouped(keys: Iterable[bytes], values: Iterable[Hashable]) -> dict[bytes, set]:
    """All different values that come with each key."""
    groups: dict[bytes, set] = defaultdict(set)
    for key, value in zip(keys, values, strict=True):
        groups[key].add(value)
    return groups


def say(dataset: Dataset, notes: Sequence[str]) -> None:
    """Print what a data set is, and what is to be said of it."""
    counts = " + ".join(f"{len(getattr(dataset, part)):,}" for part in PARTS)
    shape = "×".join(map(str, dataset.train.images.shape[1:]))
    head = f"{dataset.name}: {counts} images (train, val, test) of {shape}"
    print("\n".join([f"{head}, {len(dataset.classes):,} classes", *notes]), flush=True)


def few(names: Sequence[str], most: int = 8) -> str:
    """Names in a sentence, of many the first."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(readable, names[:most])) + more


def readable(name: str) -> str:
    """A name that can be printed: bytes that are no UTF-8 become \\udc.. codes."""
    return name.encode("utf-8", "backslashreplace").decode()
