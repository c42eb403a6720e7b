"""The notebooks in JupyterLab, in a real browser: that the controls a reader sees are alive."""

import re

import numpy as np
import pytest

from kd_course.nb02_hinton.experiments import TEACHER
from kd_helpers import load_or_train
from lab_browser import SCREENSHOTS, eventually

BARS = "[...document.querySelectorAll('.widget-html-content svg')]"


def scroll_to(page, text: str):
    """The smallest widget box of the notebook that holds `text`, scrolled into view."""
    box = page.locator(".widget-vbox", has_text=text).last
    box.scroll_into_view_if_needed()
    return box


def test_00_a_control_shows_another_view(open_and_run, screenshot):
    page = open_and_run("00_start_here.ipynb")
    assert "[failed]" not in page.locator(".jp-OutputArea").first.inner_text()
    box = scroll_to(page, "view")
    before = box.locator("img").last.get_attribute("src")
    box.locator(".noUi-handle").last.focus()
    page.keyboard.press("ArrowRight")
    eventually(page, "() => document.body.innerText.includes('view 2: shifted')", 10)
    assert "view 2: shifted 0 down, 1 right" in box.inner_text()
    assert box.locator("img").last.get_attribute("src") != before
    screenshot("00-views")


def expected_soft_target(temperature: float) -> np.ndarray:
    """The soft target of the most ambiguous test image, computed here from the stored logits."""
    logits = load_or_train(TEACHER, quiet=True).logits("test").double().numpy()
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    first = np.diff(np.sort(p, axis=1)[:, -2:], axis=1)[:, 0].argmin()
    z = np.exp(logits[first] / temperature)
    return z / z.sum()


def test_01_the_temperature_slider_moves_bars_and_numbers(open_and_run, screenshot):
    page = open_and_run("01_soft_and_hard_targets.ipynb")
    box = scroll_to(page, "temperature T")
    handle = box.locator(".noUi-handle").first
    assert handle.get_attribute("aria-valuenow") == "4.0"
    widths = (
        box.locator("svg")
        .first.locator("rect")
        .evaluate_all("rs => rs.map(r => +r.getAttribute('width'))")
    )
    handle.focus()
    for _ in range(12):  # 4.00 → 1.00 in steps of 0.25
        page.keyboard.press("ArrowLeft")
    assert eventually(
        page, "() => document.body.innerText.includes('T = 1.00; top probability')", 10
    )
    chart = box.locator("svg").first
    shown = [
        float(t) for t in chart.locator("text").all_text_contents() if re.fullmatch(r"\d\.\d{3}", t)
    ]
    np.testing.assert_allclose(shown, expected_soft_target(1.0), atol=6e-4)
    moved = chart.locator("rect").evaluate_all("rs => rs.map(r => +r.getAttribute('width'))")
    np.testing.assert_allclose(np.array(moved) / sum(moved), expected_soft_target(1.0), atol=6e-4)
    assert not np.allclose(moved, widths)
    screenshot("01-temperature")
    box.get_by_role("button", name="Reset").click()
    assert eventually(
        page, "() => document.body.innerText.includes('T = 4.00; top probability')", 10
    )
    box.screenshot(path=SCREENSHOTS / "temperature-explorer.png")


def curve_points(page) -> list[int]:
    """How many points each curve of the training panel has."""
    lines = page.locator(".widget-html-content svg polyline").evaluate_all(
        "ls => ls.map(l => l.getAttribute('points'))"
    )
    return [len(points.split()) for points in lines]


def test_02_start_grows_both_curves_and_stop_stops(open_and_run, screenshot):
    page = open_and_run("02_hinton_distillation.ipynb")
    box = scroll_to(page, "images (600 labelled)")
    start, stop = (box.get_by_role("button", name=name) for name in ("Start", "Stop"))
    start.click()
    two_points = "() => [...document.querySelectorAll('svg polyline')].filter(l => l.getAttribute('points').split(' ').length >= 2).length === 2"
    assert eventually(page, two_points, 60)
    first = curve_points(page)
    start.click()
    assert eventually(page, "() => document.body.innerText.includes('running already')", 10)
    more = f"() => [...document.querySelectorAll('svg polyline')].every(l => l.getAttribute('points').split(' ').length > {max(first)})"
    assert eventually(page, more, 60)
    screenshot("02-training")
    stop.click()
    assert eventually(page, "() => document.body.innerText.includes('Stopped after')", 5)
    after = curve_points(page)
    page.wait_for_timeout(1500)
    assert curve_points(page) == after
    screenshot("02-stopped")


@pytest.mark.parametrize("label, change", [("multiply the soft loss by T²", "The teacher has")])
def test_02_the_gradient_explorer_answers(open_and_run, screenshot, label, change):
    page = open_and_run("02_hinton_distillation.ipynb")
    box = scroll_to(page, label)
    before = box.inner_text()
    box.locator("input[type=checkbox]").click()
    assert change in before
    page.wait_for_timeout(1000)
    assert box.inner_text() != before
    screenshot("02-gradients")


def drawn_numbers(box, chart: int) -> list[float]:
    """The numbers beside the bars of one chart of an explorer."""
    texts = box.locator("svg").nth(chart).locator("text").all_text_contents()
    return [float(t) for t in texts if re.fullmatch(r"\d\.\d{3}", t)]


def test_03_a_treatment_shows_its_target_and_the_temperature_its_histogram(
    open_and_run, screenshot
):
    page = open_and_run("03_confident_logits.ipynb")
    box = scroll_to(page, "k, entries kept or left out")
    before, after = drawn_numbers(box, 0), drawn_numbers(box, 1)
    assert len(before) == len(after) == 10 and before != after
    screenshot("03-treatments")
    box.locator("select").first.select_option("all but the top k")
    assert eventually(page, "() => document.body.innerText.includes('7 smallest entries')", 10)
    kept = drawn_numbers(box, 1)
    assert len(kept) == 11 and abs(sum(kept) - 1) < 0.006 and kept.count(0.0) >= 4
    screenshot("03-small-entries")
    box = scroll_to(page, "54,000 training images")
    counts = r"() => document.body.innerText.match(/counts (0\.\d+) on average/)[1]"
    muted = float(page.evaluate(counts))
    handle = box.locator(".noUi-handle").first
    handle.focus()
    for _ in range(6):  # 1.0 → 4.0 in steps of 0.5
        page.keyboard.press("ArrowRight")
    assert eventually(page, "() => document.body.innerText.includes('at T = 4.00?')", 10)
    assert float(page.evaluate(counts)) > 2 * muted
    screenshot("03-certainty")


def test_04_the_walk_goes_through_the_mistakes_of_each_teacher(open_and_run, screenshot):
    page = open_and_run("04_correcting_the_teacher.ipynb")
    box = scroll_to(page, "least sure mistakes first")
    uncorrected, swapped = drawn_numbers(box, 0), drawn_numbers(box, 1)
    assert uncorrected != swapped and sorted(uncorrected) == sorted(swapped)
    count = r"() => document.body.innerText.match(/mistake \(of (\d+)\)/)[1]"
    few = int(page.evaluate(count))
    screenshot("04-mistakes")
    box.locator("select").first.select_option("40 % pair labels")
    assert eventually(page, f"() => ({count})() > {3 * few}", 10)
    assert drawn_numbers(box, 0) != uncorrected
    screenshot("04-pair-teacher")


def test_05_members_go_off_and_teams_change(open_and_run, screenshot):
    page = open_and_run("05_ensembles_and_specialists.ipynb")
    box = scroll_to(page, "joined by")
    charts = box.locator("svg")
    assert charts.count() == 6  # five members, and what they say together
    screenshot("05-generalists")
    together = drawn_numbers(box, 5)
    for place in range(1, 5):
        box.locator("input[type=checkbox]").nth(place).click()
    assert eventually(page, f"() => {BARS}.length === 2", 10)
    alone = drawn_numbers(box, 0)
    assert alone == drawn_numbers(box, 1) != together  # one member on: it is the joint answer
    box.get_by_role("button", name="Reset").click()
    assert eventually(page, f"() => {BARS}.length === 6", 10)
    box.locator("select").first.select_option("a generalist and specialists")
    assert eventually(page, f"() => {BARS}.length === 5", 10)
    assert "none of these" in box.inner_text() or "none of these" in "".join(
        charts.nth(1).locator("text").all_text_contents()
    )
    screenshot("05-specialists")
    box.locator("select").first.select_option("towers by index")
    assert eventually(page, f"() => {BARS}.length === 6", 10)
    box.get_by_role("button", name="probabilities").click()
    said = "() => document.body.innerText.includes('together: probabilities') || [...document.querySelectorAll('svg text')].some(t => t.textContent === 'together: probabilities')"
    assert eventually(page, said, 10)
    assert max(drawn_numbers(box, 5)) < 0.232  # e / (e + 9)
    screenshot("05-double-softmax")


def test_06_assistants_go_out_and_cells_show_their_images(open_and_run, screenshot):
    page = open_and_run("06_teacher_assistants.ipynb")
    box = page.locator(".widget-vbox", has_text="one thread").last
    box.scroll_into_view_if_needed()
    arrows = "() => document.querySelectorAll('svg path[marker-end]').length"
    assert page.evaluate(arrows) == 4  # a chain of five networks
    screenshot("06-chain")
    box.get_by_role("button", name="dense", exact=True).click()
    assert eventually(page, f"() => ({arrows})() === 10", 10)
    screenshot("06-dense")
    for place in range(3):
        box.locator("input[type=checkbox]").nth(place).click()
    assert eventually(page, f"() => ({arrows})() === 1", 10)
    box.get_by_role("button", name="Reset").click()
    box.locator("select").first.select_option("cnn-8")
    box.get_by_role("button", name="stochastic").click()
    assert eventually(page, "() => document.body.innerText.includes('was not run')", 10)
    screenshot("06-not-run")
    grid = page.locator(".widget-gridbox").last
    grid.scroll_into_view_if_needed()
    count = r"() => +document.body.innerText.match(/both are on (\d+)/)[1]"
    before = page.evaluate(count)
    cells = grid.get_by_role("button")
    assert cells.count() == 10
    screenshot("06-avalanche")
    cells.first.click()
    assert eventually(page, f"() => ({count})() !== {before}", 10)
    screenshot("06-a-pair")


def test_08_a_fault_is_guessed_and_switched_on(open_and_run, screenshot):
    page = open_and_run("08_when_distillation_fails.ipynb")
    box = page.locator(".widget-vbox", has_text="switch the fault on").last
    box.scroll_into_view_if_needed()
    dots = "() => document.querySelectorAll('svg[aria-label^=Test] circle').length"
    assert page.evaluate(dots) == 0  # nothing is told before the guess
    screenshot("08-before-the-guess")
    box.locator("select").nth(1).select_option("costs more than 1 point")
    assert eventually(page, f"() => ({dots})() === 5", 20)
    box.locator("input[type=checkbox]").click()
    assert eventually(page, f"() => ({dots})() === 10", 20)
    assert "fails:" in box.inner_text() and "You guessed" in box.inner_text()
    screenshot("08-mean")
    box.locator("select").first.select_option("12. stored answers, shuffled images")
    assert eventually(page, "() => document.body.innerText.includes('answer to another one')", 20)
    screenshot("08-shuffled")
