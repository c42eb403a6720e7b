"""Figure of notebook 08: the cost of all exhibits."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from kd_helpers.experiments.compare import BETTER, WORSE, Verdict
from kd_helpers.widgets.figures import new_figure, tidy
from kd_helpers.widgets.svg import BLUE, GREY, RED

COLOURS = {WORSE: RED, BETTER: BLUE}


def draw_costs(verdicts: Mapping[str, Verdict]) -> Figure:
    """Mean difference and its 95 % interval, one row a name; beyond 1 point the axis is
    logarithmic."""
    figure, (ax,) = new_figure(9, 0.3 * len(verdicts) + 0.5)
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
