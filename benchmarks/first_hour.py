"""What a newcomer waits for: import, data, and the temperature explorer in a real browser (`make
bench`)."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
KEY_PRESSES, STROKES = 40, 20
DRAG = """() => new Promise(done => {  // frames a second, over 3 s in which T changes all the time
    const slider = document.querySelector('.kd-polygon input'), start = performance.now();
    let frames = 0;
    requestAnimationFrame(function step(now) {
        frames++;
        slider.value = 1 + 2 * Math.sin((now - start) / 500);
        slider.dispatchEvent(new Event('input', {bubbles: true}));
        if (now - start < 3000) requestAnimationFrame(step);
        else done(1000 * frames / (now - start));
    });
})"""
# From the last move of the pen to the first frame after the answers have changed, in milliseconds.
WATCH = """() => {
    const box = document.querySelector('.kd-drawing');
    let moved = 0;
    window.took = [];
    box.querySelector('canvas.paper').addEventListener('pointermove',
        () => moved = performance.now(), true);
    new MutationObserver(() => requestAnimationFrame(() => {
        if (moved) window.took.push(performance.now() - moved);
        moved = 0;
    })).observe(box.querySelector('tbody'), {childList: true, subtree: true, characterData: true});
}"""
# From the key press to the first frame after the chart has changed, in milliseconds.
MEASURE = """async ([box, key]) => {
    const handle = document.activeElement, start = performance.now();
    const changed = new Promise(done => {
        const watch = new MutationObserver(() => {
            watch.disconnect();
            requestAnimationFrame(() => done(performance.now()));
        });
        const all = {childList: true, subtree: true, characterData: true};
        watch.observe(document.querySelector(box), all);
    });
    handle.dispatchEvent(new KeyboardEvent('keydown', {key: key, bubbles: true, cancelable: true}));
    return await changed - start;
}"""


def seconds_of(code: str, repeats: int = 5) -> float:
    """Median wall time of a statement in a fresh Python, start of Python taken off."""

    def run(statement: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True, cwd=ROOT)
        return time.perf_counter() - start

    return statistics.median(run(code) for _ in range(repeats)) - statistics.median(
        run("pass") for _ in range(repeats)
    )


def load_seconds() -> float:
    from kd_helpers import load_dataset

    times = []
    for _ in range(5):
        start = time.perf_counter()
        load_dataset("fashion-mnist")
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def in_the_browser() -> tuple[float, float, list[float], list[float]]:
    """Notebook 01 in headless Chromium: seconds from Run all to the first picture that lives,
    frames a second of the polygon, milliseconds of the drawing and of the temperature explorer."""
    sys.path[:0] = [str(ROOT / "tests" / "browser"), str(ROOT / "tools")]
    from playwright.sync_api import sync_playwright

    import conftest as tests
    from servers import serve_lab

    with (
        tempfile.TemporaryDirectory() as work,
        serve_lab(Path(work)) as lab,
        sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=tests.CHROMIUM_FLAGS)
        page = chromium.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(tests.LONG)
        page.goto(f"{lab.url}/doc/tree/01_soft_and_hard_targets.ipynb?reset&token={lab.token}")
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
        page.wait_for_function(tests.KERNEL_IS_READY)
        page.evaluate(tests.CLEAR)
        start = time.perf_counter()
        tests.start_all(page)
        page.wait_for_selector(".kd-polygon canvas.map")
        first = time.perf_counter() - start
        page.wait_for_function(tests.HAS_ENDED)
        page.locator(".kd-polygon").scroll_into_view_if_needed()
        frames, drawing = page.evaluate(DRAG), drawing_milliseconds(page)
        box = page.locator(".widget-vbox", has_text="temperature T").last
        box.scroll_into_view_if_needed()
        box.evaluate("box => box.id = 'measured'")
        box.locator(".noUi-handle").first.focus()
        times = []
        for key in ["ArrowRight", "ArrowLeft"] * (KEY_PRESSES // 2):
            times.append(page.evaluate(MEASURE, ["#measured .kd-live", key]))
            page.wait_for_timeout(150)
        page.evaluate(tests.SHUT_DOWN)
        chromium.close()
        return first, frames, drawing, times


def drawing_milliseconds(page) -> list[float]:
    """Short strokes with the mouse on the drawing of notebook 01."""
    paper = page.locator(".kd-drawing canvas.paper")
    paper.scroll_into_view_if_needed()
    page.evaluate(WATCH)
    corner = paper.bounding_box()
    for stroke in range(STROKES):
        page.mouse.move(corner["x"] + 60, corner["y"] + 40 + 10 * stroke)
        page.mouse.down()
        page.mouse.move(corner["x"] + 200, corner["y"] + 45 + 10 * stroke)
        page.mouse.up()
        page.wait_for_timeout(300)
    return page.evaluate("window.took")


def main() -> None:
    for code in ("import kd_helpers", "from kd_helpers import kd_loss"):  # without and with PyTorch
        print(f"{code:<29} {seconds_of(code):6.2f} s (median of 5)")
    print(f"load_dataset('fashion-mnist') {load_seconds():6.2f} s (median of 5)")
    if BROWSER is None:
        print("notebook 01 in a browser: not measured, no Chromium or Chrome here")
        return
    first, frames, drawing, explorer = in_the_browser()
    print(f"Run all to the first picture that lives {first:.1f} s")
    print(f"polygon while T is dragged for 3 s: {frames:.0f} frames a second")
    for what, times in (
        ("drawing, last move of the pen to changed answers", drawing),
        ("temperature explorer, key press to changed picture", explorer),
    ):
        slow = sorted(times)[int(0.9 * len(times))]
        print(
            f"{what}: median {statistics.median(times):.0f} ms, "
            f"90th percentile {slow:.0f} ms ({len(times)} times)"
        )


if __name__ == "__main__":
    main()
