"""Fixtures of the tests in a real browser, and the static pages."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import build_site
import lab_browser as jupyterlab
from notebook_io import NOTEBOOKS


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict) -> dict:
    """Let pytest-playwright start this machine's browser instead of one of its own."""
    executable = jupyterlab.find_browser()
    if executable is None:
        problem = f"no browser: none of {', '.join(jupyterlab.BROWSERS)} is on the PATH"
        if os.environ.get("KD_REQUIRE_BROWSER") == "1":
            pytest.fail(f"{problem}, and KD_REQUIRE_BROWSER=1 asks for one", pytrace=False)
        pytest.skip(f"{problem}; install chromium to run the browser tests")
    return {
        **browser_type_launch_args,
        "executable_path": executable,
        "args": jupyterlab.CHROMIUM_FLAGS,
    }


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict) -> dict:
    return {**browser_context_args, "viewport": {"width": 1400, "height": 1000}}


@pytest.fixture(scope="session")
def notebooks_folder() -> Path:
    """The notebooks that JupyterLab shows a copy of."""
    return NOTEBOOKS


@pytest.fixture(scope="session")
def lab(browser_type_launch_args: dict, notebooks_folder: Path, tmp_path_factory):
    """One JupyterLab for all browser tests; not even started where there is no browser."""
    lab, process = jupyterlab.start_lab(tmp_path_factory.mktemp("lab"), notebooks_folder)
    yield lab
    jupyterlab.stop_lab(process)


@pytest.fixture
def open_and_run(page, lab):
    """open_and_run("00_start_here.ipynb") -> the page, all cells run, none with an error."""

    def open_and_run(name: str, timeout: float = 300):
        jupyterlab.open_notebook(page, lab, name)
        jupyterlab.run_all(page, timeout)
        return page

    yield open_and_run
    page.evaluate(jupyterlab.SHUT_DOWN)


@pytest.fixture
def screenshot(page) -> Callable[[str], Path]:
    """screenshot("00-temperature") writes out/screenshots/00-temperature.png."""
    return partial(jupyterlab.screenshot, page)


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The folder of the static pages, built from the stored notebooks."""
    folder = tmp_path_factory.mktemp("site")
    build_site.build(folder)
    return folder
