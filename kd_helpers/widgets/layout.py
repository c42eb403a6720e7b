"""How controls lie on a screen: labels above, groups in aligned columns; the look is layout.css."""

from __future__ import annotations

from pathlib import Path

import ipywidgets as widgets

LABELLED, GROUP, GRID, PAGE = "kd-labelled", "kd-group", "kd-grid", "kd-page"
BOXES, CONTROLS, LIVE = "kd-boxes", "kd-controls", "kd-live"

ABOVE = (
    widgets.Dropdown,
    widgets.Text,
    widgets.BoundedIntText,
    widgets.SelectionSlider,
    widgets.IntSlider,
    widgets.FloatSlider,
)
HERE = Path(__file__).parent
STYLE = f"<style>{(HERE / 'layout.css').read_text(encoding='utf-8')}</style>"
SCRIPT = (HERE / "layout.js").read_text(encoding="utf-8")


def behaviour() -> list[widgets.Widget]:
    """What a page needs once: its style, and the names that ipywidgets does not give."""
    script = {"application/javascript": SCRIPT, "text/plain": ""}
    run = {"output_type": "display_data", "data": script, "metadata": {}}
    return [widgets.HTML(STYLE), widgets.Output(outputs=(run,), layout={"height": "0"})]


def labelled(control: widgets.Widget) -> widgets.Widget:
    """The control with its description above, as wide as its column."""
    control.layout.width = "auto"
    return control.add_class(LABELLED)


def in_columns(*controls: widgets.Widget) -> widgets.HBox:
    """Controls in aligned columns; what has its words beside it by nature keeps them there."""
    for control in controls:
        if isinstance(control, ABOVE):
            labelled(control)
    return widgets.HBox(controls).add_class(CONTROLS)


def group(title: str, *controls: widgets.Widget) -> widgets.VBox:
    """Controls that belong together, under a title."""
    head = widgets.HTML(f"<div class='kd-head'>{title}</div>")
    return widgets.VBox([head, *controls]).add_class(GROUP)


def boxes(words: str, *controls: widgets.Widget) -> widgets.VBox:
    """Boxes to tick in a row, under what they are."""
    return widgets.VBox([widgets.Label(words), widgets.HBox(controls)]).add_class(BOXES)


def live_text() -> widgets.HTML:
    """Words that a screen reader says when they change."""
    return widgets.HTML().add_class(LIVE)


def figures(*columns: str) -> str:
    """Pictures beside each other, as large as there is room, one below the other on a phone."""
    return f"<div class='kd-figures'>{''.join(f'<div>{part}</div>' for part in columns)}</div>"
