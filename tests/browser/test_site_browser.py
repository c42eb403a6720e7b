"""The static pages in a real browser, from a file and without a network."""

import pytest

LIVE = (  # page, what to do, what the picture says then
    ("01_soft_and_hard_targets", "range", "temperature"),
    ("02_hinton_distillation", "range", "temperature"),
    ("06_teacher_assistants", "checkbox", "assistant_0"),
    ("08_when_distillation_fails", "checkbox", "fault"),
)


@pytest.fixture
def opened(page, site):
    """opened("00_start_here") -> the page; every request and every error is kept."""
    page.requests, page.problems = [], []
    page.on("request", lambda request: page.requests.append(request.url))
    page.on("pageerror", lambda problem: page.problems.append(str(problem)))

    def opened(name):
        page.goto((site / f"{name}.html").as_uri())
        return page

    yield opened
    assert not page.problems
    assert not [url for url in page.requests if not url.startswith(("file:", "data:"))]


@pytest.mark.parametrize(("name", "kind", "control"), LIVE)
def test_a_control_changes_the_picture_without_a_kernel(name, kind, control, opened, screenshot):
    page = opened(name)
    box = page.locator(".explorer")
    box.scroll_into_view_if_needed()
    before = box.locator(".view").inner_html()
    assert "<svg" in before
    field = box.locator(f"[data-control='{name}-{control}']")
    field.focus()
    page.keyboard.press("ArrowRight" if kind == "range" else "Space")
    changed = "before => document.querySelector('.view').innerHTML !== before"
    page.wait_for_function(changed, arg=before, timeout=5_000)
    assert "<svg" in box.locator(".view").inner_html()
    if kind == "range":  # a screen reader says the value, not its place in a list
        said = field.locator("xpath=..").locator("output").inner_text()
        assert said and field.get_attribute("aria-valuetext") == said
    screenshot(f"site-{name[:2]}")
    box.get_by_role("button", name="Reset").click()
    assert box.locator(".view").inner_html() == before


@pytest.mark.parametrize("name", [name for name, _, _ in LIVE])
def test_without_javascript_the_first_picture_is_there(name, page, site):
    context = page.context.browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto((site / f"{name}.html").as_uri())
    assert plain.locator(".explorer .view svg").first.is_visible()
    assert "need JavaScript" in plain.locator(".explorer noscript").inner_text()
    context.close()


def test_formulas_are_drawn_and_pages_are_linked(opened, screenshot):
    page = opened("index")
    page.get_by_role("link", name="03 · ").click()
    formula = page.locator("math[display=block]").first
    formula.scroll_into_view_if_needed()
    assert formula.bounding_box()["height"] > 20 and formula.bounding_box()["width"] > 200
    screenshot("site-03-formula")
    page.get_by_role("link", name="All notebooks").click()
    assert page.locator("li").count() >= 9


def test_a_page_fits_a_phone(opened, page, screenshot):
    page.set_viewport_size({"width": 390, "height": 800})
    opened("06_teacher_assistants")
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.locator(".explorer").scroll_into_view_if_needed()
    screenshot("site-phone")
    assert wide <= 400
    # Its letters are 13 units high: below 9 pixels nobody reads them; the frame scrolls instead.
    box = page.locator(".explorer .view svg").first
    drawn, units = box.bounding_box()["width"], box.evaluate("e => e.viewBox.baseVal.width")
    assert 13 * drawn / units > 9
