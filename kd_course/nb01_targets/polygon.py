"""The polygon of soft targets: each class a corner, each test image a dot between the corners.

A dot lies at the mean of the corners, weighted by the image's soft target. A label is a corner; at
T = 1 nearly all dots are near one, and as T rises they stream inwards along the edges that lead to
the classes they look like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kd_helpers.data.splits import Split
from kd_helpers.runtime.palette import TEN
from kd_helpers.widgets.alive import SIDE, Alive, packed, thumbnails

SHOWN = 2000  # dots
FINENESS = 40  # steps for the square root of a distance of 1 between logits
ALT = (
    "Ten classes as corners of a polygon, 2,000 test images as dots. At T = 1 the dots crowd in "
    "the corners; at T = 6 they lie between shirts, pullovers and coats, and between the shoes."
)


def build_polygon(split: Split, logits: Mapping[str, np.ndarray], classes: Sequence[str]) -> Alive:
    """The live picture.

    Args:
        split: N images in grey. logits: (N, K) of each network, by its name; the first one decides
            on the order of the corners. The first 2,000 images are shown.
    """
    images, labels = split.images.numpy(), split.labels.numpy()
    some = {name: z[:SHOWN] for name, z in logits.items()}
    order = neighbours(next(iter(some.values())))
    data = {
        "classes": list(classes),
        "colours": TEN[: len(classes)],
        "order": order,
        "labels": labels[:SHOWN].tolist(),
        "networks": {name: packed(coded(z)) for name, z in some.items()},
        "fineness": FINENESS,
        "thumbnails": thumbnails(images[:SHOWN, 0]),
        "side": SIDE,
    }
    still = draw_polygon(next(iter(some.values())), labels[:SHOWN], classes, order)
    return Alive(Path(__file__).with_name("polygon.js"), data, still, ALT)


def coded(logits: np.ndarray) -> np.ndarray:
    """How far each logit lies below the largest, in steps that grow with the distance: uint8.

    Softmax needs no more than these distances, and small ones most exactly.
    """
    below = logits.max(axis=1, keepdims=True) - logits
    return np.minimum(np.round(FINENESS * np.sqrt(below)), 255).astype(np.uint8)


def soft_targets(logits: np.ndarray, temperature: float) -> np.ndarray:
    """(N, K) logits → (N, K) probabilities."""
    powers = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def corners(order: Sequence[int]) -> np.ndarray:
    """(K, 2): where each class lies on the circle, the first of the order at the top."""
    places = np.empty((len(order), 2))
    angles = 2 * np.pi * np.arange(len(order)) / len(order)
    places[list(order)] = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return places


def neighbours(logits: np.ndarray) -> list[int]:
    """The classes in a ring in which those that share soft targets stand side by side.

    The best of all rings: with ten classes there are 362,880.
    """
    soft, count = soft_targets(logits, 4.0), logits.shape[1]
    alike = soft.T @ soft
    rings = np.array(list(permutations(range(1, count))), dtype=np.int8)
    closed = np.pad(rings, ((0, 0), (1, 1)))  # begins and ends at class 0
    total = sum(alike[closed[:, i], closed[:, i + 1]] for i in range(count))
    return [0, *rings[total.argmax()].tolist()]


def draw_polygon(
    logits: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    order: Sequence[int],
    temperatures: Sequence[float] = (1.0, 6.0),
) -> Figure:
    """The polygon at each temperature, side by side."""
    count = len(temperatures)
    figure = Figure(figsize=(4.75 * count, 4.6), layout="constrained", label=ALT)
    hues = np.array(TEN)[labels]
    for axes, temperature in zip(
        np.atleast_1d(figure.subplots(1, count)), temperatures, strict=True
    ):
        draw_dots(axes, soft_targets(logits, temperature), hues, classes, order)
        axes.set_title(f"T = {temperature:.2g}")
    return figure


def draw_dots(
    axes: Axes, soft: np.ndarray, hues: np.ndarray, classes: Sequence[str], order: Sequence[int]
) -> None:
    places = corners(order)
    ring, (x, y) = places[[*order, order[0]]], (soft @ places).T
    axes.plot(ring[:, 0], ring[:, 1], color="#bbbbbb", linewidth=1)
    axes.scatter(x, y, s=4, c=hues, linewidths=0)
    for name, (x, y) in zip(classes, places, strict=True):
        side = "center" if abs(x) < 0.1 else "left" if x > 0 else "right"
        axes.text(1.06 * x, 1.1 * y, name, ha=side, va="center", fontsize=9)
    axes.set(xlim=(-1.7, 1.7), ylim=(-1.2, 1.2), aspect="equal")
    axes.axis("off")
