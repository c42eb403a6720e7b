"""An explorer: controls above one view, which a pure function draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape

import ipywidgets as widgets
from matplotlib.figure import Figure

from kd_helpers.widgets import layout, svg
from kd_helpers.widgets.still import figure_of

ALPHA = "α, weight of the soft targets"


class Explorer(widgets.VBox):
    """Controls above one view. `render(**values of the controls)` returns the view as HTML.

    `controls` maps names to widgets, so that a test can set them; `state` is their values.
    `before_render(controls)` may move other controls. An error is shown in the view and raised.
    """

    def __init__(
        self,
        controls: Mapping[str, widgets.Widget],
        render: Callable[..., str],
        *,
        hint: str,
        before_render: Callable[[Mapping[str, widgets.Widget]], None] = lambda controls: None,
    ) -> None:
        self.controls, self.render, self.before_render = dict(controls), render, before_render
        self.defaults = self.state
        self.view = layout.live_text()
        self.reset_button = widgets.Button(description="Reset", tooltip="Back to the first view")
        self.reset_button.on_click(lambda _: self.reset())
        for control in self.controls.values():
            control.observe(self.update, names="value")
        self._paused = False
        self.update()
        rows = layout.in_columns(*self.controls.values(), self.reset_button)
        words = widgets.HTML(svg.sentence(f"Try this: {hint}"))
        super().__init__([words, rows, self.view, *layout.behaviour()])
        self.add_class(layout.PAGE)

    @property
    def state(self) -> dict:
        """The values of all controls by name."""
        return values_of(self.controls)

    def reset(self) -> None:
        """All controls back to where they were at the start, with one redraw."""
        self.set(**self.defaults)

    def set(self, **values: object) -> None:
        """Controls to these values by name, with one redraw."""
        self._paused = True
        try:
            for name, value in values.items():
                self.controls[name].value = value
                self.before_render(self.controls)
        finally:
            self._paused = False
        self.update()

    def update(self, _change: object = None) -> None:
        if self._paused:
            return
        self._paused = True
        try:
            self.before_render(self.controls)
            self.view.value = self.render(**self.state)
        except Exception as problem:
            self.view.value = f"<pre>{type(problem).__name__}: {escape(str(problem))}</pre>"
            raise
        finally:
            self._paused = False

    def still(self, alt: str = "", **values: object) -> Figure:
        """The view as a figure, as it is or with these values of controls. alt: it in words."""
        return figure_of(self.render(**{**self.state, **values}), alt)


def values_of(controls: Mapping[str, widgets.Widget]) -> dict:
    """What controls say, by name; arrow keys make 3.5000000000000004, meaning 3.5."""
    values = {name: control.value for name, control in controls.items()}
    return {name: round(v, 6) if isinstance(v, float) else v for name, v in values.items()}


def slider(words: str, value: float, low: float, high: float, step: float) -> widgets.FloatSlider:
    """A float slider that redraws while it moves."""
    numbers = {"value": value, "min": low, "max": high, "step": step, "readout_format": ".2f"}
    return widgets.FloatSlider(description=words, **numbers)


def walker(what: str, count: int) -> widgets.IntSlider:
    """A slider over `count` things, counted from 0."""
    return widgets.IntSlider(0, 0, max(count - 1, 0), description=what)


def limit_to(control: widgets.IntSlider, count: int, what: str) -> None:
    """Let a slider walk through `count` things, and say how many there are."""
    control.max = max(count - 1, 0)
    control.description = f"{what} (of {count})"


def tick(words: str = "", value: bool = True) -> widgets.Checkbox:
    """A box to tick that takes no more room than its words."""
    layout = {"width": "max-content"}
    return widgets.Checkbox(value, description=words, indent=False, layout=layout)
