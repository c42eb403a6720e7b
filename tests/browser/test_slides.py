"""The decks: offline, one slide at a time, each on one screen, with pictures that live."""

import pytest

import build_slides
from alive import use_the_polygon
from notebook_io import NOTEBOOKS, read

DECKS = ("01", "02", "03", "04", "05", "06", "08")
FITS = "e => e.scrollHeight <= e.clientHeight && e.scrollWidth <= e.clientWidth"


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    build_slides.build(folder, live=False)
    return folder


@pytest.fixture
def opened(offline, slides):
    def opened(number):
        offline.set_viewport_size({"width": 1280, "height": 800})
        offline.goto(next(slides.glob(f"{number}*.html")).as_uri())
        return offline

    return opened


def test_every_slide_is_shown_alone_and_fits_the_screen(opened, screenshot):
    for number in DECKS:
        page = opened(number)
        notebook = read(next(NOTEBOOKS.glob(f"{number}*.ipynb")))
        last = len(build_slides.slides_of(notebook))
        assert 6 <= last <= 12, number
        for place in range(1, last + 1):
            assert page.locator("nav output").inner_text() == f"{place} / {last}"
            assert page.locator("main > section:visible").count() == 1
            assert page.locator("main > section.here").evaluate(FITS), (number, place)
            page.keyboard.press("PageDown")
        assert page.locator("nav output").inner_text() == f"{last} / {last}"
    screenshot("slides")


def test_keys_move_a_control_that_has_the_focus_and_else_turn_the_page(opened):
    page = opened("01")
    page.keyboard.press("ArrowRight")
    use_the_polygon(page)
    page.locator("main > section.here input[type=range]").first.press("ArrowRight")
    assert page.locator("nav output").inner_text().startswith("2 /")
    page.get_by_role("button", name="forward").click()
    page.keyboard.press("ArrowRight")
    assert page.url.endswith("#4")
    page.reload()
    page.locator("main > section.here").get_by_text("Guess first").wait_for()
    page.emulate_media(media="print")
    assert page.locator("main > section:visible").count() > 6
