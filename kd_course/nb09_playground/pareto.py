"""Size or speed against accuracy: which networks are beaten in both?"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

from kd_helpers.experiments.metrics import count_multiply_adds, count_parameters, measure_latency
from kd_helpers.models.zoo import make_model
from kd_helpers.runtime.device import pick_device
from kd_helpers.widgets import svg

COSTS = ("parameters", "multiply-adds for an image", "ms for an image, this machine")
SHAPE = (1, 28, 28)  # of the bundled images
Points = Mapping[str, tuple[float, float]]  # name → (cost, accuracy in percent)


@functools.cache
def cost_of(network: str, cost: str) -> float:
    """One of COSTS of an untrained network for the bundled images: it does not depend on weights.

    A latency is measured once, at batch 1, for some hundredths of a second.
    """
    model = make_model(network, num_classes=10, in_channels=SHAPE[0], image_size=SHAPE[1])
    if cost == COSTS[0]:
        return count_parameters(model)
    if cost == COSTS[1]:
        return count_multiply_adds(model, SHAPE)
    return measure_latency(model.to(pick_device()), SHAPE, 1, min_seconds=0.05)["median_ms"]


def pareto_front(points: Points) -> list[str]:
    """The names of those that nobody beats: no other costs at most as much and is at least as
    accurate, with one of the two strictly. The cheapest first."""

    def beats(other: tuple[float, float], own: tuple[float, float]) -> bool:
        return other[0] <= own[0] and other[1] >= own[1] and other != own

    unbeaten = [
        name for name, own in points.items() if not any(beats(o, own) for o in points.values())
    ]
    return sorted(unbeaten, key=lambda name: points[name])


def render_pareto(
    points: Points,
    *,
    cost: str,
    marked: tuple[float, float | None],
    costs: tuple[float, float],
    scores: tuple[float, float],
) -> str:
    """The networks as dots over a logarithmic axis, those that nobody beats joined by a line.

    Args:
        marked: cost and accuracy of one more, drawn as a ring; without accuracy as a line.
        costs, scores: from where to where the axes go; beyond them a mark lies at the edge.
    """
    wider = (costs[0] * np.exp(-0.15), costs[1] * np.exp(0.15))
    plane = svg.Plane(wider, scores, width=580, height=340, right=100, log_x=True)
    front = pareto_front(points)
    xs, ys = np.array([points[name] for name in front]).reshape(-1, 2).T.tolist()
    marks = [plane.polyline(xs, ys, svg.BLUE, "stroke-dasharray='4 3'")]
    for name, (x, y) in points.items():
        at = plane.x(x), plane.y(y)
        marks.append(svg.dot(*at, svg.BLUE if name in front else svg.GREY, r=4))
        marks.append(svg.text(at[0] + 8, at[1] + 4, name, size=11))
    word = "Size" if cost in COSTS[:2] else "Speed"
    return plane.picture(
        "".join(marks) + _mark(plane, *marked),
        title=f"{word} and accuracy: nobody beats the blue ones in both",
        x=cost,
        y="test accuracy, %",
        x_ticks=np.geomspace(*costs, 4),
        name=in_short,
    )


def _mark(plane: svg.Plane, cost: float, score: float | None) -> str:
    x = plane.x(cost)
    if score is None:
        ends = (x, plane.top, x, plane.height - plane.bottom)
        words = svg.text(x + 5, ends[3] - 8, "this setting: not stored", size=11)
        return svg.line(*ends, svg.RED, "stroke-dasharray='2 3'") + words
    y = plane.y(score)
    ring = svg.dot(x, y, svg.RED, filled=False, r=9, extra="class='marked'")
    return ring + svg.text(x + 13, y + 17, "this setting", size=11)


def in_short(value: float) -> str:
    """A number of three digits at most: 0.16, 13 k, 1.2 M."""
    for limit, unit in ((1e6, " M"), (1e3, " k")):
        if value >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.2g}"
