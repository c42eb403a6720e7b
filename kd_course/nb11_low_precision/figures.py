"""Figures of notebook 11. Arrays in, a described figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from kd_course.nb11_low_precision.experiments import WIDTHS
from kd_course.nb11_low_precision.files import FLOAT
from kd_helpers.experiments.compare import Scores, percent
from kd_helpers.experiments.intervals import mean_interval
from kd_helpers.runtime.palette import PALE
from kd_helpers.widgets.figures import CYCLE, described, new_figure, tidy


def lines_of(
    whole: Mapping[str, Scores],
    low: Mapping[tuple[str, str], Scores],
    after: Mapping[tuple[str, str], Scores],
) -> dict[str, dict[str, Scores]]:
    """Name of a line → width → scores; the arguments as for the explorer's `points_of`."""
    lines: dict[str, dict[str, Scores]] = {arm: {FLOAT: whole[arm]} for arm in whole}
    for (width, arm), scores in low.items():
        lines.setdefault(arm, {})[width] = scores
    for (width, arm), scores in after.items():
        lines.setdefault(f"{arm}, rounded afterwards", {FLOAT: whole[arm]})[width] = scores
    return lines


def draw_widths(lines: Mapping[str, Mapping[str, Scores]], widths: Sequence[str]) -> Figure:
    """Test accuracy at each width: name → width → scores; every seed a point, the mean a line."""
    figure, (ax,) = new_figure(7.5, 3.8)
    for i, (name, at) in enumerate(lines.items()):
        colour = CYCLE[(i + 1) % len(CYCLE)]
        xs = [x for x, width in enumerate(widths) if width in at]
        scores = [percent(at[widths[x]]) for x in xs]
        style = ("-", "--", "-.", ":")[i % 4]
        ax.plot(xs, [each.mean() for each in scores], linestyle=style, label=name, color=colour)
        for x, each in zip(xs, scores, strict=True):
            ax.scatter([x] * len(each), each, s=14, alpha=0.6, color=colour)
    ax.set_xticks(range(len(widths)), widths)
    ax.grid(axis="y", color=PALE)
    ax.legend(frameon=False, fontsize=9)
    tidy(ax, title="cnn-2, five seeds an arm", x="weights", y="test accuracy, %")
    alt = "Test accuracy against the width of the weights; the numbers are in the tables."
    return described(figure, alt)


def draw_costs(costs: Mapping[tuple[str, str], Scores]) -> Figure:
    """What rounding afterwards costs, in points: (width, arm) → scores; mean and 95 % interval."""
    figure, (ax,) = new_figure(7.5, 3.2)
    arms = list(dict.fromkeys(arm for _, arm in costs))
    for i, arm in enumerate(arms):
        each = [percent(costs[width, arm]) for width in WIDTHS]
        low, high = np.transpose([mean_interval(values.tolist()) for values in each])
        means, ys = np.array([values.mean() for values in each]), np.arange(len(WIDTHS)) + 0.2 * i
        look: dict[str, Any] = {"color": CYCLE[i + 1], "marker": "os"[i % 2], "linestyle": "none"}
        ax.errorbar(means, ys, xerr=[means - low, high - means], label=arm, capsize=4, **look)
    ax.axvline(0, color="#222222", linewidth=1, linestyle=":")
    ax.set_yticks(np.arange(len(WIDTHS)) + 0.1, WIDTHS)
    ax.invert_yaxis()
    ax.legend(frameon=False, fontsize=9)
    tidy(ax, title="What rounding afterwards costs", x="points of test accuracy against float32")
    alt = "Cost of each width with its interval, for labels and distilled; numbers in the table."
    return described(figure, alt)
