"""Size or speed against accuracy: which networks are beaten in both? As a quick picture and as a
figure."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

from kd_helpers.experiments.metrics import count_multiply_adds, count_parameters, measure_latency
from kd_helpers.models.zoo import make_model
from kd_helpers.runtime.device import pick_device
from kd_helpers.widgets import svg
from kd_helpers.widgets.svg import BLUE, GREY, RED

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
    width: int = 560,
    height: int = 300,
) -> str:
    """The networks as dots over a logarithmic axis, those that nobody beats joined by a line.

    Args:
        marked: cost and accuracy of one more, drawn as a ring; without accuracy as a line.
    """
    left, right, top, bottom = 58, 90, 30, 46
    costs = [*(x for x, _ in points.values()), marked[0]]
    scores = [*(y for _, y in points.values()), *([marked[1]] if marked[1] is not None else [])]
    ends = np.log(min(costs)) - 0.15, np.log(max(costs)) + 0.15
    low, high = np.floor(min(scores)), np.ceil(max(scores))

    def px(x: float) -> float:
        return left + (np.log(x) - ends[0]) / (ends[1] - ends[0]) * (width - left - right)

    def py(y: float) -> float:
        return height - bottom - (y - low) / max(high - low, 1) * (height - top - bottom)

    title = (
        "Size and accuracy of stored networks"
        if cost in COSTS[:2]
        else "Speed and accuracy of stored networks"
    )
    parts = [svg.text(0, 14, title, size=13, extra="font-weight='bold'")]
    for tick in np.linspace(low, high, 5):
        parts.append(
            f"<line x1='{left}' x2='{width - right}' y1='{py(tick):.1f}' y2='{py(tick):.1f}' stroke='#e4e4e4'/>"
        )
        parts.append(svg.text(left - 6, py(tick) + 4, f"{tick:g}", anchor="end", size=11))
    for tick in np.exp(np.linspace(*np.log([min(costs), max(costs)]), 4)):
        parts.append(
            svg.text(px(tick), height - bottom + 16, in_short(tick), anchor="middle", size=11)
        )
    parts.append(svg.text((left + width - right) / 2, height - 10, cost, anchor="middle"))
    parts.append(
        svg.text(
            14,
            (top + height - bottom) / 2,
            "test accuracy, %",
            anchor="middle",
            extra=f"transform='rotate(-90 14 {(top + height - bottom) / 2:.0f})'",
        )
    )
    front = pareto_front(points)
    line = " ".join(f"{px(points[name][0]):.1f},{py(points[name][1]):.1f}" for name in front)
    parts.append(f"<polyline points='{line}' fill='none' stroke='{BLUE}' stroke-dasharray='4 3'/>")
    for name, (x, y) in points.items():
        colour = BLUE if name in front else GREY
        parts.append(f"<circle cx='{px(x):.1f}' cy='{py(y):.1f}' r='5' fill='{colour}'/>")
        parts.append(svg.text(px(x) + 8, py(y) + 4, name, size=10))
    parts.append(_mark(px(marked[0]), marked[1] and py(marked[1]), top, height - bottom))
    return svg.svg(width, height, f"{title}: {cost}", "".join(parts))


def _mark(x: float, y: float | None, top: float, base: float) -> str:
    if y is None:
        line = f"<line x1='{x:.1f}' x2='{x:.1f}' y1='{top}' y2='{base}' stroke='{RED}' stroke-dasharray='2 3'/>"
        return line + svg.text(x + 5, top + 10, "this setting: not stored", size=10)
    ring = f"<circle class='marked' cx='{x:.1f}' cy='{y:.1f}' r='9' fill='none' stroke='{RED}' stroke-width='2.5'/>"
    return ring + svg.text(x + 12, y + 16, "this setting", size=10)


def in_short(value: float) -> str:
    """A number of three digits at most: 0.16, 13 k, 1.2 M."""
    for limit, unit in ((1e6, " M"), (1e3, " k")):
        if value >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.2g}"
