"""JupyterLab and Voilà on a free port of this machine, behind a secret, in folders of their own."""

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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from notebook_io import NOTEBOOKS

# Every cell in the page, also those out of sight; no questions about news or updates.
LAB_SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
}
AS_ROOT = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
APP_FLAGS = ["--token", "--Voila.ip=127.0.0.1"]  # those of `make app`


@dataclass(frozen=True)
class Server:
    """Where a server listens, and the secret it asks for."""

    url: str
    token: str


def serve_lab(work: Path):
    """JupyterLab over a copy of the notebooks, so that those stay as they are."""
    copy = shutil.copytree(NOTEBOOKS, work / "notebooks", ignore=shutil.ignore_patterns("src"))
    flags = [*AS_ROOT, "--ip=127.0.0.1", f"--ServerApp.root_dir={copy}", "--expose-app-in-browser"]
    return served(["jupyterlab", *flags, "--ServerApp.port_retries=0"], work, "api")


def serve_app(work: Path, shown: str = "09_playground.ipynb"):
    """Voilà over notebook 09, as `make app` starts it; what is trained goes to `work`.

    shown: another notebook, or "" for all.
    """
    command = ["voila", *APP_FLAGS, str(NOTEBOOKS / shown)]
    return served(command, work, "login", {"KD_OUT": str(work / "out")})


@contextmanager
def served(
    command: list[str], work: Path, ready: str, more: dict[str, str] | None = None
) -> Iterator[Server]:
    """Run `python -m COMMAND` until the block ends; `ready` is a page that it serves when up."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(f"http://127.0.0.1:{port}", secrets.token_urlsafe(32))
    with open(work / "log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "--no-browser", f"--port={port}"],
            env=environment(work) | {"JUPYTER_TOKEN": server.token} | (more or {}),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_up(f"{server.url}/{ready}", process, work / "log")
        yield server
    finally:  # by its own handle, so nobody else's
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def environment(work: Path) -> dict[str, str]:
    """Folders of its own, so that no setting of the user counts."""
    for name, values in LAB_SETTINGS.items():
        plugin, part = name.split("/")
        path = work / "settings" / "@jupyterlab" / plugin / f"{part}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    folders = {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"}
    folders |= {f"JUPYTER_{kind.upper()}_DIR": kind for kind in ("config", "data", "runtime")}
    folders |= {"IPYTHONDIR": "ipython"}
    return {**os.environ, **{name: str(work / folder) for name, folder in folders.items()}}


def wait_until_up(address: str, process: subprocess.Popen, log: Path, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.3)
    raise RuntimeError(f"The server did not start. Its log:\n{log.read_text(encoding='utf-8')}")
