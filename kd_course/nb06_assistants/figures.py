"""Figures of ladders: who teaches whom, and accuracy along a gap. Arrays in, Axes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from kd_helpers.widgets.figures import CYCLE, tidy
from kd_helpers.widgets.svg import BLACK, BLUE


def draw_ladder(
    ax: Axes,
    names: Sequence[str],
    pairs: Sequence[tuple[int, int]],
    words: Sequence[str],
    *,
    title: str = "",
    dashed: Sequence[tuple[int, int]] = (),
) -> Axes:
    """Networks from left to right with an arrow for each (teacher, student) pair of places.

    Args:
        words: what stands under each name. dashed: pairs that teach now and then only.
    """
    for i, j in pairs:
        rungs = j - i
        ax.annotate(
            "",
            xy=(j - (0.3 if rungs == 1 else 0.12), 0.0 if rungs == 1 else 0.3),
            xytext=(i + (0.3 if rungs == 1 else 0.12), 0.0 if rungs == 1 else 0.3),
            arrowprops={
                "arrowstyle": "-|>",
                "color": BLACK,
                "linestyle": "--" if (i, j) in dashed else "-",
                "connectionstyle": f"arc3,rad={0 if rungs == 1 else -0.22}",
            },
        )
    for place, (name, said) in enumerate(zip(names, words, strict=True)):
        ax.text(
            place,
            0,
            f"{name}\n{said}",
            ha="center",
            va="center",
            fontsize=10,
            bbox={"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": BLUE},
        )
    ax.set_xlim(-0.5, len(names) - 0.5)
    ax.set_ylim(-0.45, 0.5 + 0.32 * max((j - i for i, j in pairs), default=1))
    ax.axis("off")
    ax.set_title(title, loc="left", fontsize=11)
    return ax


def draw_intervals(
    ax: Axes,
    names: Sequence[str],
    scores: Mapping[str, Sequence[tuple[float, float, float]]],
    *,
    title: str = "",
    x: str = "",
    y: str = "",
) -> Axes:
    """Lines over the same names, each point with its interval.

    Args:
        scores: name of the line → (mean, low, high), one for each of the names.
    """
    for i, (line, points) in enumerate(scores.items()):
        mean, low, high = np.array(points).T
        at = np.arange(len(names)) + 0.06 * (i - (len(scores) - 1) / 2)
        ax.errorbar(
            at,
            mean,
            yerr=[mean - low, high - mean],
            fmt="osD^v"[i % 5],
            capsize=3,
            color=CYCLE[(i + 1) % len(CYCLE)],
            label=line,
        )
    ax.set_xticks(range(len(names)), names)
    ax.grid(axis="y", color="#e4e4e4")
    if len(scores) > 1:  # the name of a single line stands in the title
        ax.legend(frameon=False, fontsize=9)
    return tidy(ax, title=title, x=x, y=y)
