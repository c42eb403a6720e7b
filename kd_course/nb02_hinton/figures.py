"""Figures of notebook 02. Arrays in, a described figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from kd_course.nb02_hinton.experiments import KD_WEIGHTS, TEMPERATURES
from kd_helpers.widgets.figures import (
    described,
    draw_arms,
    draw_images,
    draw_lines,
    draw_matrix,
    drawn,
)

Scores = Mapping[str, Sequence[float]]  # arm → test accuracy in percent, one a seed


def draw_gradients(
    temperatures: Sequence[float], with_t2: Sequence[float], without: Sequence[float]
) -> Figure:
    """Soft gradient over hard gradient at each temperature, with and without T²."""
    lines = {"with T²": (temperatures, with_t2), "without T²": (temperatures, without)}
    words = {"title": "Soft gradient over hard gradient", "x": "temperature T", "y": "ratio"}
    alt = "With T² the ratio changes by a small factor; without, it falls as 1/T²."
    return drawn(draw_lines, lines, size=(6, 3), alt=alt, log_y=True, **words)


def draw_lab(scores: Scores) -> Figure:
    title = "cnn-2, five seeds an arm; the bar is the mean"
    alt = "Test accuracy of every seed of the six arms; the numbers are printed above."
    return drawn(draw_arms, scores, size=(8, 3.4), alt=alt, title=title)


def draw_panel(scores: Scores) -> Figure:
    """What stands for the training panel where nothing can be trained: two stored arms."""
    arms = ("600 labels", "600 labels + 11,400 without + teacher")
    pair = dict(zip(("600 labels", "with teacher"), (scores[arm] for arm in arms), strict=True))
    title = "The laboratory's runs: 600 steps, test images"
    alt = "The panel trains two students; without a kernel you see what five stored seeds reached."
    return drawn(draw_arms, pair, size=(6, 2.4), alt=alt, title=title)


def draw_gain_map(gains: np.ndarray) -> Figure:
    """Gains in points, row: kd_weight, column: temperature."""
    words = {"title": "Gain over 600 labels, points", "x": "temperature T", "y": "α"}
    how = {"unit": "points", "fmt": "+.2f", "cmap": "PuOr", "centre": 0}
    alt = "Heat map of the mean gain for five temperatures and four weights."
    return drawn(
        draw_matrix, gains, KD_WEIGHTS, TEMPERATURES, size=(6.5, 3), alt=alt, **words, **how
    )


def draw_sources(images: np.ndarray) -> Figure:
    """Three pictures of each transfer set, (9, C, H, W) uint8."""
    titles = ["clothes"] * 3 + ["digits"] * 3 + ["noise"] * 3
    alt = "Three pictures of each transfer set: clothes, handwritten digits, noise."
    return described(draw_images(Figure(figsize=(7, 1.2)), images, titles, 9), alt)


def draw_recalls(recalls: Mapping[str, np.ndarray], classes: Sequence[str]) -> Figure:
    """Recall of each class in percent, network → (K,)."""
    matrix, words = np.array(list(recalls.values())), {"title": "Recall of each class, %"}
    how = {"fmt": ".1f", "unit": "recall, %"}
    alt = "Heat map of recall: shirts are hardest for every network."
    return drawn(
        draw_matrix, matrix, list(recalls), classes, size=(9, 2.6), alt=alt, **words, **how
    )
