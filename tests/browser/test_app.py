"""The playground served by Voilà for several readers at once, as `make app` does."""

import http.client
import re

import pytest
from playwright.sync_api import expect

from notebook_io import ROOT
from servers import APP_FLAGS

VERDICT = "BETTER: +2.68 points"


def open_app(page, app):
    page.goto(f"{app.url}/?token={app.token}")
    expect(page.get_by_role("button", name="Train now")).to_be_visible()
    expect(page.locator("body")).to_contain_text(VERDICT)
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
    expect(said_first).to_contain_text("600 steps in all, about")
    assert second.get_by_label("this setting").input_value() == "kd1"  # the other page stays
    expect(said_second).to_contain_text(VERDICT)
    first.get_by_role("button", name="Train now").click()
    expect(said_first).to_contain_text(re.compile(r"Step \d+ of 600"))
    paste(second, "kd1;teacher=cnn-4")  # alive while the other one trains
    expect(said_second).to_contain_text("BETTER: +3.95 points")
    paste(second, "kd1;T=3")
    second.get_by_role("button", name="Train now").click()
    means = r"this setting: (\d\d\.\d\d) with seed 0"
    for said in (said_first, said_second):
        expect(said).to_contain_text("Finished, after")
        expect(said).to_contain_text(re.compile(means))  # the picture comes a moment later
    one, two = (re.search(means, page.content()) for page in (first, second))
    assert one and two and one[1] == two[1]
    screenshot("09-trained")


def test_make_app_starts_it_so():
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    commands = [line for line in lines if "voila" in line and "09_playground" in line]
    if not commands:
        pytest.skip("the Makefile has no such command")
    assert all(flag in commands[0] for flag in APP_FLAGS)
