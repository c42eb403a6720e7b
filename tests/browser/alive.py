"""What a reader does with a live picture, wherever it stands."""

import re

from playwright.sync_api import Locator, Page, expect

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


def use_the_bias_slider(page: Page) -> None:
    """Raise the sneakers' bias by key, then to the number that was chosen for the taught one."""
    box = page.locator(".kd-bias")
    box.scroll_into_view_if_needed()
    expect(box.locator(".told")).to_contain_text("labels only: 0.0 % of the sneakers")
    slider = box.get_by_role("slider")
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "plus 0.25")
    box.get_by_role("button", name="chosen for “teacher only”").click()
    expect(box.locator(".told")).to_have_text(
        re.compile(r"teacher only: 9\d\.\d % of the sneakers")
    )
    slider.press("End")
    expect(box.locator(".others").first).to_contain_text("still right: 0.0 %")


def use_the_drawing(page: Page) -> None:
    """Begin with nothing, draw by pointer, undo, draw by key; score and answers follow."""
    box = page.locator(".kd-drawing")
    box.scroll_into_view_if_needed()
    answers, paper = box.locator("tbody"), box.locator("canvas.paper")
    box.get_by_role("button", name="begin with a test image, label Bag").click()
    expect(answers.get_by_role("row", name="Bag").locator("td").first).to_have_class("top")
    of_bag = answers.inner_text()
    box.get_by_role("button", name="begin with nothing").click()
    expect(box.locator(".score")).to_contain_text("none of yours yet")
    expect(answers).not_to_have_text(of_bag, use_inner_text=True)
    empty = answers.inner_text()
    box.get_by_role("slider", name="width").press("End")
    corner = paper.bounding_box()
    page.mouse.move(corner["x"] + 80, corner["y"] + 200)
    page.mouse.down()
    page.mouse.move(corner["x"] + 250, corner["y"] + 210, steps=5)
    page.mouse.up()
    expect(answers).not_to_have_text(empty, use_inner_text=True)
    expect(box.locator(".score")).to_contain_text("your best")
    box.get_by_role("button", name="undo").click()
    expect(answers).to_have_text(empty, use_inner_text=True)
    paper.press("ArrowDown")  # the cursor appears
    for _ in range(9):
        paper.press("Shift+ArrowRight")
    paper.press("Space")
    expect(answers).not_to_have_text(empty, use_inner_text=True)
    expect(box.locator(".told")).to_contain_text("teacher: ")
    box.get_by_role("slider", name="temperature T").press("End")
    expect(answers.get_by_role("row", name="entropy")).to_contain_text(re.compile(r"3\.[0-3]"))


def use_the_guesses(page: Page) -> None:
    """Notebook 02's: a number by key, an order by key and by dragging, the others are shown."""
    number, order, third, fourth = page.locator(".kd-guess").all()
    tally = page.locator(".kd-tally")
    expect(tally).to_contain_text("4 guesses wait")
    assert page.locator(".kd-guess .answer:visible").count() == 0
    expect(number.get_by_role("button", name="This is my guess")).to_be_disabled()
    field = number.get_by_role("spinbutton")
    assert field.get_attribute("data-lm-suppress-shortcuts") == "true"
    field.fill("40")
    field.press("Enter")
    expect(number.locator(".answer")).to_contain_text(re.compile(r"You guessed 40 .*: right\."))
    sort(page, order)
    order.get_by_role("button", name="This is my guess").press("Enter")
    expect(order.locator(".answer")).to_contain_text("Right, every place.")
    expect(order.locator(".answer img")).to_be_visible()
    for shown in (third, fourth):
        shown.get_by_role("button", name="Show me").click()
        expect(shown.locator(".answer table")).to_be_visible()
    expect(tally).to_contain_text("2 of 4 right; 2 shown")


def choose_a_guess(page: Page) -> None:
    """Notebook 01's first: walk to the right class by key, and commit to it."""
    guess = page.locator(".kd-guess").first
    shirt = guess.get_by_role("radio", name="Shirt", exact=True)
    guess.get_by_role("radio").first.focus()
    for _ in range(9):
        if shirt.is_checked():
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(guess.locator(".answer .told")).to_have_text("Right.")
    expect(page.locator(".kd-tally")).to_contain_text("You guessed 1 of 2 right; 1 still open.")


def sort(page: Page, order: Locator) -> None:
    """The six arms into the order of their means: by key, and the last step by dragging."""
    for name, times in (("600 labels + 11,400 without + teacher", 4), ("12,000 labels", 4)):
        for _ in range(times):
            order.locator(f"[data-name='{name}']").press("ArrowUp")
    moved = order.locator("[data-name='600 labels + teacher']")
    moved.get_by_role("button", name="up").click()
    moved.press("ArrowUp")
    expect(order.locator("[aria-live]")).to_have_text("600 labels + teacher: place 4 of 6.")
    moved.scroll_into_view_if_needed()
    grip, goal = (
        item.bounding_box() for item in (moved.locator(".grip"), order.locator("li").nth(2))
    )
    page.mouse.move(grip["x"] + 5, grip["y"] + 5)
    page.mouse.down()
    page.mouse.move(grip["x"] + 5, goal["y"] + 5, steps=8)
    page.mouse.up()


def use_the_race(page: Page) -> None:
    """No start without a bet; start, pause, step to the end, and back by Stop."""
    box = page.locator(".kd-race")
    box.scroll_into_view_if_needed()
    start, step = (box.get_by_role("button", name=name) for name in ("Start", "One report on"))
    told, when = box.locator(".told"), box.locator(".when")
    expect(start).to_be_disabled()
    expect(step).to_be_disabled()
    box.get_by_role("button", name="1", exact=True).press("Enter")
    box.get_by_role("button", name="smoothed labels").press("Enter")
    start.press("Enter")
    expect(when).not_to_have_text("step 0 of 600")
    box.get_by_role("button", name="Pause").click()
    expect(box.get_by_role("button", name="Go on")).to_be_visible()
    expect(box.get_by_role("button", name="no bet")).to_be_disabled()
    while step.is_enabled():
        step.press("Enter")
    expect(when).to_have_text("step 600 of 600")
    expect(told).to_contain_text("You bet on “smoothed labels”: place 4. 1. a teacher, and")
    expect(told).to_contain_text("first: a teacher, and 11,400 images without labels (5)")
    box.get_by_role("button", name="Stop").click()
    expect(when).to_have_text("step 0 of 600")


def use_own_targets(page: Page) -> None:
    """Say by key that a shirt is a T-shirt; ask the network; go back to the label."""
    box = page.locator(".kd-own")
    box.scroll_into_view_if_needed()
    yours = box.locator(".lane").nth(1)
    expect(yours).to_contain_text("%")
    from_labels = yours.inner_text()
    box.get_by_role("button", name="image with label Shirt").click()
    box.get_by_role("slider", name="T-shirt/top").press("End")
    expect(box.get_by_role("slider", name="Shirt", exact=True)).to_have_value("0")
    expect(yours).not_to_have_text(from_labels, use_inner_text=True)
    box.get_by_role("button", name="what the network says").click()
    expect(box.get_by_role("slider", name="Shirt", exact=True)).not_to_have_value("0")
    box.get_by_role("button", name="the label", exact=True).click()
    expect(yours).to_have_text(from_labels, use_inner_text=True)
