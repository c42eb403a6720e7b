"""SVG pictures, figures and how they are shown: what they contain, and that they are well
formed."""

import base64
import re
import xml.etree.ElementTree as ElementTree

import ipywidgets as widgets
import numpy as np
import pytest
from matplotlib.figure import Figure

from kd_helpers.widgets import figures as plots
from kd_helpers.widgets import still, svg


def test_bars_are_well_formed_and_as_long_as_their_values():
    tree = ElementTree.fromstring(svg.bars(["a<b", "c"], [0.25, 0.5], title="t & t", marked=1))
    drawn = [float(r.get("width")) for r in tree.iter("rect")]
    assert drawn[1] == pytest.approx(2 * drawn[0], rel=1e-3)
    assert [r.get("fill") for r in tree.iter("rect")] == [svg.BLUE, svg.ORANGE]
    assert tree.get("aria-label") == "t & t"


def test_curves_and_columns_keep_inside_the_axes():
    plane = svg.Plane((0, 10), (0, 100))
    words = {"title": "t", "x": "x", "y": "y"}
    drawn = svg.curves({"a": ([0, 5, 10], [-50, 50, 500])}, {"a": svg.RED}, plane, **words)
    points = ElementTree.fromstring(drawn).find("polyline").get("points").split()
    heights = [float(point.split(",")[1]) for point in points]
    assert heights == [plane.y(0), (plane.y(0) + plane.y(100)) / 2, plane.y(100)]
    drawn = svg.histogram({"a": [0.0, 25.0, 200.0]}, plane, **words)
    heights = [float(h) for h in re.findall(r"height='([\d.]+)' fill='#0072B2'", drawn)][:3]
    assert heights[0] == 0 and heights[1] == pytest.approx(heights[2] / 4, abs=0.01)


def test_dots_lie_at_their_scores_and_one_seed_is_filled():
    drawn = svg.score_dots(
        {"a": {0: 80.0, 4: 85.0}, "b": {4: 90.0}},
        ["red", "blue"],
        title="t",
        x_range=(80, 90),
        filled=4,
    )
    dots = list(ElementTree.fromstring(drawn).iter("circle"))
    left, middle, right = (float(dot.get("cx")) for dot in dots)
    assert middle == pytest.approx((left + right) / 2, abs=0.1) and left < right
    assert [dot.get("fill") for dot in dots] == ["none", "red", "blue"]


def test_figures_have_named_axes_and_the_numbers():
    _figure, (ax,) = plots.new_figure()
    plots.draw_arms(ax, {"one": [80.0, 81.0], "two": [82.0, 84.0]}, title="arms")
    assert ax.get_xlabel() == "test accuracy, %"
    assert [t.get_text() for t in ax.texts] == ["80.50", "83.00"]
    _, (ax,) = plots.new_figure()
    plots.draw_matrix(ax, np.eye(2), ["a", "b"], ["c", "d"], x="class", y="label", unit="mean")
    assert [t.get_text() for t in ax.texts] == ["1.00", "0.00", "0.00", "1.00"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("class", "label")


def test_widget_and_still_picture_share_one_output(monkeypatch):
    shown = {}
    monkeypatch.setattr(still, "display", lambda data, **how: shown.update(data, **how))
    still.display_live(widgets.IntSlider(), Figure(figsize=(1, 1)), "in words")
    assert shown["text/plain"] == "in words"
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert base64.b64decode(shown["image/png"]).startswith(b"\x89PNG")
    assert shown["metadata"]["image/png"]["alt"] == "in words"
