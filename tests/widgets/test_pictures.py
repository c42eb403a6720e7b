"""SVG pictures, figures and how they are shown: what they contain, and that they are well
formed."""

import base64
import io
import xml.etree.ElementTree as ElementTree

import ipywidgets as widgets
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from kd_helpers.widgets import figures as plots
from kd_helpers.widgets import show, svg


def test_bars_are_well_formed_and_as_long_as_their_values():
    tree = ElementTree.fromstring(svg.bars(["a<b", "c"], [0.25, 0.5], title="t & t", marked=1))
    drawn = [float(r.get("width")) for r in tree.iter("rect")]
    assert drawn[1] == pytest.approx(2 * drawn[0], rel=1e-3)
    assert [r.get("fill") for r in tree.iter("rect")] == [svg.BLUE, svg.ORANGE]
    assert tree.get("aria-label") == "t & t"


def test_curves_keep_points_inside_the_axes():
    drawn = svg.curves(
        {"a": ([0, 5, 10], [-50, 50, 500])},
        title="t",
        x_label="x",
        y_label="y",
        colours={"a": svg.RED},
        x_range=(0, 10),
        y_range=(0, 100),
        width=620,
        height=300,
    )
    points = ElementTree.fromstring(drawn).find("polyline").get("points").split()
    heights = [float(point.split(",")[1]) for point in points]
    assert heights == sorted(heights, reverse=True)
    assert min(heights) >= 0 and max(heights) <= 300


def test_picture_holds_the_pixels():
    image = np.random.default_rng(0).integers(0, 256, (1, 28, 28), dtype=np.uint8)
    data = svg.picture(image, alt="a shoe").split("base64,")[1].split("'")[0]
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), image[0]
    )


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
    monkeypatch.setattr(show, "display", lambda data, **how: shown.update(data, **how))
    show.display_live(widgets.IntSlider(), Figure(figsize=(1, 1)), "in words")
    assert shown["text/plain"] == "in words"
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert base64.b64decode(shown["image/png"]).startswith(b"\x89PNG")
    assert shown["metadata"]["image/png"]["alt"] == "in words"
