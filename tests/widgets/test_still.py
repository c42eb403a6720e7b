"""A still picture shows what the live one does: every mark at its place, in its colour."""

import io

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch

from kd_helpers.widgets import svg
from kd_helpers.widgets.figures import draw_targets
from kd_helpers.widgets.still import GAP, WIDEST, figure_of, png

CLASSES = ("tea", "rye & jam", "oil")


def pixels_of(figure) -> np.ndarray:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="rgba", dpi=72)
    width, height = (round(72 * side) for side in figure.get_size_inches())
    return np.frombuffer(drawn.getvalue(), np.uint8).reshape(height, width, 4)[..., :3]


def colour(rgb) -> str:
    return to_hex(np.asarray(rgb) / 255)


def test_bars_and_images_stand_where_the_browser_puts_them():
    image = np.random.default_rng(0).integers(0, 256, (1, 5, 5), np.uint8)
    shown = {"a": [0.25, 1.0, 0.0], "b": [0.0, 0.0, 0.5]}
    figure = draw_targets(
        {k: np.array(v) for k, v in shown.items()}, CLASSES, 1, image, alt="in words"
    )
    assert figure.get_label() == "in words" and png(figure).startswith(b"\x89PNG")
    pixels = pixels_of(figure)
    np.testing.assert_allclose(pixels[15:150:30, 15:150:30, 0], image[0], atol=2)
    for place, values in enumerate(shown.values()):
        left, row = 150 + GAP + place * (400 + GAP) + 104, 24 + 8
        for k, value in enumerate(values):
            line = [colour(rgb) for rgb in pixels[row + 21 * k, left : left + 230]]
            wanted = to_hex(svg.ORANGE if k == 1 else svg.BLUE)
            assert abs(line.count(wanted) - 230 * value) <= 1
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[:3] == ["a", "tea", "0.250"] and "rye & jam" in texts


def test_arrows_rings_and_dashes_are_drawn_and_definitions_are_not():
    body = (
        "<defs><marker id='head'><path d='M0 0 L10 5 L0 10 z' fill='#222222'/></marker></defs>"
        "<path d='M10 20 L90 20' fill='none' stroke='#222222' marker-end='url(#head)'/>"
        "<path d='M10 40 C30 10 70 10 90 40' fill='none' stroke='#222222' stroke-dasharray='6 4'/>"
        "<circle cx='50.5' cy='60.5' r='8' fill='none' stroke='#D55E00' stroke-width='2'/>"
    )
    figure = figure_of(svg.svg(100, 80, "t", body))
    patches = figure.axes[0].patches
    assert len(patches) == 3 and [isinstance(p, FancyArrowPatch) for p in patches] == [1, 0, 0]
    assert patches[1].get_linestyle() != "-" and len(patches[1].get_path().vertices) == 4
    pixels = pixels_of(figure)
    assert colour(pixels[60, 58]) == to_hex("#D55E00") and colour(pixels[60, 50]) == "#ffffff"
    assert colour(pixels[20, 50]) == to_hex("#222222")


def test_pictures_wrap_where_the_row_is_full():
    one = svg.svg(500, 50, "t", "")
    width, height = 72 * figure_of(svg.side_by_side(one, one, one)).get_size_inches()
    assert (width, height) == (1000 + GAP, 100 + GAP) and width <= WIDEST
