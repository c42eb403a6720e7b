"""The playground served by Voilà for several readers at once, as `make app` does."""

import http.client
import re

import pytest
from playwright.sync_api import expect

import servers
from alive import (
    use_own_targets,
    use_the_bias_slider,
    use_the_drawing,
    use_the_polygon,
    use_the_race,
)

VERDICT = "BETTER: +2.68 points"
LINE = "This setting as a line and as code"
FIGURES = "es => es.map(e => e.getBoundingClientRect()).map(r => [r.left, r.top, r.width])"


def open_app(page, app):
    page.goto(f"{app.url}/?token={app.token}")
    expect(page.get_by_role("button", name="Train the missing seeds")).to_be_visible()
    expect(page.locator("body")).to_contain_text(VERDICT)
    page.locator(".widget-box, .jupyter-widgets").get_by_text(LINE).first.click()
    return page


def paste(page, text: str) -> None:
    field = page.get_by_label("this setting")
    field.fill(text)
    field.press("Enter")


def status(app, path: str) -> tuple[int, str]:
    """What the server says: the status of its answer, and where it sends the reader."""
    connection = http.client.HTTPConnection(app.url.removeprefix("http://"), timeout=180)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.getheader("Location", "").split("?")[0]


def test_without_the_token_nothing_is_served(app):
    for path in ("/", "/?token=wrong", "/api/kernels", "/voila/render/09_playground.ipynb"):
        assert status(app, path) == (302, "/login"), path
    assert status(app, "/voila/files/09_playground.ipynb")[0] in (302, 403)
    assert status(app, f"/?token={app.token}") == (200, "")


def test_two_readers_at_once_and_a_training_for_both(page, app, context, screenshot):
    first, second = open_app(page, app), open_app(context.new_page(), app)
    said_first, said_second = first.locator("body"), second.locator("body")
    assert "import" not in first.inner_text("body")  # no code
    paste(first, "kd1;student=resnet-9")
    expect(said_first).to_contain_text("got student=resnet-9; expected one of cnn-2, cnn-4")
    paste(first, "kd1;T=3")
    expect(said_first).to_contain_text("5 trainings, 3,000 steps in all, about")
    assert second.get_by_label("this setting").input_value() == "kd1"  # the other page stays
    expect(said_second).to_contain_text(VERDICT)
    first.get_by_role("button", name="Train seed 0 only").click()
    expect(said_first).to_contain_text(re.compile(r"Step \d+ of 600"))
    paste(second, "kd1;teacher=cnn-4")  # alive while the other one trains
    expect(said_second).to_contain_text("BETTER: +3.95 points")
    paste(second, "kd1;T=3")
    second.get_by_role("button", name="Train seed 0 only").click()
    means = r"this setting: (\d\d\.\d\d) with seed 0"
    for said in (said_first, said_second):
        expect(said).to_contain_text("Finished, after")
        expect(said).to_contain_text(re.compile(means))  # the picture comes a moment later
    one, two = (re.search(means, page.content()) for page in (first, second))
    assert one and two and one[1] == two[1]
    screenshot("09-trained")


def test_it_fits_every_screen_and_says_what_each_control_is(page, app, screenshot):
    open_app(page, app)
    for width, height in ((1280, 800), (1920, 1080), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        screenshot(f"09-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        (left, top, wide), other = page.locator(".kd-figures > div").evaluate_all(FIGURES)
        beside = other[0] > left + wide and other[1] == top
        assert beside == (width > 1000) and (wide >= 500 or not beside)
        verdict = page.get_by_text(VERDICT).first.bounding_box()
        assert width < 1000 or verdict["y"] + verdict["height"] < 800  # seen at once
        for group in page.get_by_role("group").all():
            starts = group.locator(".kd-labelled").evaluate_all(FIGURES)
            assert len({start for start, _, wide in starts if wide}) == 1  # one below the other
    for name in ("temperature T", "α, weight of the soft targets"):
        assert page.get_by_role("slider", name=name).count() == 1
    handle = page.get_by_role("slider", name="temperature T")
    handle.press("ArrowLeft")
    expect(page.get_by_label("this setting")).to_have_value("kd1;T=3.5")


@pytest.fixture(scope="module")
def all_notebooks(browser_type_launch_args, tmp_path_factory):
    with servers.serve_app(tmp_path_factory.mktemp("voila"), "") as server:
        yield server


IN_VOILA = {
    "01_soft_and_hard_targets": (use_the_polygon, use_the_drawing),
    "02_hinton_distillation": (use_the_race, use_own_targets, use_the_bias_slider),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_VOILA)
@pytest.mark.parametrize("theme, width", [("dark", 1280), ("light", 390)])
def test_live_pictures_answer_in_voila(name, theme, width, page, all_notebooks, screenshot):
    problems = []
    page.on("pageerror", lambda problem: problems.append(str(problem)))
    page.set_viewport_size({"width": width, "height": 900})
    where = f"{all_notebooks.url}/voila/render/{name}.ipynb"
    page.goto(f"{where}?theme={theme}&token={all_notebooks.token}")
    expect(page.locator(".kd-guess").first).to_be_attached()
    for use in IN_VOILA[name]:
        use(page)
    assert page.locator("style + .kd-still").first.is_hidden() and not problems
    assert page.evaluate("document.documentElement.scrollWidth") <= max(width, 400)
    screenshot(f"voila-{name[:2]}-{theme}-{width}")
