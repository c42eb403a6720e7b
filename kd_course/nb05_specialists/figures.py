"""Figures of teams of teachers. Arrays in, a figure out; its label says in words what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kd_helpers.experiments.compare import gain_table
from kd_helpers.widgets.figures import (
    draw_class_map,
    draw_gains,
    draw_matrix,
    draw_points,
    draw_targets,
    drawn,
    new_figure,
)


def draw_answers(
    targets: Mapping[str, torch.Tensor],
    images: torch.Tensor,
    labels: torch.Tensor,
    classes: Sequence[str],
    row: int,
    *,
    alt: str,
) -> Figure:
    """One image and what several targets, (N, K) each, say of it.

    Args:
        images: (N, C, H, W) uint8. labels: (N,).
    """
    told = {title: target[row].numpy() for title, target in targets.items()}
    return draw_targets(told, classes, int(labels[row]), images[row].numpy(), alt=alt)


def draw_member_pairs(differ: torch.Tensor, together: torch.Tensor) -> Figure:
    """Share of images with different answers, and correlation of errors: (M, M) each."""
    figure, axes = new_figure(11, 3, columns=2)
    figure.set_label(
        "Two matrices over five members: share of disagreement, correlation of errors."
    )
    titles = ("test images with different answers", "correlation of errors")
    for ax, title, matrix in zip(axes, titles, (differ, together), strict=True):
        members = range(len(matrix))
        names = {"title": title, "x": "member", "y": "member"}
        draw_matrix(ax, matrix.numpy(), members, members, fmt=".3f", **names)
    return figure


def draw_clusters(
    similarity: np.ndarray, classes: Sequence[str], groups: Sequence[Sequence[int]]
) -> Figure:
    """Which classes are predicted together: (K, K), with the groups that were found."""
    alt = "Correlation of predicted probabilities, ten by ten classes, with a dendrogram."
    figure = Figure(figsize=(6.8, 5.4), label=alt)
    title = "Which classes does the generalist predict together?"
    draw_class_map(figure, similarity, classes, groups, title)
    return figure


def draw_gains_over(scores: Mapping[str, list[float]], baselines: Sequence[str]) -> Figure:
    """Mean gain of every arm over each of the baselines, by seed."""
    table = {"baseline": {base: scores[base] for base in baselines}}
    table |= {arm: dict.fromkeys(baselines, values) for arm, values in scores.items()}
    return drawn(
        draw_gains,
        *gain_table(table, baseline="baseline"),
        list(scores),
        baselines,
        size=(6.8, 5.6),
        alt="Heat map of gains: students of all teachers against three baselines.",
        title="Gain of the student over … (a star: the 95 % interval leaves out 0)",
    )


def draw_own_and_taught(points: Mapping[str, tuple[float, float]]) -> Figure:
    """(own accuracy, its student's) of each teacher, in percent."""
    said = "; ".join(f"{n} {own:.1f} and {taught:.1f}" for n, (own, taught) in points.items())
    return drawn(
        draw_named_points,
        points,
        size=(9, 4),
        alt=f"Own accuracy and the student's, %: {said}.",
        title="Teacher and student",
        x="the teacher's own test accuracy, %",
        y="its student's, %",
        log_x=False,
    )


def draw_sizes(
    parameters: Mapping[str, float], milliseconds: Mapping[str, float], height: Mapping[str, float]
) -> Figure:
    """Accuracy in percent (`height`) against size and against time."""
    figure, axes = new_figure(12, 3.6, columns=2)
    figure.set_label(
        "Accuracy against parameters and against time, for teachers and the best student."
    )
    for ax, draw, unit, cost in (
        (axes[0], draw_points, "parameters", parameters),
        (axes[1], draw_named_points, "ms for 256 images", milliseconds),
    ):
        points = {name: (cost[name], height[name]) for name in height}
        draw(ax, points, x=unit, y="test accuracy, %")
    return figure


def draw_named_points(ax: Axes, points: Mapping[str, tuple[float, float]], **words: object) -> Axes:
    """Points with their names at the right."""
    draw_points(ax, points, **words)
    ax.legend(frameon=False, fontsize=8, bbox_to_anchor=(1, 1), loc="upper left")
    return ax
