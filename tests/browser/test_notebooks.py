"""The notebooks in JupyterLab, in a real browser: that the controls a reader sees are alive."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from alive import (
    use_own_targets,
    use_the_bias_slider,
    use_the_drawing,
    use_the_guesses,
    use_the_polygon,
    use_the_race,
)
from kd_course.nb02_hinton.experiments import TEACHER
from kd_helpers import load_or_train
from notebook_io import NOTEBOOKS

WITH_EXPLORERS = sorted(
    path.name for names in ("0[0345689]_*", "11_*") for path in NOTEBOOKS.glob(f"{names}.ipynb")
)
EXPLORERS = ".widget-vbox:has(> .kd-controls button:text-is('Reset'))"
SHOWN = "box => [...box.querySelectorAll('.widget-html-content')].map(e => e.innerHTML).join()"


def box_with(page, text: str):
    """The smallest widget box of the notebook that holds `text`, scrolled into view."""
    box = page.locator(".widget-vbox", has_text=text).last
    box.scroll_into_view_if_needed()
    return box


def expected_soft_target(temperature: float) -> np.ndarray:
    """The soft target of the most ambiguous test image, computed here from the stored logits."""
    logits = load_or_train(TEACHER, quiet=True).logits("test").double().numpy()
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    first = np.diff(np.sort(p, axis=1)[:, -2:], axis=1)[:, 0].argmin()
    z = np.exp(logits[first] / temperature)
    return z / z.sum()


def test_01_the_polygon_and_the_temperature_slider_answer(open_and_run, screenshot):
    page = open_and_run("01_soft_and_hard_targets.ipynb")
    use_the_polygon(page)
    screenshot("polygon", page.locator(".kd-polygon"))
    use_the_drawing(page)
    screenshot("drawing", page.locator(".kd-drawing"))
    box = box_with(page, "temperature T")
    handle = box.locator(".noUi-handle").first
    expect(handle).to_have_attribute("aria-valuenow", "4.0")
    handle.focus()
    for _ in range(12):  # 4.00 → 1.00 in steps of 0.25
        page.keyboard.press("ArrowLeft")
    expect(box).to_contain_text("T = 1.00; top probability")
    chart = box.locator("svg").first
    texts = chart.locator("text").all_text_contents()
    shown = [float(text) for text in texts if re.fullmatch(r"\d\.\d{3}", text)]
    np.testing.assert_allclose(shown, expected_soft_target(1.0), atol=6e-4)
    bars = chart.locator("rect").evaluate_all("rs => rs.map(r => +r.getAttribute('width'))")
    np.testing.assert_allclose(np.array(bars) / sum(bars), expected_soft_target(1.0), atol=6e-4)
    box.get_by_role("button", name="Reset").click()
    expect(box).to_contain_text("T = 4.00; top probability")
    screenshot("temperature-explorer", box)


def test_02_a_student_is_trained_live_and_the_gradients_answer(open_and_run, screenshot):
    page = open_and_run("02_hinton_distillation.ipynb")
    use_the_guesses(page)
    screenshot("guess", page.locator(".kd-guess").nth(1))
    use_the_race(page)
    screenshot("race", page.locator(".kd-race"))
    use_own_targets(page)
    screenshot("own-targets", page.locator(".kd-own"))
    use_the_bias_slider(page)
    screenshot("bias-slider", page.locator(".kd-bias"))
    box = box_with(page, "images (600 labelled)")
    student = box.locator("select").first
    for key in ("ArrowDown", "m", "j"):  # of JupyterLab: the next cell, make it Markdown, again
        student.press(key)
    expect(student).to_be_focused()
    start, stop = (box.get_by_role("button", name=name) for name in ("Start", "Stop"))
    grown = """least => [...document.querySelectorAll('.widget-html-content svg polyline')]
        .filter(l => l.getAttribute('points').split(' ').length >= least).length >= 2"""
    start.click()
    page.wait_for_function(grown, arg=2)
    start.click()
    expect(box).to_contain_text("running already")
    page.wait_for_function(grown, arg=4)
    screenshot("02-training")
    stop.click()
    expect(box).to_contain_text("Stopped after")
    gradients = box_with(page, "multiply the soft loss by T²")
    before = gradients.evaluate(SHOWN)
    gradients.locator("input[type=checkbox]").click()
    changed = f"([box, before]) => ({SHOWN})(box) !== before"
    page.wait_for_function(changed, arg=[gradients.element_handle(), before])


def test_00_reopened_without_a_kernel_has_a_picture_where_its_control_was(open_and_run, reopen):
    page = open_and_run("00_start_here.ipynb")
    picture = page.locator("style + .kd-still")
    expect(page.locator(".kd-lives")).to_be_visible()
    expect(picture).to_be_hidden()
    for shown in page.locator(".kd-still").all():
        assert len(shown.get_attribute("alt")) > 20
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    before = "getComputedStyle(document.querySelector('.kd-page'), '::before').content"
    page.wait_for_function(f"() => {before}.includes('run the cell again')")
    reopen("00_start_here.ipynb")
    expect(picture).to_be_visible()
    page.wait_for_function("() => document.body.textContent.includes('model not found')")
    expect(page.get_by_text("model not found")).to_be_hidden()


@pytest.mark.slow
def test_01_answers_on_a_phone(open_and_run, screenshot):
    page = open_and_run("01_soft_and_hard_targets.ipynb")
    page.set_viewport_size({"width": 390, "height": 844})
    for name, use in (("polygon", use_the_polygon), ("drawing", use_the_drawing)):
        use(page)
        box = page.locator(f".kd-{name}")
        assert box.evaluate("e => e.scrollWidth <= e.clientWidth + 1")
        screenshot(f"{name}-390", box)


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_EXPLORERS)
def test_every_explorer_answers_its_controls_and_resets(name, open_and_run, screenshot):
    page = open_and_run(name)
    boxes = page.locator(EXPLORERS)
    assert boxes.count()
    for place, box in enumerate(boxes.all()):
        box.scroll_into_view_if_needed()
        before, element = box.evaluate(SHOWN), box.element_handle()
        for handle in box.locator(".noUi-handle").all():
            handle.press("ArrowRight")
        for choice in box.locator("select:enabled").all():
            choice.select_option(index=1)
        page.wait_for_function(f"([b, before]) => ({SHOWN})(b) !== before", arg=[element, before])
        screenshot(f"{name[:2]}-{place}")
        box.get_by_role("button", name="Reset").click()
        page.wait_for_function(f"([b, before]) => ({SHOWN})(b) === before", arg=[element, before])
