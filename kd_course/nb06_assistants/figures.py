"""Figures of ladders: who teaches whom, and accuracy along a gap. Arrays in, Axes or a figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kd_course.nb06_assistants.chain_builder import teaching_pairs
from kd_course.nb06_assistants.tables import Rung
from kd_helpers.experiments.compare import mean_interval
from kd_helpers.experiments.labs import gain_table
from kd_helpers.widgets.figures import BLUE, draw_gains, draw_matrix, drawn, new_figure, tidy
from kd_helpers.widgets.svg import BLACK


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


def draw_chain(rungs: Sequence[Rung]) -> Figure:
    """A chain with the mean accuracy of each of its networks."""
    names = [rung.name for rung in rungs]
    words = [f"{np.mean(rung.accuracies):.2f} %" for rung in rungs]
    title = "resnet-20, three assistants and the student, in a chain"
    return drawn(
        draw_ladder,
        names,
        teaching_pairs(len(names), "chain"),
        words,
        size=(12, 1.7),
        alt=f"A chain of five networks: {list(zip(names, words, strict=True))}",
        title=f"{title} (test accuracy, mean of five seeds)",
    )


def draw_ladder(
    ax: Axes,
    names: Sequence[str],
    pairs: Sequence[tuple[int, int]],
    words: Sequence[str],
    *,
    title: str = "",
) -> Axes:
    """Networks from left to right with an arrow for each (teacher, student) pair of places.

    Args:
        words: what stands under each name.
    """
    for i, j in pairs:
        inset, height, bend = (0.3, 0.0, 0) if j - i == 1 else (0.12, 0.3, -0.22)
        style = {"arrowstyle": "-|>", "color": BLACK, "connectionstyle": f"arc3,rad={bend}"}
        ends = {"xytext": (i + inset, height), "xy": (j - inset, height)}
        ax.annotate("", **ends, arrowprops=style)
    frame = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": BLUE}
    for place, (name, said) in enumerate(zip(names, words, strict=True)):
        ax.text(place, 0, f"{name}\n{said}", ha="center", va="center", fontsize=10, bbox=frame)
    ax.set_xlim(-0.5, len(names) - 0.5)
    ax.set_ylim(-0.45, 0.5 + 0.32 * max((j - i for i, j in pairs), default=1))
    ax.axis("off")
    ax.set_title(title, loc="left", fontsize=11)
    return ax


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
