"""The static pages on a phone, and for those who read by ear or by key: axe-core in the page."""

import pytest

from notebook_io import NOTEBOOKS
from test_site import DARK

NAMES = ["index", *sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))]
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def axe():
    why = "axe-playwright-python is missing: pip install it to look for faults of accessibility"
    return pytest.importorskip("axe_playwright_python.sync_playwright", reason=why).Axe()


def faults(axe, page) -> list[tuple]:
    """What is wrong and where, of the faults that keep somebody from reading or from acting."""
    found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        (fault["id"], node["target"], node["html"][:200])
        for fault in found
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]


def test_axe_finds_no_serious_fault_in_light_and_dark_wide_and_narrow(axe, page, site):
    for name in NAMES:
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto((site / f"{name}.html").as_uri())
        assert not faults(axe, page), name
    for name in NAMES[2:4]:  # the pages with pictures that live
        page.goto((site / f"{name}.html").as_uri())
        page.set_viewport_size({"width": 390, "height": 800})
        assert not faults(axe, page), name
        page.add_style_tag(content=DARK)
        for shown in (".kd-alive", ".kd-guess"):
            found = axe.run(page, context={"include": [[shown]]}).response["violations"]
            assert not [fault for fault in found if fault["impact"] in GRAVE], (name, shown)


def test_no_page_is_wider_than_a_phone(page, site):
    page.set_viewport_size({"width": 390, "height": 800})
    for name in NAMES:
        page.goto((site / f"{name}.html").as_uri())
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 390, name
