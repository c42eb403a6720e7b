"""The playground in a real browser: in JupyterLab, and served by Voilà for several readers at
once."""

import os
import re

import pytest

from lab_browser import ROOT, eventually, stop_lab
from voila_app import FLAGS, start_app, status

VERDICT = "() => document.body.innerText.includes('BETTER: +2.68 points')"


@pytest.fixture(scope="module")
def app(browser_type_launch_args, tmp_path_factory):
    """Voilà over notebook 09, as `make app` starts it; trainings go to a folder of its own."""
    if os.environ.get("KD_REQUIRE_BROWSER") != "1":
        pytest.importorskip("voila", reason="pip install -e '.[app]'")
    work = tmp_path_factory.mktemp("voila")
    app, process = start_app(work, work / "out")
    yield app
    stop_lab(process)


def open_app(page, app):
    page.goto(f"{app.url}/?token={app.token}")
    page.get_by_role("button", name="Train now").wait_for(timeout=90_000)
    assert eventually(page, VERDICT, 30)
    return page


def paste(page, text: str) -> None:
    field = page.get_by_label("this setting")
    field.fill(text)
    field.press("Enter")


def says(page, words: str, seconds: float = 30) -> bool:
    return eventually(page, f"() => document.body.innerText.includes({words!r})", seconds)


def test_09_the_page_in_jupyterlab(open_and_run, screenshot):
    page = open_and_run("09_playground.ipynb")
    box = page.locator(".widget-vbox", has_text="Train now").first
    box.scroll_into_view_if_needed()
    assert eventually(page, VERDICT, 20)
    screenshot("09-default")
    handle = box.locator(".noUi-handle").first
    handle.focus()
    for _ in range(8):  # T = 4 → 8 in steps of 0.5; all seeds of both are stored
        page.keyboard.press("ArrowRight")
    assert eventually(
        page, "() => [...document.querySelectorAll('input')].some(i => i.value === 'kd1;T=8')", 20
    )
    circles = page.locator("svg[aria-label='Test accuracy of every seed'] circle")
    assert circles.count() == 15
    screenshot("09-temperature")
    paste(page, "kd1;assistants=cnn-8+cnn-4;way=dense")
    page.get_by_text("show who shares whose errors").click()
    assert says(page, "both are on")
    count = r"() => +document.body.innerText.match(/both are on (\d+)/)[1]"
    before = page.evaluate(count)
    page.locator(".widget-gridbox").last.get_by_role("button").first.click()
    assert eventually(page, f"() => ({count})() !== {before}", 10)
    page.locator(".widget-gridbox").last.scroll_into_view_if_needed()
    screenshot("09-errors")


def test_without_the_token_nothing_is_served(app):
    for path in ("/", "/?token=wrong", "/api/kernels", "/voila/render/09_playground.ipynb"):
        code, to = status(app.url + path)
        assert (code, to.split("?")[0]) == (302, "/login"), path
    code, _ = status(f"{app.url}/voila/files/09_playground.ipynb")
    assert code in (302, 403)
    assert status(f"{app.url}/?token={app.token}") == (200, "")


def test_the_page_shows_no_code(page, app, screenshot):
    open_app(page, app)
    assert "build_playground" not in page.content() and "import" not in page.inner_text("body")
    screenshot("09-voila")
    page.get_by_text("Copy as code").first.click()
    code = page.locator("textarea").last
    code.wait_for()
    assert "recipe = replace(alone, teacher=teacher" in code.input_value()
    screenshot("09-code")


def test_garbage_is_refused_in_words(page, app, screenshot):
    open_app(page, app)
    paste(page, "kd1;student=resnet-9")
    assert says(page, "got student=resnet-9; expected one of cnn-2, cnn-4")
    screenshot("09-garbage")


def test_two_readers_at_once_and_a_training_for_both(page, app, context, screenshot):
    first, second = open_app(page, app), open_app(context.new_page(), app)
    paste(first, "kd1;T=3")
    assert says(first, "600 steps in all, about")
    assert eventually(second, VERDICT, 5)  # the other page stays as it was
    assert second.get_by_label("this setting").input_value() == "kd1"
    first.get_by_role("button", name="Train now").click()
    assert says(first, "Step 50 of 600", 60)
    paste(second, "kd1;teacher=cnn-4")  # alive while the other one trains
    assert says(second, "BETTER: +3.95 points")
    paste(second, "kd1;T=3")
    second.get_by_role("button", name="Train now").click(timeout=5_000)
    screenshot("09-training")
    assert says(first, "Finished, after", 120)
    assert says(second, "Finished, after", 30)
    shown = [
        re.search(r"this setting: (\d\d\.\d\d) with seed 0", p.content()) for p in (first, second)
    ]
    assert all(shown) and shown[0][1] == shown[1][1]
    screenshot("09-trained")


def test_make_app_starts_it_so():
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    commands = [line for line in lines if "voila" in line and "09_playground" in line]
    if not commands:
        pytest.skip("the Makefile has no such command")
    assert all(flag in commands[0] for flag in FLAGS)
