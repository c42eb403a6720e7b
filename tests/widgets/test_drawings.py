"""SVG pictures, figures and how they are shown: what they contain, and that they are well
formed."""

import base64
import io
import re
import xml.etree.ElementTree as ElementTree

import ipywidgets as widgets
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from kd_helpers.widgets import still, svg
from kd_helpers.widgets.figures import draw_targets
from kd_helpers.widgets.still import GAP, WIDEST, figure_of, png


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


def test_a_widget_follows_its_still_picture_which_has_words_for_every_reader(monkeypatch):
    shown = []
    monkeypatch.setattr(still, "display", lambda data, **how: shown.append({**data, **how}))
    still.display_live(widgets.IntSlider(), Figure(figsize=(1, 1)), 'in "words"')
    picture, live = shown
    assert picture["text/plain"] == picture["metadata"]["image/png"]["alt"] == 'in "words"'
    assert base64.b64decode(picture["image/png"]).startswith(b"\x89PNG")
    assert 'alt="in &quot;words&quot;"' in picture["text/html"]
    assert picture["image/png"] in picture["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in live


# The still picture shows what the live one does.


def test_bars_and_images_stand_where_the_browser_puts_them():
    image = np.random.default_rng(0).integers(0, 256, (1, 5, 5), np.uint8)
    shown = {"a": [0.25, 1.0, 0.0], "b": [0.0, 0.0, 0.5]}
    bars = {k: np.array(v) for k, v in shown.items()}
    classes = ("tea", "rye & jam", "oil")
    figure = draw_targets(bars, classes, 1, image, alt="in words")
    assert figure.get_label() == "in words" and png(figure).startswith(b"\x89PNG")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="rgba", dpi=72)
    width, height = (round(72 * side) for side in figure.get_size_inches())
    pixels = np.frombuffer(drawn.getvalue(), np.uint8).reshape(height, width, 4)[..., :3]
    np.testing.assert_allclose(pixels[15:150:30, 15:150:30, 0], image[0], atol=2)
    for place, values in enumerate(shown.values()):
        left, row = 150 + GAP + place * (400 + GAP) + 104, 24 + 8
        for k, value in enumerate(values):
            line = [to_hex(rgb / 255) for rgb in pixels[row + 21 * k, left : left + 230]]
            wanted = to_hex(svg.ORANGE if k == 1 else svg.BLUE)
            assert abs(line.count(wanted) - 230 * value) <= 1
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[:3] == ["a", "tea", "0.250"] and "rye & jam" in texts


def test_pictures_wrap_where_the_row_is_full():
    one = svg.svg(500, 50, "t", "")
    width, height = 72 * figure_of(svg.side_by_side(one, one, one)).get_size_inches()
    assert (width, height) == (1000 + GAP, 100 + GAP) and width <= WIDEST
