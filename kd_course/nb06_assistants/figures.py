"""Figures of ladders: accuracy along a gap, gains, errors in common. Arrays in, a figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kd_helpers.experiments.compare import gain_table, mean_interval
from kd_helpers.widgets.figures import BLUE, draw_gains, draw_matrix, drawn, new_figure, tidy


def draw_gap(own: Mapping[str, list[float]], taught: Mapping[str, list[float]]) -> Figure:
    """Teachers and their students: test accuracy in percent, one a seed, by name of the teacher."""
    figure, axes = new_figure(12, 3.6, columns=2)
    figure.set_label(
        "The six teachers are better and better; the best student is that of the second, cnn-4."
    )
    named = {"the teacher itself": own, "its student": taught}
    for ax, (title, scores) in zip(axes, named.items(), strict=True):
        words = {"x": "teacher", "y": "test accuracy, %"}
        draw_intervals(ax, scores, title=f"{title} (bars: 95 % interval of the mean)", **words)
    return figure


def draw_intervals(
    ax: Axes, scores: Mapping[str, Sequence[float]], *, title: str = "", x: str = "", y: str = ""
) -> Axes:
    """The mean of each list of scores with its 95 % interval, over the names."""
    means = np.array([np.mean(values) for values in scores.values()])
    ends = np.array([mean_interval(values) for values in scores.values()]).T  # (2, names)
    ax.errorbar(range(len(means)), means, yerr=abs(ends - means), fmt="o", capsize=3, color=BLUE)
    ax.set_xticks(range(len(means)), list(scores), rotation=20, ha="right")
    ax.grid(axis="y", color="#e4e4e4")
    return tidy(ax, title=title, x=x, y=y)


def draw_gains_over_direct(scores: Mapping[str, Mapping[str, list[float]]]) -> Figure:
    """Gains over the row "direct": assistants → way → test accuracy in percent, one a seed."""
    gains, words = gain_table(scores, baseline="direct")
    return drawn(
        draw_gains,
        gains,
        words,
        [name for name in scores if name != "direct"],
        list(scores["direct"]),
        size=(7, 3.6),
        alt=f"Gains of students over the direct one, by assistants and way: {words}",
        title="Gain of cnn-2 over ResNet-20 alone (*: 95 % interval leaves out 0)",
    )


def draw_overlaps(overlap: Mapping[str, np.ndarray], names: Sequence[str]) -> Figure:
    """Share of errors in common for all pairs of rungs, (R, R) for each way."""
    figure, axes = new_figure(12, 3.4, columns=2)
    figure.set_label(
        "Overlap of errors between all pairs of five rungs, for a chain and a dense ladder."
    )
    for ax, (way, matrix) in zip(axes, overlap.items(), strict=True):
        shown = np.where(np.tri(len(matrix), k=-1), matrix, np.nan)[1:, :-1]
        how = {"fmt": ".3f", "unit": "share of errors in common", "limits": (0.3, 0.75)}
        draw_matrix(ax, shown, names[1:], names[:-1], title=way, **how)
    return figure
