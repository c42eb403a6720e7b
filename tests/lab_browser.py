"""A JupyterLab of our own in a real browser: what the browser tests stand on."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
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

# Every cell in the page, also those out of sight; no questions about news or updates.
LAB_SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
}

CELLS = "[...jupyterapp.shell.currentWidget.content.model.cells].filter(c => c.type === 'code')"
# With an end of its own: where JupyterLab asks which kernel to take, it would wait for ever.
KERNEL_IS_READY = """() => {
    const answer = async () => {
        const panel = jupyterapp.shell.currentWidget;
        await panel.context.ready;
        await panel.sessionContext.ready;
        await panel.sessionContext.session.kernel.info;
        return true;
    };
    return Promise.race([answer(), new Promise(end => setTimeout(() => end(false), 90000))]);
}"""
CLEAR = "() => jupyterapp.commands.execute('notebook:clear-all-cell-outputs')"
# The braces matter: a returned promise would be waited for, and it ends with the last cell.
RUN_ALL = "() => { jupyterapp.commands.execute('notebook:run-all-cells'); }"
HAS_STARTED = f"""() => {CELLS}.some(c => c.executionCount !== null)
    || document.querySelector('.jp-CodeCell.jp-mod-running') !== null
    || [...document.querySelectorAll('.jp-InputPrompt')].some(e => e.textContent.includes('*'))"""
HAS_ENDED = f"""() => {CELLS}.every(c => c.executionCount !== null || !c.sharedModel.source.trim())
    || {CELLS}.some(c => c.outputs.toJSON().some(o => o.output_type === 'error'))"""
ERRORS = f"""() => {CELLS}.flatMap((c, i) => c.outputs.toJSON().flatMap(o =>
    o.output_type === 'error' ? [`code cell ${{i + 1}}: ${{o.ename}}: ${{o.evalue}}`] :
    o.name === 'stderr' ? [`code cell ${{i + 1}} wrote to stderr: ${{[o.text].flat().join('')}}`] :
    []))"""
SHUT_DOWN = "async () => { await jupyterapp.shell.currentWidget?.sessionContext?.shutdown(); }"


def find_browser() -> str | None:
    """The Chromium or Chrome of this machine; nothing is ever downloaded."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: where it listens, and the secret it asks for."""

    url: str
    token: str

    def address(self, name: str) -> str:
        return f"{self.url}/doc/tree/{name}?reset&token={self.token}"


def start_lab(work: Path, notebooks: Path) -> tuple[Lab, subprocess.Popen]:
    """Start JupyterLab in `work` over a copy of `notebooks`, so that those stay as they are."""
    shutil.copytree(
        notebooks, work / "notebooks", ignore=shutil.ignore_patterns("src", ".ipynb_checkpoints")
    )
    lab = Lab(f"http://127.0.0.1:{free_port()}", secrets.token_urlsafe(32))
    with open(work / "lab.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command(lab, work), env=environment(lab, work), stdout=log, stderr=subprocess.STDOUT
        )
    try:
        wait_until_up(lab, process, work / "lab.log")
    except BaseException:
        stop_lab(process)
        raise
    return lab, process


def stop_lab(process: subprocess.Popen) -> None:
    """End this server, which ends its kernels; by its own handle, so nobody else's."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(lab: Lab, work: Path) -> list[str]:
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"),
        *(["--allow-root"] if is_root else []),
        f"--port={lab.url.rsplit(':', 1)[1]}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={work / 'notebooks'}",
        "--expose-app-in-browser",
    ]


def environment(lab: Lab, work: Path) -> dict[str, str]:
    """Folders of its own, so that no setting of the user counts; the token stays off `ps`."""
    for name, values in LAB_SETTINGS.items():
        plugin, part = name.split("/")
        path = work / "settings" / "@jupyterlab" / plugin / f"{part}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    own = {name: str(work / folder) for name, folder in folders.items()}
    return {**os.environ, **own, "JUPYTER_TOKEN": lab.token}


def wait_until_up(lab: Lab, process: subprocess.Popen, log: Path, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"{lab.url}/api", timeout=2).close()
            return
        except OSError:
            time.sleep(0.3)
    raise RuntimeError(f"JupyterLab did not start. Its log:\n{log.read_text(encoding='utf-8')}")


def open_notebook(page, lab: Lab, name: str) -> None:
    """Open a notebook alone in the page and wait until its kernel answers."""
    page.goto(lab.address(name))
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=90_000)
    assert page.evaluate(KERNEL_IS_READY), f"{name}: its kernel did not start; is it python3?"


def run_all(page, timeout: float) -> None:
    """Run all cells and wait for the last one, or for the first error.

    JupyterLab drops a Run All that comes too early, without a word: so send it until a cell
    has started. The stored counts go first, or every cell would look as if it had run.
    """
    page.evaluate(CLEAR)
    for _ in range(5):
        page.wait_for_timeout(1000)
        page.evaluate(RUN_ALL)
        if eventually(page, HAS_STARTED, 4):
            break
    else:
        raise AssertionError("JupyterLab started no cell after five Run All commands.")
    assert eventually(page, HAS_ENDED, timeout), f"The cells did not end within {timeout} s."
    page.wait_for_timeout(500)  # the last output is still being drawn
    errors = page.evaluate(ERRORS)
    assert not errors, "\n".join(errors)


def eventually(page, condition: str, seconds: float) -> bool:
    """Whether a condition in the page's JavaScript comes true within the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if page.evaluate(condition):
            return True
        page.wait_for_timeout(100)
    return False


def screenshot(page, name: str) -> Path:
    """Keep a picture of what the page shows now."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path)
    return path
