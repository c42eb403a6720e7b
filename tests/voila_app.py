"""The playground served by Voilà, as `make app` does: what the tests of the page stand on."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from lab_browser import ROOT, Lab, environment, free_port, stop_lab

FLAGS = ["--token", "--Voila.ip=127.0.0.1"]  # those of `make app`
NOTEBOOK = ROOT / "notebooks" / "09_playground.ipynb"


def start_app(work: Path, out: Path) -> tuple[Lab, subprocess.Popen]:
    """Start Voilà over notebook 09 with a token of its own; what is trained goes to `out`."""
    app = Lab(f"http://127.0.0.1:{free_port()}", secrets.token_urlsafe(32))
    port = app.url.rsplit(":", 1)[1]
    command = [
        sys.executable,
        "-m",
        "voila",
        *FLAGS,
        "--no-browser",
        f"--port={port}",
        str(NOTEBOOK),
    ]
    with open(work / "voila.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            env=environment(app, work) | {"KD_OUT": str(out)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_up(app, process, work / "voila.log")
    except BaseException:
        stop_lab(process)
        raise
    return app, process


def wait_until_up(app: Lab, process: subprocess.Popen, log: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            status(f"{app.url}/login")
            return
        except OSError:
            time.sleep(0.3)
    raise RuntimeError(f"Voilà did not start. Its log:\n{log.read_text(encoding='utf-8')}")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_) -> None:
        return None


def status(address: str) -> tuple[int, str]:
    """What the server says: the status of its answer, and where it sends the reader."""
    opener = urllib.request.build_opener(NoRedirect)
    try:
        with opener.open(address, timeout=60) as answer:
            answer.read()
            return answer.status, ""
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers.get("Location", "")
