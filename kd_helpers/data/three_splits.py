"""Pictures of many kinds of origin to training, validation and test split: by class, by seed, and
never one picture in two of those that are made here."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import torch

from kd_helpers.data.remarks import check, few, remarks
from kd_helpers.data.splits import PARTS, DataError, Dataset, Split


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
    names, labels = numbered(words, classes)
    parts, notes = plan(name, names, labels, parts, digests(images), seed)
    order = np.array(sorted(range(len(parts)), key=lambda row: PARTS.index(parts[row])))
    reorder(images, order)
    ends = np.cumsum([parts.count(part) for part in PARTS])[:-1]
    pixels, numbers = np.split(images, ends), np.split(labels[order], ends)
    train, val, test = (
        Split(torch.from_numpy(rows), torch.from_numpy(places))
        for rows, places in zip(pixels, numbers, strict=True)
    )
    return Dataset(name, names, train, val, test), notes


def plan(
    name: str,
    classes: Sequence[str],
    labels: np.ndarray,
    parts: Sequence[str],
    prints: Sequence[bytes],
    seed: int,
) -> tuple[list[str], list[str]]:
    """The split of each picture, and what is to be said of it; arguments as in `arrange`."""
    held_out = [part for part in PARTS if part not in parts]
    rows = [row for row, part in enumerate(parts) if part == "train"]
    dealt = deal_out([prints[row] for row in rows], labels[rows].tolist(), held_out, seed)
    planned = list(parts)
    for row, part in zip(rows, dealt, strict=True):
        planned[row] = part
    check(name, classes, labels, planned)
    said = [rule(held_out)] if held_out else []
    return planned, said + remarks(classes, labels, planned, prints)


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


def keep_rows(images: np.ndarray, rows: Sequence[int]) -> np.ndarray:
    """images[rows] in the memory of `images`, which lose their order; each row once."""
    rest = np.setdiff1d(np.arange(len(images)), rows)
    reorder(images, np.concatenate([np.asarray(rows, np.int64), rest]))
    return images[: len(rows)]
