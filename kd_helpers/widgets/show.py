"""Show a live widget and a still picture of its default view in one output."""

from __future__ import annotations

import base64
import io

import ipywidgets as widgets
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image


def png(figure: Figure) -> bytes:
    """The figure as PNG, small enough to keep in a notebook: 80 dots an inch, 256 colours."""
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=80, bbox_inches="tight")
    palette = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    palette.save(small, format="png", optimize=True)
    return small.getvalue()


def display_live(widget: widgets.Widget, figure: Figure, alt: str = "") -> None:
    """Display `widget`, with `figure` where widgets cannot live (GitHub, print, not yet run).

    Args:
        figure: the widget's default view. alt: the same in words, for readers without pictures; a
            figure's label if it has one.
    """
    alt = alt or str(figure.get_label())
    still = base64.b64encode(png(figure)).decode()
    forms = {**widget._repr_mimebundle_(), "image/png": still, "text/plain": alt}
    display(forms, raw=True, metadata={"image/png": {"alt": alt}})


def display_figure(figure: Figure, alt: str = "") -> None:
    """Display a figure with its description in words, `alt` or the figure's label."""
    alt = alt or str(figure.get_label())
    still = base64.b64encode(png(figure)).decode()
    display({"image/png": still, "text/plain": alt}, raw=True, metadata={"image/png": {"alt": alt}})
