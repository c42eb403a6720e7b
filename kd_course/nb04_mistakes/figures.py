"""Figures of notebook 04. Arrays in, a described figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from kd_helpers.experiments.compare import gain_table
from kd_helpers.widgets.figures import (
    described,
    draw_distributions,
    draw_gains,
    draw_images,
    draw_matrix,
    drawn,
    new_figure,
)

Scores = Mapping[str, Sequence[float]]  # teacher → test accuracy in percent, one a seed


def draw_mistakes(top: Mapping[str, np.ndarray]) -> Figure:
    """Top probabilities of mistaken answers, teacher → (mistakes,)."""
    words = {"title": "Mistaken answers only", "x": "top probability at T = 1"}
    alt = "Top probability of mistaken answers, for three teachers."
    return drawn(draw_distributions, top, size=(7, 2.8), alt=alt, bins=20, **words)


def draw_doubtful(images: np.ndarray, pairs: Sequence[tuple[str, str]]) -> Figure:
    """Eight images (8, C, H, W) uint8, each with its label and the teacher's answer."""
    titles = [f"{label}?\n{answer}?" for label, answer in pairs]
    figure = draw_images(Figure(figsize=(9, 1.8)), images, titles, columns=8)
    return described(figure, f"Eight images, each with label and answer: {pairs}")


def draw_gains_over(baseline: str, scores: Mapping[str, Scores]) -> Figure:
    """Gains over one of the ways, the first: way → teacher → accuracies."""
    gains, words = gain_table(scores, baseline)
    named = {"uncorrected": "the uncorrected teacher"}.get(baseline, baseline)
    title = f"Gain over {named} (a star: the 95 % interval leaves out 0)"
    alt = f"Heat map of gains over {named}: ways by teachers."
    shown = gains, words, list(scores)[1:], list(scores[baseline])
    return drawn(draw_gains, *shown, size=(9, 3.3), alt=alt, title=title)


def draw_gains_where(parts: Mapping[str, Mapping[str, Scores]]) -> Figure:
    """Gains over no correction where the teacher is wrong, and right: part → way → teacher."""
    figure, axes = new_figure(13, 3.4, columns=2)
    for ax, (part, scores) in zip(axes, parts.items(), strict=True):
        gains, words = gain_table(scores, baseline="uncorrected")
        teachers, title = list(scores["uncorrected"]), f"Gain over uncorrected, teacher {part}"
        draw_gains(ax, gains, words, list(scores)[1:], teachers, title=title)
    alt = "Two heat maps: gains where the teacher is wrong, and where it is right."
    return described(figure, alt)


def draw_calibration(errors: np.ndarray, ways: Sequence[str], teachers: Sequence[str]) -> Figure:
    """Calibration errors in points, (ways, teachers)."""
    words = {"fmt": ".1f", "unit": "points", "title": "Calibration error, mean of five seeds"}
    alt = "Heat map of calibration errors: ways by teachers."
    figure = drawn(draw_matrix, errors, ways, teachers, size=(9, 3), alt=alt, **words)
    figure.axes[0].tick_params(axis="x", rotation=15)
    return figure
