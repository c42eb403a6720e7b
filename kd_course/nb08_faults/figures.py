"""Figures of notebook 08: one exhibit, and the cost of all of them. Arrays in, a figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kd_course.nb08_faults.tables import Arm
from kd_helpers.experiments.compare import BETTER, WORSE, Verdict
from kd_helpers.widgets.figures import new_figure, tidy
from kd_helpers.widgets.svg import BLUE, GREY, RED

COLOURS = {WORSE: RED, BETTER: BLUE}


def draw_exhibit(wrong: Arm, right: Arm) -> Figure:
    """The first exhibit as the explorer shows it: loss and gradient ratio with and without it."""
    figure, axes = new_figure(12, 3, columns=2)
    figure.set_label(
        "Exhibit 1, the mean over too much: the loss is lower and falls; the ratio is much lower."
    )
    losses, ratios = (right.loss, wrong.loss), (right.ratio, wrong.ratio)
    draw_pair(axes[0], right.steps, *losses, title="loss in training")
    draw_pair(axes[1], right.steps, *ratios, title="soft gradient ÷ hard gradient")
    axes[1].set_yscale("log")
    return figure


def draw_pair(
    ax: Axes, steps: Sequence[int], right: np.ndarray, wrong: np.ndarray, *, title: str = ""
) -> Axes:
    """Two curves over the steps: (entries,) each."""
    ax.plot(steps, right, "-", color=BLUE, label="without the fault")
    ax.plot(steps, wrong, "--", color=RED, label="with the fault")
    ax.grid(axis="y", color="#e4e4e4")
    ax.legend(frameon=False, fontsize=9)
    return tidy(ax, title=title, x="step")


def draw_costs(verdicts: Mapping[str, Verdict]) -> Figure:
    """Mean difference and its 95 % interval, one row a name; beyond 1 point the axis is
    logarithmic."""
    figure, (ax,) = new_figure(9, 5)
    figure.set_label(f"Cost of each fault: { {name: str(v) for name, v in verdicts.items()} }")
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
    title = "Difference that each fault makes, five paired seeds (grey: none that is clear)"
    tidy(ax, title=title, x="points, with 95 % interval; logarithmic beyond 1")
    return figure
