"""The figure of notebook 12: phoneme error rates of all lessons, greedily and by beam search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from matplotlib.figure import Figure

from kd_helpers.runtime.palette import BLACK
from kd_helpers.widgets.figures import draw_arms, new_figure


def draw_rates(
    rates: Mapping[str, Mapping[str, Sequence[float]]], teacher: Mapping[str, float]
) -> Figure:
    """Phoneme error rates in percent: way → lesson → one a seed; a line at the teacher's."""
    figure, axes = new_figure(12, 3.8, columns=len(rates))
    means = {arm: f"{fmean(values):.1f}" for arm, values in rates["greedy"].items()}
    figure.set_label(f"Phoneme error rates by lesson, greedily and by beam; greedy means: {means}")
    every = [v for arms in rates.values() for values in arms.values() for v in values]
    for ax, (way, arms) in zip(axes, rates.items(), strict=True):
        draw_arms(ax, arms, title=f"{way} (dashed: the teacher)", x="phoneme error rate, %")
        ax.axvline(teacher[way], color=BLACK, linestyle="--", linewidth=1)
        ax.set_xlim(min(*teacher.values(), *every) - 0.5, max(every) + 0.5)
    return figure
