"""The static pages: complete, offline, and alive without a kernel."""

import html
import json
import re
from itertools import product

import pytest

from alive import (
    choose_a_guess,
    use_own_targets,
    use_the_bias_slider,
    use_the_drawing,
    use_the_guesses,
    use_the_polygon,
    use_the_race,
)
from notebook_io import NOTEBOOKS, read
from site_explorers import LIVE, without_guess

NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
MOVED = {  # what a reader moves on each page, and the key for it
    "01_soft_and_hard_targets": ("temperature", "ArrowRight"),
    "02_hinton_distillation": ("temperature", "ArrowRight"),
    "03_confident_logits": ("beta", "ArrowRight"),
    "06_teacher_assistants": ("assistant_0", "Space"),
    "08_when_distillation_fails": ("fault", "Space"),
    "11_a_student_in_few_bits": ("width", "ArrowRight"),
    "12_sequences": ("word", "ArrowDown"),
}
DARK = """:root { --jp-layout-color1: #111; --jp-layout-color2: #212121;
    --jp-content-font-color1: #e8e8e8; } body { background: #111; }"""
STORED = re.compile(r"<script type='application/json'>(.*?)</script>", re.S)


def page_of(site, name) -> str:
    return (site / f"{name}.html").read_text(encoding="utf-8")


def test_pages_load_nothing_and_links_lead_somewhere(site):
    for name in (*NAMES, "index", "glossary"):
        text = page_of(site, name)
        loaded = re.findall(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=[\"']([^\"']+)", text)
        assert all(source.startswith("data:") for source in loaded), name
        assert "@import" not in text and not re.search(r"url\((?!#)", text), name
        for target in re.findall(r"<a [^>]*href=[\"']([^\"'#]+)", text):
            assert target.startswith("https://") or (site / target).is_file(), (name, target)
        assert len(text) < 3e6
    assert re.findall(r"<li><a href='([^']+)\.html'>", page_of(site, "index")) == NAMES


def first_frame(text) -> str:
    """The picture of the settings at which the controls begin."""
    data, row = json.loads(STORED.search(text)[1]), 0
    for place, values in zip(data["defaults"], data["values"], strict=True):
        row = row * len(values) + place
    return data["frames"][data["index"][row]]


def is_guess(output) -> bool:
    return "kd-guess" in output.get("data", {}).get("text/html", "")


def test_every_formula_is_mathml_and_every_figure_is_there_with_its_words(site):
    for name in NAMES:
        text, cells = page_of(site, name), read(NOTEBOOKS / f"{name}.ipynb").cells
        prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", prose, flags=re.S)
        formulas = len(re.findall(r"\$\$.+?\$\$|\$[^$\n]+?\$", prose, re.S))
        assert text.count("<math") == formulas and not re.search(r"FORMULA\d|EXPLORERX", text)
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        figures = [output for output in outputs if "image/png" in output.get("data", {})]
        assert all(figure.metadata["image/png"]["alt"] for figure in figures), name
        guessed = [output.data["text/html"] for output in outputs if is_guess(output)]
        expected = len(figures) + sum(answer.count("data:image/png") for answer in guessed)
        if name in LIVE:
            expected += first_frame(text).count("data:image/png") - 1
        shown = STORED.sub("", text)
        assert shown.count("data:image/png") == expected <= shown.count("alt="), name


def test_every_setting_has_the_picture_that_the_notebook_would_show(site):
    for name, live in LIVE.items():
        text, explorer = page_of(site, name), live.build()
        data, first = json.loads(STORED.search(text)[1]), explorer.defaults
        settings = list(product(*(control.values for control in live.controls.values())))
        assert len(data["index"]) == len(settings)
        assert {*data["index"]} == {*range(len(data["frames"]))}
        for place, (key, control) in enumerate(live.controls.items()):
            assert re.search(rf"<label>[^\n]*data-control='{name}-{key}'", text)
            assert html.escape(control.label) in text
            assert data["values"][place] == [str(value) for value in control.values]
            if first[key] in control.values:
                assert control.values[data["defaults"][place]] == first[key]
        for row in (0, len(settings) // 3, len(settings) // 2, len(settings) - 1):
            chosen = dict(zip(live.controls, settings[row], strict=True))
            for key, value in {**(live.fixed or {}), **chosen}.items():  # as a reader does
                explorer.controls[key].value = value
            shown = explorer.view.value
            expected = without_guess(shown) if live.fixed else shown
            assert data["frames"][data["index"][row]] == expected, (name, row)


# In a browser


@pytest.fixture
def opened(offline, site):
    """opened("00_start_here") -> the page; nothing is asked for, nothing fails."""

    def opened(name):
        offline.goto((site / f"{name}.html").as_uri())
        return offline

    return opened


def test_a_control_changes_the_picture_without_a_kernel(opened, screenshot):
    for name, (control, key) in MOVED.items():
        page = opened(name)
        box = page.locator(".explorer")
        before = box.locator(".view").inner_html()
        assert "<svg" in before
        field = box.locator(f"[data-control='{name}-{control}']")
        field.press(key)
        changed = "before => document.querySelector('.view').innerHTML !== before"
        page.wait_for_function(changed, arg=before)
        assert "<svg" in box.locator(".view").inner_html()
        if key == "ArrowRight":  # a screen reader says the value, not its place in a list
            said = field.locator("xpath=..").locator("output").inner_text()
            assert said and field.get_attribute("aria-valuetext") == said
        screenshot(f"site-{name[:2]}")
        box.get_by_role("button", name="Reset").click()
        assert box.locator(".view").inner_html() == before


def test_live_pictures_answer_without_a_kernel_and_fit_a_phone(opened, screenshot):
    for name, use in (
        ("01_soft_and_hard_targets", use_the_polygon),
        ("01_soft_and_hard_targets", use_the_drawing),
        ("02_hinton_distillation", use_the_bias_slider),
        ("02_hinton_distillation", use_the_race),
        ("02_hinton_distillation", use_own_targets),
    ):
        page = opened(name)
        use(page)
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        screenshot(f"site-{name[:2]}-phone")
        page.set_viewport_size({"width": 1280, "height": 800})


def test_an_answer_stays_hidden_until_the_reader_commits_in_light_dark_and_on_a_phone(
    opened, screenshot
):
    for width, dark in ((1280, False), (1280, True), (390, False)):
        page = opened("02_hinton_distillation")
        page.set_viewport_size({"width": width, "height": 800})
        if dark:
            page.add_style_tag(content=DARK)
        use_the_guesses(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= max(width, 400)
        screenshot(f"guess-{width}{'-dark' * dark}", page.locator(".kd-guess").nth(1))


def test_one_of_several_is_chosen_by_key(opened):
    choose_a_guess(opened("01_soft_and_hard_targets"))


def test_print_shows_the_answer_and_a_page_without_scripts_has_it_folded(opened, site, browser):
    page = opened("02_hinton_distillation")
    page.emulate_media(media="print")
    assert page.locator(".kd-guess .answer").first.is_visible()
    plain = browser.new_page(java_script_enabled=False)
    plain.goto((site / "02_hinton_distillation.html").as_uri())
    assert not plain.locator(".kd-guess table").first.is_visible()
    plain.get_by_text("Show the answer").first.click()
    assert plain.locator(".kd-guess table").first.is_visible()


def test_formulas_are_drawn_pages_are_linked_and_fit_a_phone(opened, screenshot):
    page = opened("index")
    page.get_by_role("link", name="03 · ").click()
    formula = page.locator("math[display=block]").first
    assert formula.bounding_box()["height"] > 20 and formula.bounding_box()["width"] > 200
    page.get_by_role("link", name="All notebooks").click()
    assert page.locator("li").count() == len(NAMES)
    page.set_viewport_size({"width": 390, "height": 800})
    opened("06_teacher_assistants")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    # Its letters are 13 units high: below 9 pixels nobody reads them; the frame scrolls instead.
    svg = page.locator(".explorer .view svg").first
    units = svg.evaluate("e => e.viewBox.baseVal.width")
    assert 13 * svg.bounding_box()["width"] / units > 9
    screenshot("site-phone")
