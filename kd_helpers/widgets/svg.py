"""Small pictures as SVG or HTML text: pure functions, quick enough for a control that is dragged.

`still.figure_of` draws the same text as a matplotlib figure.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from kd_helpers.runtime.palette import BLACK, BLUE, GREEN, GREY, ORANGE, PALE, RED  # noqa: F401

FONT = "font-family='DejaVu Sans, Arial, sans-serif'"
BOLD, UPWARDS = "font-weight='bold'", "transform='rotate(-90 {x:.0f} {y:.0f})'"


def svg(width: float, height: float, title: str, body: str) -> str:
    """An SVG picture on white, with its title as the text for screen readers."""
    return (
        f"<svg role='img' aria-label='{escape(title, quote=True)}' width='{width:.0f}' "
        f"height='{height:.0f}' viewBox='0 0 {width:.0f} {height:.0f}' "
        f"style='background:white;max-width:100%'>{body}</svg>"
    )


def text(
    x: float, y: float, content: str, *, size: int = 12, anchor: str = "start", extra: str = ""
) -> str:
    """One line of text in an SVG picture."""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' text-anchor='{anchor}' {FONT} "
        f"fill='{BLACK}' {extra}>{escape(content)}</text>"
    )


def heading(content: str) -> str:
    return text(0, 14, content, size=13, extra=BOLD)


def rect(x: float, y: float, width: float, height: float, fill: str, extra: str = "") -> str:
    return (
        f"<rect x='{x:.1f}' y='{y:.2f}' width='{width:.2f}' height='{height:.2f}' "
        f"fill='{fill}' {extra}/>"
    )


def line(x1: float, y1: float, x2: float, y2: float, stroke: str = PALE, extra: str = "") -> str:
    return (
        f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{stroke}' {extra}/>"
    )


def dot(x: float, y: float, colour: str, *, filled: bool = True, r: float = 6, extra="") -> str:
    """A disc, or a ring."""
    return (
        f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{r}' fill='{colour if filled else 'none'}' "
        f"fill-opacity='0.7' stroke='{colour}' stroke-width='2' {extra}/>"
    )


def bars(
    names: Sequence[str],
    values: Sequence[float],
    *,
    title: str,
    marked: int | None = None,
    labels: Sequence[str] | None = None,
    largest: float = 1.0,
    colour: str = BLUE,
    width: int = 400,
) -> str:
    """Horizontal bars, one a name, each with its number.

    Args:
        values: from 0 to `largest`. marked: the bar to draw in orange (the true class).
        labels: what to write beside each bar; the value with three decimals by default.
    """
    left, row = 104, 21
    parts = [heading(title)]
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        y, length = 24 + i * row, max(0.0, value * (width - left - 66) / largest)
        parts += [
            text(left - 6, y + 13, name, anchor="end"),
            rect(left, y, length, row - 5, ORANGE if i == marked else colour),
            text(left + length + 5, y + 13, labels[i] if labels else f"{value:.3f}"),
        ]
    return svg(width, 30 + row * len(values), title, "".join(parts))


@dataclass(frozen=True)
class Plane:
    """Axes of a picture of `width` by `height` pixels: where points lie, and all around them."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    width: int = 620
    height: int = 300
    right: int = 14  # margin
    log_x: bool = False
    left, top, bottom = 58, 44, 46

    def x(self, value: float) -> float:
        low, value, high = (
            np.log(v) if self.log_x else v for v in (self.x_range[0], value, self.x_range[1])
        )
        return self.left + (value - low) / (high - low) * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        """A value outside of the range lies at its edge."""
        low, high = self.y_range
        share = (min(max(value, low), high) - low) / (high - low)
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)

    def polyline(self, xs: Sequence[float], ys: Sequence[float], stroke: str, extra: str) -> str:
        points = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in zip(xs, ys, strict=True))
        return f"<polyline points='{points}' fill='none' stroke='{stroke}' {extra}/>"

    def legend(self, colours: Mapping[str, str]) -> str:
        """Names in a row over the plane."""
        x, parts = self.left + 10, []
        for name, colour in colours.items():
            parts += [rect(x, 22, 14, 10, colour), text(x + 20, 31, name)]
            x += 36 + 7 * len(name)
        return "".join(parts)

    def picture(
        self,
        marks: str,
        *,
        title: str,
        x: str,
        y: str,
        x_ticks: Sequence[float] | np.ndarray | None = None,
        name: Callable[[float], str] = "{:g}".format,
    ) -> str:
        """The whole picture: `marks` over grid lines, ticks, a title and names of the axes.

        Args:
            x_ticks: five over the range by default. name: how a tick of x is written.
        """
        end, base = self.width - self.right, self.height - self.bottom
        middle = (self.left + end) / 2, (self.top + base) / 2
        parts = [heading(title)]
        for tick in np.linspace(*self.y_range, 5):
            parts.append(line(self.left, self.y(tick), end, self.y(tick)))
            parts.append(text(self.left - 6, self.y(tick) + 4, f"{tick:g}", anchor="end", size=11))
        for tick in np.linspace(*self.x_range, 5) if x_ticks is None else x_ticks:
            parts.append(text(self.x(tick), base + 16, name(tick), anchor="middle", size=11))
        turned = UPWARDS.format(x=14, y=middle[1])
        parts.append(text(middle[0], self.height - 10, x, anchor="middle"))
        parts.append(text(14, middle[1], y, anchor="middle", extra=turned))
        told = f"{title}: {y} by {x}"
        return svg(self.width, self.height, told, "".join(parts) + marks)


def curves(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    colours: Mapping[str, str],
    plane: Plane,
    **words: str,
) -> str:
    """Lines with a legend. words: title, x and y."""
    lines = [plane.polyline(*series[name], colours[name], "stroke-width='2.5'") for name in series]
    named = plane.legend({name: colours[name] for name in series})
    return plane.picture("".join(lines) + named, **words)


def histogram(
    groups: Mapping[str, Sequence[float] | np.ndarray],
    plane: Plane,
    colours=(BLUE, RED),
    **words: str,
) -> str:
    """Groups of equally many bins over the range of x side by side, each bin a column.

    Args:
        groups: name → heights of the bins. words: title, x and y.
    """
    count = len(next(iter(groups.values())))
    edges = np.linspace(*plane.x_range, count + 1)
    step, base = plane.x(edges[1]) - plane.x(edges[0]), plane.y(plane.y_range[0])
    thick, parts = 0.84 * step / len(groups), []
    for i, heights in enumerate(groups.values()):
        for edge, height in zip(edges, heights, strict=False):
            x, y = plane.x(edge) + 0.08 * step + i * thick, plane.y(height)
            parts.append(rect(x, y, thick, base - y, colours[i]))
    named = plane.legend(dict(zip(groups, colours, strict=False)))
    return plane.picture("".join(parts) + named, x_ticks=np.linspace(*plane.x_range, 6), **words)


def score_dots(
    rows: Mapping[str, Mapping[int, float]],
    colours: Sequence[str],
    *,
    title: str,
    x_range: tuple[float, float],
    filled: int | None = None,
    width: int = 350,
) -> str:
    """A dot a seed, a row for each arm, named over it. filled: that seed alone; all by default.

    Args:
        rows: what is written over the row → seed → score.
    """
    left, right, row = 12, 20, 54

    def px(score: float) -> float:
        low, high = x_range
        return left + (score - low) / max(high - low, 1) * (width - left - right)

    parts, base = [heading(title)], 44 + row * len(rows)
    for i, (words, scores) in enumerate(rows.items()):
        y = 62 + row * i
        parts.append(text(left, y - 14, words))
        parts += [
            dot(px(score), y, colours[i], filled=filled in (None, seed))
            for seed, score in scores.items()
        ]
    parts.append(line(left, base, width - right, base, GREY))
    for tick in np.linspace(*x_range, 5):
        parts.append(text(px(tick), base + 16, f"{tick:g}", anchor="middle", size=11))
    return svg(width, base + 24, "Test accuracy of every seed", "".join(parts))


def picture(image: np.ndarray, *, alt: str, side: int = 150) -> str:
    """An image (C, H, W) uint8 as an HTML tag, enlarged without smoothing; one channel is grey."""
    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="png")
    data = base64.b64encode(buffer.getvalue()).decode()
    style = "image-rendering:pixelated;border:1px solid #ccc"
    return (
        f"<img alt='{escape(alt, quote=True)}' width='{side}' height='{side}' style='{style}' "
        f"src='data:image/png;base64,{data}'/>"
    )


def targets(
    shown: Mapping[str, Sequence[float]],
    classes: Sequence[str],
    label: int,
    image: np.ndarray | None = None,
    *,
    largest: float = 1.0,
    width: int = 400,
) -> str:
    """The image, if it is given, and a chart of bars for each target; the label's bar is orange.

    Args:
        shown: title → probabilities of the classes, and of "the rest" where there is one more.
        image: (C, H, W) uint8.
    """
    names = [*classes, "the rest"]
    charts = [
        bars(names[: len(p)], p, title=title, marked=label, largest=largest, width=width)
        for title, p in shown.items()
    ]
    seen = [] if image is None else [picture(image, alt=f"the image, a {classes[label]}")]
    return side_by_side(*seen, *charts)


def side_by_side(*parts: str) -> str:
    """HTML parts in one row, wrapping where the window is narrow."""
    cells = "".join(f"<div>{part}</div>" for part in parts)
    return f"<div style='display:flex;flex-wrap:wrap;gap:18px;align-items:flex-start'>{cells}</div>"


def sentence(content: str) -> str:
    """A line of plain text under a picture."""
    return f"<div style='font-size:14px;line-height:1.5;max-width:60em'>{escape(content)}</div>"
