"""A few pictures of each class on one page, with the names of the classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kd_helpers.runtime.files import replacing

GAP = 2  # white pixels round each picture


def write_sheet(pictures: Mapping[str, Sequence[np.ndarray]], path: Path) -> None:
    """Write the page as a PNG file.

    Args:
        pictures: class → its pictures, each (C, size, size) uint8, of one shape; none is allowed.
    """
    from matplotlib.figure import Figure

    page, size = grid(pictures)
    figure = Figure(figsize=(page.shape[1] / 60 + 2, page.shape[0] / 60), layout="constrained")
    axes = figure.subplots()
    axes.imshow(page)
    axes.set_xticks([])
    names = [name if len(name) < 40 else f"{name[:38]}…" for name in pictures]
    axes.set_yticks([(n + 0.5) * size for n in range(len(names))], names, parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=120)


def grid(pictures: Mapping[str, Sequence[np.ndarray]]) -> tuple[np.ndarray, int]:
    """A page (H, W, 3) uint8 with a row for each class, and the height of a row."""
    columns = max(1, *map(len, pictures.values()))
    side = next((picture.shape[1] for row in pictures.values() for picture in row), 1)
    size = side + 2 * GAP
    page = np.full((size * len(pictures), size * columns, 3), 255, np.uint8)
    for n, row in enumerate(pictures.values()):
        for m, picture in enumerate(row):
            top, left = n * size + GAP, m * size + GAP
            page[top : top + side, left : left + side] = picture.transpose(1, 2, 0)
    return page, size
