"""Figures of notebook 03. Arrays in, a described figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from kd_helpers.experiments.compare import gain_table
from kd_helpers.widgets.figures import (
    described,
    draw_arms,
    draw_distributions,
    draw_gains,
    draw_lines,
    drawn,
    new_figure,
)

Scores = Mapping[str, Sequence[float]]  # arm → test accuracy in percent, one a seed
Grid = Mapping[tuple[str, float], Sequence[float]]  # (arm, setting) → the same
ENDS = {"β = 0": " (KD)", "β = 1": " (KD, roles exchanged)"}  # of the α-β-divergence


def draw_top_three(logits: Mapping[str, np.ndarray]) -> Figure:
    """The three largest logits of every answer, name of the images → (N, K)."""
    figure, axes = new_figure(9, 3, columns=2)
    for ax, (name, of_images) in zip(axes, logits.items(), strict=True):
        ranked = -np.sort(-np.asarray(of_images), axis=1).T  # (K, N)
        groups = dict(zip(("largest", "second", "third"), ranked, strict=False))
        draw_distributions(ax, groups, title=f"Three largest logits, {name} images", x="logit")
    alt = "The largest logit lies far above the second and third, on both sets."
    return described(figure, alt)


def draw_muted(temperatures: Sequence[float], muted: Mapping[str, Sequence[float]]) -> Figure:
    """Mean of 1 − p_t at each temperature, for images of different certainty."""
    lines = {name: (temperatures, factors) for name, factors in muted.items()}
    words = {"title": "What the other classes count in plain KD", "x": "temperature T"}
    alt = "1 − p_t rises with T; for the surest images it is near 0 up to T = 2."
    return drawn(draw_lines, lines, size=(7, 3), alt=alt, y="mean of 1 − p_t", **words)


def draw_treatments(scores: Scores) -> Figure:
    title = "cnn-2, 2,000 labelled images, five seeds an arm; the bar is the mean"
    alt = "Test accuracy of every seed of every arm; the numbers are above."
    return drawn(draw_arms, scores, size=(8, 5.6), alt=alt, title=title)


def draw_gains_by_certainty(scores: Mapping[str, Scores]) -> Figure:
    """Gains over hard labels, the first arm: arm → group of test images → accuracies."""
    gains, words = gain_table(scores, baseline="hard labels")
    arms, groups = list(scores)[1:], list(scores["hard labels"])
    how = {"title": "Gain over hard labels by the teacher's top probability"}
    how["x"] = "teacher's top probability at T = 1"
    alt = "Heat map of gains: arms by the teacher's certainty of the test image."
    return drawn(draw_gains, gains, words, arms, groups, size=(8.5, 4.6), alt=alt, **how)


def mean_lines(grid: Grid) -> dict[str, tuple[list[float], list[float]]]:
    """Arm → its settings and the mean over seeds at each of them."""
    lines: dict[str, tuple[list[float], list[float]]] = {}
    for (name, setting), values in grid.items():
        settings, means = lines.setdefault(name, ([], []))
        settings.append(setting)
        means.append(float(np.mean(values)))
    return lines


def draw_seeking(scores: Mapping[float, Sequence[float]]) -> Figure:
    """β of ABKD, with α = 1 - β → accuracies."""
    arms = {f"β = {beta:g}": values for beta, values in scores.items()}
    arms = {f"{name}{ENDS.get(name, '')}": values for name, values in arms.items()}
    title = "α-β-divergence with α = 1 − β, T = 4, five seeds an arm"
    alt = "Test accuracy of every seed, from KL(teacher ‖ student) to KL(student ‖ teacher)."
    return drawn(draw_arms, arms, size=(8, 3), alt=alt, title=title)


def draw_temperatures(grid: Grid) -> Figure:
    words = {"title": "Mean of five seeds", "x": "temperature T", "y": "test accuracy, %"}
    alt = "Accuracy against T for KD, standardised logits and decoupled KD."
    return drawn(draw_lines, mean_lines(grid), size=(7, 3.2), alt=alt, **words)


def draw_entries(grid: Grid, levels: Scores) -> Figure:
    """Accuracy by the number of entries, and dotted levels, named at the right."""
    words = {"title": "Mean of five seeds; T = 4", "y": "test accuracy, %"}
    words["x"] = "k, entries kept beside the true class, or left out"
    alt = "Accuracy against the number of entries kept or left out."
    figure = drawn(draw_lines, mean_lines(grid), size=(7.5, 3.6), alt=alt, **words)
    for name, values in levels.items():
        level = float(np.mean(values))
        figure.axes[0].axhline(level, color="#222222", linewidth=1, linestyle=":")
        figure.axes[0].text(5.1, level, name, va="center", fontsize=9)
    return figure
