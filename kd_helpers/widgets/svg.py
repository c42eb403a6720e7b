"""Small pictures as SVG or HTML text: pure functions, quick enough for a control that is
dragged."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from PIL import Image

# Okabe and Ito's palette, distinct under the common kinds of colour blindness.
BLUE, ORANGE, GREEN, RED, GREY, BLACK = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#8c8c8c",
    "#222222",
)
FONT = "font-family='DejaVu Sans, Arial, sans-serif'"


def text(
    x: float, y: float, content: str, *, size: int = 12, anchor: str = "start", extra: str = ""
) -> str:
    """One line of text in an SVG picture."""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' text-anchor='{anchor}' {FONT} "
        f"fill='{BLACK}' {extra}>{escape(content)}</text>"
    )


def svg(width: float, height: float, title: str, body: str) -> str:
    """An SVG picture on white, with its title as the text for screen readers."""
    return (
        f"<svg role='img' aria-label='{escape(title, quote=True)}' width='{width:.0f}' height='{height:.0f}' "
        f"viewBox='0 0 {width:.0f} {height:.0f}' style='background:white;max-width:100%'>{body}</svg>"
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
    scale = (width - left - 66) / largest
    parts = [text(0, 14, title, size=13, extra="font-weight='bold'")]
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        y, length = 24 + i * row, max(0.0, value * scale)
        fill = ORANGE if i == marked else colour
        parts.append(text(left - 6, y + 13, name, anchor="end"))
        parts.append(
            f"<rect x='{left}' y='{y}' width='{length:.2f}' height='{row - 5}' fill='{fill}'/>"
        )
        parts.append(text(left + length + 5, y + 13, labels[i] if labels else f"{value:.3f}"))
    return svg(width, 30 + row * len(values), title, "".join(parts))


def curves(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    colours: Mapping[str, str],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    width: int = 620,
    height: int = 300,
    named: bool = True,
) -> str:
    """Lines over a common axis; points outside the range are drawn at its edge. named: with a
    legend."""
    left, right, top, bottom = 58, 14, 30, 46

    def px(x: float) -> float:
        return left + (x - x_range[0]) / (x_range[1] - x_range[0]) * (width - left - right)

    def py(y: float) -> float:
        y = min(max(y, y_range[0]), y_range[1])
        return (
            height - bottom - (y - y_range[0]) / (y_range[1] - y_range[0]) * (height - top - bottom)
        )

    parts = [text(0, 14, title, size=13, extra="font-weight='bold'")]
    for tick in np.linspace(*y_range, 5):
        parts.append(
            f"<line x1='{left}' x2='{width - right}' y1='{py(tick):.1f}' y2='{py(tick):.1f}' stroke='#e4e4e4'/>"
        )
        parts.append(text(left - 6, py(tick) + 4, f"{tick:g}", anchor="end", size=11))
    for tick in np.linspace(*x_range, 5):
        parts.append(text(px(tick), height - bottom + 16, f"{tick:g}", anchor="middle", size=11))
    parts.append(text((left + width) / 2, height - 10, x_label, anchor="middle"))
    parts.append(
        text(
            14,
            (top + height - bottom) / 2,
            y_label,
            anchor="middle",
            extra=f"transform='rotate(-90 14 {(top + height - bottom) / 2:.0f})'",
        )
    )
    for i, (name, (xs, ys)) in enumerate(series.items()):
        points = " ".join(f"{px(x):.1f},{py(y):.1f}" for x, y in zip(xs, ys, strict=True))
        parts.append(
            f"<polyline points='{points}' fill='none' stroke='{colours[name]}' stroke-width='2.5'/>"
        )
        if not named:
            continue
        y = height - bottom - 12 - 18 * (len(series) - 1 - i)
        parts.append(
            f"<rect x='{width - 250}' y='{y - 9}' width='14' height='10' fill='{colours[name]}'/>"
        )
        parts.append(text(width - 230, y, name))
    return svg(width, height, title, "".join(parts))


def picture(image: np.ndarray, *, alt: str, side: int = 150) -> str:
    """An image (C, H, W) uint8 as an HTML tag, enlarged without smoothing; one channel is grey."""
    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="png")
    data = base64.b64encode(buffer.getvalue()).decode()
    return (
        f"<img alt='{escape(alt, quote=True)}' width='{side}' height='{side}' "
        f"style='image-rendering:pixelated;border:1px solid #ccc' src='data:image/png;base64,{data}'/>"
    )


def side_by_side(*parts: str) -> str:
    """HTML parts in one row, wrapping where the window is narrow."""
    cells = "".join(f"<div>{part}</div>" for part in parts)
    return f"<div style='display:flex;flex-wrap:wrap;gap:18px;align-items:flex-start'>{cells}</div>"


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


def sentence(content: str) -> str:
    """A line of plain text under a picture."""
    return f"<div style='font-size:14px;line-height:1.5;max-width:60em'>{escape(content)}</div>"


def histogram(
    groups: Mapping[str, Sequence[float]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    x_range: tuple[float, float],
    largest: float,
    colours: Sequence[str] = (BLUE, RED),
    width: int = 620,
    height: int = 260,
) -> str:
    """Groups of equally many bins side by side, each bin a column from 0 to `largest`.

    Args:
        groups: name → heights of the bins, of equal width over `x_range`.
    """
    left, right, top, bottom = 58, 14, 44, 44
    inner, tall = width - left - right, height - top - bottom
    count = len(next(iter(groups.values())))
    step = inner / count
    parts = [text(0, 14, title, size=13, extra="font-weight='bold'")]
    for share in np.linspace(0, 1, 5):
        y = top + tall * (1 - share)
        parts.append(
            f"<line x1='{left}' x2='{width - right}' y1='{y:.1f}' y2='{y:.1f}' stroke='#e4e4e4'/>"
        )
        parts.append(text(left - 6, y + 4, f"{share * largest:g}", anchor="end", size=11))
    for tick in np.linspace(*x_range, 6):
        x = left + inner * (tick - x_range[0]) / (x_range[1] - x_range[0])
        parts.append(text(x, height - bottom + 16, f"{tick:g}", anchor="middle", size=11))
    thick = 0.84 * step / len(groups)
    for i, (name, heights) in enumerate(groups.items()):
        for j, value in enumerate(heights):
            tall_one = tall * min(value, largest) / largest
            x, y = left + j * step + 0.08 * step + i * thick, top + tall - tall_one
            parts.append(
                f"<rect x='{x:.1f}' y='{y:.2f}' width='{thick:.1f}' height='{tall_one:.2f}' "
                f"fill='{colours[i]}'/>"
            )
        x = left + 10 + 180 * i
        parts.append(f"<rect x='{x}' y='22' width='14' height='10' fill='{colours[i]}'/>")
        parts.append(text(x + 20, 31, name))
    parts.append(text(left + inner / 2, height - 8, x_label, anchor="middle"))
    middle = top + tall / 2
    parts.append(
        text(14, middle, y_label, anchor="middle", extra=f"transform='rotate(-90 14 {middle:.0f})'")
    )
    return svg(width, height, title, "".join(parts))
