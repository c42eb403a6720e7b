"""Figures of ladders: accuracy along a gap, gains, errors in common. Arrays in, a figure out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kd_helpers.experiments.compare import gain_table, mean_interval
from kd_helpers.widgets.figures import (
    BLUE,
    ORANGE,
    draw_gains,
    draw_matrix,
    drawn,
    new_figure,
    tidy,
)

PAPER: dict[str, Any] = {"color": ORANGE, "fillstyle": "none", "linestyle": "none"}


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
    draw_means(ax, range(len(scores)), scores)
    ax.set_xticks(range(len(scores)), list(scores), rotation=20, ha="right")
    ax.grid(axis="y", color="#e4e4e4")
    return tidy(ax, title=title, x=x, y=y)


def draw_means(
    ax: Axes, at: Iterable[float], scores: Mapping[str, Sequence[float]], **how: Any
) -> None:
    """The same without names, at these places; how: as for `Axes.errorbar`."""
    means = np.array([np.mean(values) for values in scores.values()])
    ends = np.array([mean_interval(values) for values in scores.values()]).T  # (2, names)
    errors = abs(ends - means)
    ax.errorbar(list(at), means, yerr=errors, **{"fmt": "o", "capsize": 3, "color": BLUE} | how)


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


def draw_on_cifar(
    networks: Mapping[str, float], scores: Mapping[str, Sequence[float]], numbers: Iterable
) -> Figure:
    """TAKD's figures 4 and 2 and table 2, plain CNNs on CIFAR-100, and ours beside them.

    Args:
        networks: test accuracy of each network on its labels, percent. scores: of its students, one
            a seed, by the arms of `on_cifar.assistant_arms`. numbers: the paper's.
    """
    names = sorted(networks, key=lambda name: int(name.removeprefix("cnn-")))
    places = {name: place for place, name in enumerate(names)}
    paper = {(n.table, n.setting, n.method): n.value for n in numbers}
    setting = "plain CNN {}, CIFAR-100".format
    untaught = {
        name: scores.get(f"{name}, which nobody taught", scores["direct"]) for name in names
    }
    assistants = {n: scores[f"assistant {n}"] for n in names if f"assistant {n}" in scores}
    figure, (left, right) = new_figure(12, 4, columns=2)
    for name, place in places.items():
        size = name.removeprefix("cnn-")
        left.plot(place, networks[name], "o", color=BLUE)
        left.plot(place, paper["figure 4", setting(size), "labels only"], "D", **PAPER)
        right.plot(place - 0.12, paper["figure 2", setting(f"{size}-2"), "direct"], "D", **PAPER)
    for name in assistants:
        size = name.removeprefix("cnn-")
        number = paper["table 2", setting(f"10-{size}-2"), "chain"]
        right.plot(places[name] + 0.28, number, "s", **PAPER)
    for of_kind, shift, marker, words in (
        (untaught, 0.0, "o", "of the network alone"),
        (assistants, 0.16, "s", "of an assistant below cnn-10"),
    ):
        at = [places[name] + shift for name in of_kind]
        draw_means(right, at, of_kind, fmt=marker, label=words)
    left.plot([], [], "o", color=BLUE, label="here, one run each")
    right.set_ylim(top=47)
    for ax, title in ((left, "the network itself, on labels"), (right, "its student, cnn-2")):
        ax.plot([], [], "D", **PAPER, label="the paper (open)")
        ax.set_xticks(range(len(names)), names)
        ax.grid(axis="y", color="#e4e4e4")
        tidy(ax, title=title, x="network", y="test accuracy, %").legend(frameon=False)
    figure.set_label(
        "Accuracy on CIFAR-100 of four plain CNNs and of their students, the paper's and ours. The "
        "networks agree to two points. The students of untaught networks agree, too: best below "
        "cnn-6 or cnn-8. The paper's assistants teach better than ours."
    )
    return figure


def draw_ladders_on_cifar(scores: Mapping[str, Sequence[float]], numbers: Iterable) -> Figure:
    """DGKD's table 1 and the stochastic ladder of its table 6, and ours beside them.

    Args:
        scores: of the students, one a seed, by the arms of `on_cifar.dense_arms` and such others
            as are to stand beside them. numbers: the paper's.
    """
    setting = "plain CNN 10-8-6-4-2, CIFAR-100"
    paper = {n.method: n.value for n in numbers if n.setting == setting}
    figure, (ax,) = new_figure(8, 4)
    draw_means(ax, range(len(scores)), scores, fmt="o", label="here, five seeds")
    for place, way in enumerate(scores):
        if way in paper:
            ax.plot(place + 0.12, paper[way], "D", **PAPER)
    ax.plot([], [], "D", **PAPER, label="the paper (open)")
    ax.set_xticks(range(len(scores)), [way.replace(", ", ",\n") for way in scores])
    ax.grid(axis="y", color="#e4e4e4")
    tidy(ax, title="the student, cnn-2", x="who taught it", y="test accuracy, %")
    ax.legend(frameon=False)
    figure.set_label(
        "Accuracy on CIFAR-100 of the student below ladders of five plain CNNs, the paper's and "
        "ours: " + ", ".join(f"{way} {np.mean(values):.1f} %" for way, values in scores.items())
    )
    return figure
