"""Figures of notebook 08: one exhibit, and the cost of all of them. Arrays in, Axes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from kd_helpers.experiments.compare import BETTER, WORSE, Verdict
from kd_helpers.widgets.figures import tidy
from kd_helpers.widgets.svg import BLUE, GREY, RED

COLOURS = {WORSE: RED, BETTER: BLUE}


def draw_pair(
    ax: Axes,
    steps: Sequence[int],
    values: Mapping[str, np.ndarray],
    *,
    title: str = "",
    y: str = "",
    logarithmic: bool = False,
) -> Axes:
    """Two curves over the steps, the right one first; values: name → (entries,)."""
    for (name, of_arm), colour, style in zip(values.items(), (BLUE, RED), ("-", "--"), strict=True):
        ax.plot(steps, of_arm, style, color=colour, label=name)
    if logarithmic:
        ax.set_yscale("log")
    ax.grid(axis="y", color="#e4e4e4")
    ax.legend(frameon=False, fontsize=9)
    return tidy(ax, title=title, x="step", y=y)


def draw_costs(ax: Axes, verdicts: Mapping[str, Verdict], *, title: str = "", x: str = "") -> Axes:
    """Mean difference and its 95 % interval, one row a name; beyond 1 point the axis is
    logarithmic."""
    for row, verdict in enumerate(verdicts.values()):
        colour = COLOURS.get(verdict.word, GREY)
        ax.plot([verdict.low, verdict.high], [row, row], color=colour, linewidth=2)
        ax.plot([verdict.mean], [row], "o", color=colour)
    ax.set_xscale("symlog", linthresh=1.0)
    ax.axvline(0, color=GREY, linewidth=1)
    ax.set_yticks(range(len(verdicts)), list(verdicts))
    ax.set_xticks([-100, -10, -1, 0, 1], ["-100", "-10", "-1", "0", "+1"])
    ax.set_ylim(len(verdicts) - 0.5, -0.5)
    ax.grid(axis="x", color="#e4e4e4")
    return tidy(ax, title=title, x=x)
