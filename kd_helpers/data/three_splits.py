"""Pictures of many kinds of origin to training, validation and test split: by class, by seed, and
never one picture in two of those that are made here."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import torch

from kd_helpers.data.splits import DataError, Dataset, Split

PARTS = ("train", "val", "test")


def arrange(
    name: str,
    images: np.ndarray,
    words: np.ndarray,
    parts: Sequence[str],
    seed: int,
    classes: Sequence[str] | None = None,
) -> tuple[Dataset, list[str]]:
    """The data set, and what is to be said of it.

    Args:
        images: (N, C, H, W) uint8; put into another order in place, so that the three splits share
            their memory.
        words: (N,) the class of each: a name, or a number.
        parts: the split of each picture where it has one, "train", "val" or "test". Of the
            training pictures those splits are held out that have none.
        classes: the names, in which a number is a place; without, all words that are there, sorted.

    Raises:
        DataError: fewer than two classes, a class without a training picture, an empty split, a
            class that is not among the names.
    """
    classes, labels = numbered(words, classes)
    if len(classes) < 2:
        raise DataError(f"{name}: found {len(classes)} class; expected two or more")
    held_out = [part for part in PARTS if part not in parts]
    prints = digests(images)
    rows = [row for row, part in enumerate(parts) if part == "train"]
    dealt = deal_out([prints[row] for row in rows], labels[rows], held_out, seed)
    parts = list(parts)
    for row, part in zip(rows, dealt, strict=True):
        parts[row] = part
    check(name, classes, labels, parts)
    notes = [rule(held_out)] * bool(held_out) + remarks(classes, labels, parts, prints)
    order = np.array(sorted(range(len(parts)), key=lambda row: PARTS.index(parts[row])))
    reorder(images, order)
    ends = np.cumsum([parts.count(part) for part in PARTS])[:-1]
    rows = zip(np.split(images, ends), np.split(labels[order], ends), strict=True)
    train, val, test = (Split(*map(torch.from_numpy, pair)) for pair in rows)
    return Dataset(name, classes, train, val, test), notes


def numbered(
    words: np.ndarray, classes: Sequence[str] | None
) -> tuple[tuple[str, ...], np.ndarray]:
    """The names of the classes, and the place of each word among them (N,) int64."""
    different, places = np.unique(words, return_inverse=True)
    if classes is None:
        return tuple(map(str, different.tolist())), places.astype(np.int64)
    names = tuple(map(str, classes))
    if len(set(names)) < len(names):
        raise DataError(f"got the classes {few(names)}, one of them twice; expected each once")
    keys = names if words.dtype.kind == "U" else range(len(names))
    known = {key: place for place, key in enumerate(keys)}
    if unknown := [str(word) for word in different.tolist() if word not in known]:
        raise DataError(
            f"got the labels {few(unknown)} and the {len(names)} classes {few(names)}; expected "
            f"their names, or numbers from 0 to {len(names) - 1}"
        )
    return names, np.array([known[word] for word in different.tolist()], np.int64)[places]


def digests(images: np.ndarray) -> list[bytes]:
    """A number of 16 bytes for the pixels of each image: equal for copies, whatever their names."""
    return [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in images]


def deal_out(
    prints: Sequence[bytes], labels: Iterable[int], held_out: Sequence[str], seed: int
) -> list[str]:
    """The split of each picture: "train", or one of `held_out`, each of which gets a fifth.

    A class's pictures are dealt out in the order of SHA-256(seed, pixels). So the split depends on
    no file's name, and a new picture moves few others.
    """
    members: dict[int, set[bytes]] = defaultdict(set)
    for label, print_ in zip(labels, prints, strict=True):
        members[label].add(print_)
    place: dict[bytes, str] = {}
    # Small classes first: a picture that two of them have is dealt out once, for both.
    for label in sorted(members, key=lambda label: (len(members[label]), label)):
        own = sorted(members[label] - place.keys(), key=lambda print_: rank(print_, seed))
        place |= zip(own, shares(len(own), held_out), strict=True)
    return [place[print_] for print_ in prints]


def shares(count: int, held_out: Sequence[str]) -> list[str]:
    """What `count` different pictures of a class are for: a fifth, rounded down, for each of
    `held_out`, but at least one. Too few for that: the first for training, then for test."""
    if count <= len(held_out):
        return ["train", *held_out[::-1]][:count]
    share = max(1, count // 5)
    given = [part for part in held_out for _ in range(share)]
    return given + ["train"] * (count - len(given))


def rank(print_: bytes, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} ".encode() + print_).digest()


def rule(held_out: Sequence[str]) -> str:
    """The rule in a sentence."""
    return (
        f"{' and '.join(held_out)}: of each class a fifth of the different pictures in train (at "
        "least one), drawn by seed and pixels; copies of a picture stay together"
    )


def check(name: str, classes: Sequence[str], labels: np.ndarray, parts: Sequence[str]) -> None:
    """Raise DataError where a class cannot be learnt, or a split would be empty."""
    trained = {label for label, part in zip(labels, parts, strict=True) if part == "train"}
    if unknown := [classes[label] for label in sorted(set(labels.tolist()) - trained)]:
        raise DataError(
            f"{name}: no picture to train on in {few(unknown)}, only in val or test; found training "
            f"pictures of {few([classes[k] for k in sorted(trained)])}. Call a class by the same "
            "name in all splits, or take it out"
        )
    if empty := [part for part in PARTS if part not in parts]:
        raise DataError(
            f"{name}: no picture for {' and '.join(empty)}; a class gives some to each split when "
            "it has three different pictures or more"
        )


def remarks(
    classes: Sequence[str], labels: np.ndarray, parts: Sequence[str], prints: Sequence[bytes]
) -> list[str]:
    """What is allowed and worth knowing: classes that a split lacks, copies, one picture in two
    splits or classes."""
    there = Counter(zip(labels.tolist(), parts, strict=True))
    notes = []
    nowhere = {k for k in range(len(classes)) if not any(there[k, part] for part in PARTS)}
    if nowhere:
        notes.append(f"no picture anywhere: {few([classes[k] for k in sorted(nowhere)])}")
    for part in ("val", "test"):
        lacking = [k for k in range(len(classes)) if k not in nowhere and not there[k, part]]
        if lacking := [classes[k] for k in lacking]:
            notes.append(f"no picture in {part}: {few(lacking)}; nothing is known of them there")
    homes: dict[bytes, set[str]] = defaultdict(set)
    kinds: dict[bytes, set[int]] = defaultdict(set)
    for print_, part, label in zip(prints, parts, labels.tolist(), strict=True):
        homes[print_].add(part)
        kinds[print_].add(label)
    for part in ("val", "test"):
        if shared := sum({"train", part} <= home for home in homes.values()):
            notes.append(
                f"warning: {shared:,} pictures of {part} are in train too, pixel by pixel: what is "
                f"measured on {part} is partly learnt by heart"
            )
    if shared := sum({"val", "test"} <= home for home in homes.values()):
        notes.append(f"warning: {shared:,} pictures are in val and in test, pixel by pixel")
    if mixed := sum(len(kind) > 1 for kind in kinds.values()):
        notes.append(f"warning: {mixed:,} pictures are in two classes or more, pixel by pixel")
    if copies := len(prints) - len(homes):
        notes.append(f"{copies:,} pictures are copies of others")
    return notes


def reorder(images: np.ndarray, order: np.ndarray) -> None:
    """images[:] = images[order] with the memory of one image more; `order` has each row once."""
    done = np.zeros(len(order), bool)
    for start in range(len(order)):
        if done[start]:
            continue
        first, row = images[start].copy(), start
        while (source := order[row]) != start:
            images[row], done[row] = images[source], True
            row = source
        images[row], done[row] = first, True


def say(dataset: Dataset, notes: Sequence[str]) -> None:
    """Print what a data set is, and what is to be said of it."""
    counts = " + ".join(f"{len(getattr(dataset, part)):,}" for part in PARTS)
    shape = "×".join(map(str, dataset.train.images.shape[1:]))
    head = f"{dataset.name}: {counts} images (train, val, test) of {shape}"
    print("\n".join([f"{head}, {len(dataset.classes):,} classes", *notes]), flush=True)


def keep_rows(images: np.ndarray, rows: Sequence[int]) -> np.ndarray:
    """images[rows] in the memory of `images`, which lose their order; each row once."""
    rest = np.setdiff1d(np.arange(len(images)), rows)
    reorder(images, np.concatenate([np.asarray(rows, np.int64), rest]))
    return images[: len(rows)]


def few(names: Sequence[str], most: int = 8) -> str:
    """Names in a sentence, of many the first."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(readable, names[:most])) + more


def readable(name: str) -> str:
    """A name that can be printed: bytes that are no UTF-8 become \\udc.. codes."""
    return name.encode("utf-8", "backslashreplace").decode()
