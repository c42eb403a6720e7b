"""The explorer of notebook 11: bits by lesson, accuracy against kilobytes, and the weights."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import ipywidgets as widgets
import numpy as np

from kd_course.nb09_playground.pareto import pareto_front
from kd_course.nb11_low_precision.experiments import LABELS, TAUGHT, WIDTHS
from kd_course.nb11_low_precision.files import FLOAT
from kd_helpers.experiments.compare import Scores, percent
from kd_helpers.experiments.store import Run
from kd_helpers.models.low_precision import WEIGHTS
from kd_helpers.widgets import svg
from kd_helpers.widgets.explorer import Explorer

WHILE, AFTER = "while training", "afterwards"
BINS = 61  # odd: the middle one holds 0
COLOURS = {LABELS: svg.GREY, TAUGHT: svg.BLUE}
Key = tuple[str, str, str]  # lesson (LABELS, TAUGHT), when it was rounded (WHILE, AFTER), width
Weights = Mapping[Key, tuple[np.ndarray, np.ndarray]]  # those of one output (M,): float, rounded


def output_weights(runs: Mapping[tuple[str, str], Run], output: int) -> dict[Key, tuple]:
    """The weights into one output of the last layer, as they were learnt and rounded.

    Args:
        runs: (width or FLOAT, lesson) → a run that keeps its weights.
    """
    found = {}
    for width, lesson, when in product((FLOAT, *WIDTHS), (LABELS, TAUGHT), (WHILE, AFTER)):
        network = runs[FLOAT if when == AFTER else width, lesson].model()
        weight = list(network.parameters())[-2].detach()  # the last one is its bias
        low = weight if width == FLOAT else WEIGHTS[f"-{width}"](weight)
        found[lesson, when, width] = weight[output].numpy(), low[output].numpy()
    return found


def points_of(
    whole: Mapping[str, Scores],
    low: Mapping[tuple[str, str], Scores],
    after: Mapping[tuple[str, str], Scores],
    sizes: Mapping[str, float],
) -> dict[Key, tuple[float, float]]:
    """What the explorer draws: kB of the file, and mean accuracy in percent.

    Args:
        whole: lesson → scores in float32. low, after: (width, lesson) → scores, rounded while
            training and afterwards. sizes: width or FLOAT → kB.
    """
    found = {}
    for lesson, (when, scores) in product((LABELS, TAUGHT), ((WHILE, low), (AFTER, after))):
        for width, size in sizes.items():
            at = whole[lesson] if width == FLOAT else scores[width, lesson]
            found[lesson, when, width] = size, float(percent(at).mean())
    return found


def build_width_explorer(
    points: Mapping[Key, tuple[float, float]], weights: Weights, output: str
) -> Explorer:
    """Accuracy against the size of the file, and the weights of one output as they are rounded.

    Args:
        points: kB of the file, test accuracy in percent. output: its name.
    """

    def render(width: str, lesson: str, when: str) -> str:
        key = lesson, when, width
        size, accuracy = points[key]
        own, low = weights[key]
        return svg.side_by_side(
            render_points(points, key), render_weights(own, low, f"{output}, {width}")
        ) + svg.sentence(
            f"{size:.1f} kB, {accuracy:.2f} % of the test images right. The {len(own)} weights "
            f"into {output} have {len(np.unique(low))} different values; rounding moves a weight "
            f"by {np.abs(own - low).mean() / np.abs(own).mean():.1%} of the mean |w|."
        )

    controls = {
        "width": widgets.SelectionSlider(options=(FLOAT, *WIDTHS), description="weights"),
        "lesson": widgets.Dropdown(options=(LABELS, TAUGHT), value=TAUGHT, description="lesson"),
        "when": widgets.Dropdown(options=(WHILE, AFTER), value=AFTER, description="rounded"),
    }
    hint = (
        "move the weights from float32 to ternary, and watch the histogram snap to its levels. At "
        "which width does it matter whether the network knew of the rounding while it learnt?"
    )
    return Explorer(controls, render, hint=hint)


def render_points(points: Mapping[Key, tuple[float, float]], chosen: Key) -> str:
    """Discs: rounded while training; rings: afterwards. The frontier is dashed."""
    sizes, scores = zip(*points.values(), strict=True)
    ranges = (min(sizes) / 1.2, max(sizes) * 1.2), (np.floor(min(scores)), np.ceil(max(scores)))
    plane = svg.Plane(*ranges, width=420, height=320, log_x=True)
    named = {str(key): point for key, point in points.items()}
    xs, ys = zip(*(named[name] for name in pareto_front(named)), strict=True)
    marks = [plane.polyline(xs, ys, svg.BLACK, "stroke-dasharray='4 3'")]
    for key, (size, score) in points.items():
        colour, filled = COLOURS[key[0]], key[1] == WHILE
        marks.append(svg.dot(plane.x(size), plane.y(score), colour, filled=filled, r=5))
    size, score = points[chosen]
    marks.append(svg.dot(plane.x(size), plane.y(score), svg.RED, filled=False, r=10))
    return plane.picture(
        "".join(marks) + plane.legend(COLOURS),
        title="Discs: rounded while training. Rings: afterwards",
        x="gzipped file, kB",
        y="test accuracy, %",
        x_ticks=sorted({size for size, _ in points.values()}),
        name="{:.1f}".format,
    )


def render_weights(own: np.ndarray, low: np.ndarray, name: str) -> str:
    """Histograms of weights before and after rounding."""
    end = np.ceil(np.abs(own).max() * 20) / 20
    shares = {
        title: np.histogram(values, BINS, (-end, end))[0] / len(values)
        for title, values in (("learnt", own), ("rounded", low))
    }
    top = np.ceil(max(heights.max() for heights in shares.values()) * 10) / 10
    plane = svg.Plane((-end, end), (0, top), width=420, height=320)
    words = {"title": f"Weights into {name}", "x": "weight", "y": "share of the weights"}
    return svg.histogram(shares, plane, **words)
