"""What a reader does with a live picture, wherever it stands."""

from playwright.sync_api import Page, expect

INK = """map => {  // how many pixels around the middle are not white
    const {data} = map.getContext('2d').getImageData(450, 350, 300, 300);
    let n = 0;
    for (let i = 0; i < data.length; i += 4) n += data[i] + data[i + 1] + data[i + 2] < 700;
    return n;
}"""


def use_the_polygon(page: Page) -> None:
    """Raise T until the dots are in the middle, walk to an image, ask a student."""
    box = page.locator(".kd-polygon")
    box.scroll_into_view_if_needed()
    slider, dots = box.get_by_role("slider"), box.locator("canvas.map")
    few = dots.evaluate(INK)
    slider.press("End")
    expect(slider).to_have_attribute("aria-valuetext", "T = 20")
    moved = f"few => ({INK})(document.querySelector('canvas.map')) > few + 3000"
    page.wait_for_function(moved, arg=few)
    dots.press("ArrowRight")
    card = box.locator(".card")
    expect(card).to_contain_text("label: Ankle boot")
    before = card.inner_text()
    box.get_by_role("button", name="student, distilled").click()
    expect(card).not_to_have_text(before)
    box.get_by_role("button", name="Raise T slowly").click()
    expect(box.get_by_role("button", name="Stop")).to_be_visible()
    expect(box.get_by_role("button", name="Raise T slowly")).to_be_visible(timeout=60_000)
