"""A live picture on paper: what `svg` draws for a widget as a figure, and both in one output."""

from __future__ import annotations

import base64
import io
import re
from html import escape
from xml.etree.ElementTree import Element, fromstring

import ipywidgets as widgets
import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, PathPatch
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, Transform
from PIL import Image

GAP, WIDEST = 18, 1200  # pixels between pictures, and of a row of them
ANCHORS = {"start": "left", "middle": "center", "end": "right"}
STILL, LIVES = "kd-still", "kd-lives"
# The picture goes where a living widget follows it; what follows goes where it does not live.
EITHER = f"""<style>
.jp-OutputArea-child:has(style + .{STILL}):has(+ * .{LIVES}) {{ display: none; }}
.jp-OutputArea-child:has(style + .{STILL}) + :not(:has(.{LIVES})) {{ display: none; }}
</style>"""
# Where an element has its numbers; those of a path are x and y by turns, after one M and one L or C
NUMBERS = {
    "rect": ("x", "y", "width", "height"),
    "circle": ("cx", "cy", "r"),
    "line": ("x1", "y1", "x2", "y2"),
    "polyline": ("points",),
    "path": ("d",),
}


def figure_of(html: str, alt: str = "") -> Figure:
    """The pictures in HTML made by `svg`, side by side, wrapped as in a window of 1,200 pixels.

    Words outside of the pictures are left out. alt: what the figure shows, kept as its label.
    """
    parts = [fromstring(p) for p in re.findall("<svg.*?</svg>|<img.*?/>", html, re.DOTALL)]
    places, x, y, tall, wide = [], 0.0, 0.0, 0.0, 0.0
    for part in parts:
        width, height = float(part.get("width")), float(part.get("height"))
        if x + width > WIDEST:
            x, y, tall = 0.0, y + tall + GAP, 0.0
        places.append((x, y))
        x, tall, wide = x + width + GAP, max(tall, height), max(wide, x + width)
    figure = Figure((wide / 72, (y + tall) / 72), dpi=72, label=alt)  # a pixel is a point
    ax = figure.add_axes((0, 0, 1, 1), xlim=(0, wide), ylim=(y + tall, 0))
    ax.axis("off")
    for part, place in zip(parts, places, strict=True):
        where = Affine2D().translate(*place) + ax.transData
        for shape in part if part.tag == "svg" else [part]:
            draw = {"text": _write, "img": _show}.get(shape.tag, _outline)
            draw(ax, shape, where)
    return figure


def png(figure: Figure) -> bytes:
    """The figure as PNG, small enough to keep in a notebook: 80 dots an inch, 64 colours."""
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=80, bbox_inches="tight")
    palette = Image.open(drawn).convert("RGB").quantize(64, dither=Image.Dither.NONE)
    palette.save(small, format="png", optimize=True)
    return small.getvalue()


def display_live(widget: widgets.Widget, figure: Figure, alt: str = "") -> None:
    """Display `widget`, with `figure` where widgets cannot live (GitHub, print, no kernel).

    The picture is an output of its own before the widget's, and one of the two hides the other: in
    a notebook that was saved and opened again the widget is gone, and JupyterLab puts an error in
    its place.

    Args:
        figure: the widget's default view. alt: the same in words, for readers without pictures; a
            figure's label if it has one.
    """
    display_figure(figure, alt, style=EITHER)
    display({**widget.add_class(LIVES)._repr_mimebundle_(), "text/plain": ""}, raw=True)


def display_figure(figure: Figure, alt: str = "", *, style: str = "") -> None:
    """Display a figure with its description in words, `alt` or the figure's label.

    JupyterLab takes the HTML, since it gives a plain picture no words; GitHub can take the PNG.
    """
    alt, still = alt or str(figure.get_label()), base64.b64encode(png(figure)).decode()
    picture = f'<img class="{STILL}" alt="{escape(alt)}" src="data:image/png;base64,{still}">'
    forms = {"text/html": f"{style}{picture}", "image/png": still, "text/plain": alt}
    display(forms, raw=True, metadata={"image/png": {"alt": alt}})


def _write(ax: Axes, shape: Element, where: Transform) -> None:
    """Text that is level or, where it is turned at all, goes upwards."""
    ax.text(
        float(shape.get("x")),
        float(shape.get("y")),
        shape.text,
        transform=where,
        fontsize=float(shape.get("font-size")),
        fontweight=shape.get("font-weight", "normal"),
        ha=ANCHORS[shape.get("text-anchor")],
        rotation=90 if shape.get("transform") else 0,
        rotation_mode="anchor",
        alpha=float(shape.get("opacity", 1)),
        parse_math=False,
    )


def _show(ax: Axes, shape: Element, where: Transform) -> None:
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(shape.get("src").split(",")[1]))))
    extent = (0, float(shape.get("width")), float(shape.get("height")), 0)
    limits = ax.axis()  # which a picture would move
    ax.imshow(pixels, cmap="gray", vmin=0, vmax=255, extent=extent, transform=where, aspect="auto")
    ax.axis(limits)


def _outline(ax: Axes, shape: Element, where: Transform) -> None:
    """A shape that is filled, a line, or an arrow; a definition is none of them."""
    if shape.tag not in NUMBERS:
        return
    width = float(shape.get("stroke-width", 1))
    dashes = tuple(float(d) / width for d in shape.get("stroke-dasharray", "").split())
    style = {
        "facecolor": shape.get("fill", "none"),
        "edgecolor": shape.get("stroke", "none"),
        "linewidth": width,
        "linestyle": (0, dashes) if dashes else "-",
        "alpha": float(shape.get("fill-opacity", 1)),
        "transform": where,
    }
    if shape.get("marker-end"):
        style |= {"arrowstyle": "-|>", "mutation_scale": 12, "facecolor": shape.get("stroke")}
        ax.add_patch(FancyArrowPatch(path=_path(shape), **style))
    else:
        ax.add_patch(PathPatch(_path(shape), **style))


def _path(shape: Element) -> Path:
    words = " ".join(shape.get(name) for name in NUMBERS[shape.tag])
    numbers = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", words)]
    if shape.tag == "rect":
        return Path.unit_rectangle().transformed(
            Affine2D().scale(*numbers[2:]).translate(*numbers[:2])
        )
    if shape.tag == "circle":
        return Path.circle(numbers[:2], numbers[2])
    points = np.reshape(numbers, (-1, 2))
    code = Path.CURVE4 if "C" in words else Path.LINETO
    return Path(points, [Path.MOVETO, *[code] * (len(points) - 1)])
