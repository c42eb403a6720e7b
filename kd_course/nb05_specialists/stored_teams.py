"""What teams have right of images that the course does not ship: a bit an image, beside the runs.

A team has no answers of its own in the stored runs, and its members' logits would be a hundred
times as large. `on_cifar.store_all` writes the file.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kd_helpers.experiments.recipe import Recipe
from kd_helpers.runtime.files import write_atomically
from kd_helpers.runtime.folders import data_dir

IMAGES = 10_000  # test images of CIFAR


def stored_file() -> Path:
    return data_dir() / "runs" / "cifar_10" / "teams.npz"


def key_of(members: Sequence[Recipe], way: str) -> str:
    """Names a team by its recipes and by how they are joined."""
    return f"{way}: {', '.join(member.hash for member in members)}"


def stored_right(members: Sequence[Recipe], way: str) -> np.ndarray | None:
    """Which test images the team has right, (N,) bool; None where that is not stored."""
    path = stored_file()
    if not path.is_file():
        return None
    with np.load(path) as stored:
        key = key_of(members, way)
        return np.unpackbits(stored[key], count=IMAGES).astype(bool) if key in stored else None


def store(found: Mapping[str, np.ndarray]) -> None:
    """Write what teams have right, (N,) bool each, by `key_of`."""
    buffer = io.BytesIO()
    bits: dict[str, Any] = {key: np.packbits(right) for key, right in found.items()}
    np.savez_compressed(buffer, **bits)
    write_atomically(stored_file(), buffer.getvalue())
