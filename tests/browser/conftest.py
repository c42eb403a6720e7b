"""A browser of this machine, and in it JupyterLab, the playground as an app, the static pages.

Every wait is for a state, with a long time limit: a slow machine takes longer and fails nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, expect

import build_site
import servers
from notebook_io import ROOT

LONG = 300_000  # milliseconds
SCREENSHOTS = ROOT / "out" / "screenshots"
BROWSERS = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
CHROMIUM_FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

CELLS = "[...jupyterapp.shell.currentWidget.content.model.cells].filter(c => c.type === 'code')"
KERNEL_IS_READY = """async () => {
    const panel = jupyterapp.shell.currentWidget;
    await panel.context.ready;
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
    return true;
}"""
# The stored counts go first, or every cell would look as if it had run.
CLEAR = "() => jupyterapp.commands.execute('notebook:clear-all-cell-outputs')"
# The braces matter: a returned promise would be waited for, and it ends with the last cell.
RUN_ALL = "() => { jupyterapp.commands.execute('notebook:run-all-cells'); }"
HAS_STARTED = f"""() => {CELLS}.some(c => c.executionCount !== null)
    || [...document.querySelectorAll('.jp-InputPrompt')].some(e => e.textContent.includes('*'))"""
HAS_ENDED = f"""() => {CELLS}.every(c => c.executionCount !== null || !c.sharedModel.source.trim())
    || {CELLS}.some(c => c.outputs.toJSON().some(o => o.output_type === 'error'))"""
ERRORS = f"""() => {CELLS}.flatMap((c, i) => c.outputs.toJSON().flatMap(o =>
    o.output_type === 'error' || o.name === 'stderr'
        ? [`code cell ${{i + 1}}: ${{o.ename || 'stderr'}}: ${{o.evalue || o.text}}`] : []))"""
SHUT_DOWN = "async () => { await jupyterapp.shell.currentWidget?.sessionContext?.shutdown(); }"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict) -> dict:
    """Let pytest-playwright start this machine's browser; nothing is ever downloaded."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        problem = f"no browser: none of {', '.join(BROWSERS)} is on the PATH"
        if os.environ.get("KD_REQUIRE_BROWSER") == "1":
            pytest.fail(f"{problem}, and KD_REQUIRE_BROWSER=1 asks for one", pytrace=False)
        pytest.skip(f"{problem}; install chromium to run the browser tests")
    expect.set_options(timeout=LONG)
    flags = {"executable_path": executable, "args": CHROMIUM_FLAGS}
    return {**browser_type_launch_args, **flags}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict) -> dict:
    return {**browser_context_args, "viewport": {"width": 1400, "height": 1000}}


@pytest.fixture
def context(context):
    context.set_default_timeout(LONG)
    return context


@pytest.fixture
def offline(page: Page):
    """A page that must ask nobody for anything, and on which no script may fail."""
    requests, problems = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda problem: problems.append(str(problem)))
    yield page
    assert not problems
    assert not [url for url in requests if not url.startswith(("file:", "data:"))]


@pytest.fixture(scope="session")
def lab(browser_type_launch_args: dict, tmp_path_factory):
    """One JupyterLab for all tests; not even started where there is no browser."""
    with servers.serve_lab(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture(scope="session")
def app(browser_type_launch_args: dict, tmp_path_factory):
    """The playground as `make app` serves it."""
    with servers.serve_app(tmp_path_factory.mktemp("voila")) as server:
        yield server


@pytest.fixture
def open_and_run(page: Page, lab):
    """open_and_run("00_start_here.ipynb") -> the page, all cells run, none with an error."""

    def open_and_run(name: str) -> Page:
        page.goto(f"{lab.url}/doc/tree/{name}?reset&token={lab.token}")
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
        page.wait_for_function(KERNEL_IS_READY)
        page.evaluate(CLEAR)
        start_all(page)
        page.wait_for_function(HAS_ENDED)
        assert not page.evaluate(ERRORS)
        return page

    yield open_and_run
    page.evaluate(SHUT_DOWN)


@pytest.fixture
def reopen(page: Page, lab) -> Callable[[str], None]:
    """reopen("00_start_here.ipynb") saves it, ends its kernel and opens it as on the next day."""

    def reopen(name: str) -> None:
        page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
        page.wait_for_function("() => !jupyterapp.shell.currentWidget.context.model.dirty")
        page.evaluate(SHUT_DOWN)
        page.goto(f"{lab.url}/doc/tree/{name}?reset&token={lab.token}")

    return reopen


def start_all(page: Page) -> None:
    """Run all cells. JupyterLab drops this command without a word where it comes too early."""
    for _ in range(10):
        page.evaluate(RUN_ALL)
        try:
            page.wait_for_function(HAS_STARTED, timeout=5_000)
            return
        except Error:
            continue
    raise AssertionError("JupyterLab started no cell after ten Run All commands.")


@pytest.fixture
def screenshot(page: Page) -> Callable[..., None]:
    """screenshot("00-temperature") writes out/screenshots/00-temperature.png."""

    def screenshot(name: str, shown=page) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        shown.screenshot(path=SCREENSHOTS / f"{name}.png")

    return screenshot


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The folder of the static pages, built from the stored notebooks."""
    folder = tmp_path_factory.mktemp("site")
    build_site.build(folder)
    return folder
