"""A server on this computer for the tests of downloads: it can be slow, break off, stall or lie."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = bytes(range(256)) * 1000  # 256,000 bytes
HALF = len(CONTENT) // 2
NAME = "letters.bin"

Plan = Callable[[BaseHTTPRequestHandler, int], None]  # (request, first byte that is asked for)


class FileServer(ThreadingHTTPServer):
    """Serves `content` under any path. `requests` has (path, Range header) of each request.

    Each request is answered by the next one of `plans`, and by `whole` when they are used up.
    """

    def __init__(self, *plans: Plan, content: bytes = CONTENT):
        super().__init__(("127.0.0.1", 0), Handler)
        self.plans, self.content = list(plans), content
        self.requests: list[tuple[str, str | None]] = []
        self.stopping = threading.Event()
        self.base = f"http://127.0.0.1:{self.server_port}/files"
        self.url = f"{self.base}/{NAME}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def ranges(self) -> list[str | None]:
        """The Range header of each request, or None."""
        return [offset for _, offset in self.requests]

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        offset = self.headers.get("Range")
        self.server.requests.append((self.path, offset))
        plan = self.server.plans.pop(0) if self.server.plans else whole
        plan(self, int(re.fullmatch(r"bytes=(\d+)-", offset)[1]) if offset else 0)

    def start(self, status: int, length: int | None = None) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", length)
        self.end_headers()

    def start_from(self, offset: int) -> bytes:
        """Send the headers of an answer that begins at `offset`; returns the bytes to send."""
        self.start(206 if offset else 200, len(self.server.content) - offset)
        return self.server.content[offset:]

    def log_message(self, *_) -> None:
        pass


def whole(request: Handler, offset: int) -> None:
    request.wfile.write(request.start_from(offset))


def slow(request: Handler, offset: int) -> None:
    """Takes longer than the tests' timeout, but never stops for that long."""
    content = request.start_from(offset)
    for start in range(0, len(content), 16_000):
        request.wfile.write(content[start : start + 16_000])
        time.sleep(0.03)


def cut_off_half_way(request: Handler, offset: int) -> None:
    request.wfile.write(request.start_from(offset)[: max(HALF - offset, 0)])


def stall_half_way(request: Handler, offset: int) -> None:
    cut_off_half_way(request, offset)
    request.wfile.flush()
    if not request.server.stopping.wait(5):
        request.server.requests.append(("the client did not give up", None))


def without_range(request: Handler, offset: int) -> None:
    request.start(200, len(request.server.content))
    request.wfile.write(request.server.content)


def without_length(request: Handler, offset: int) -> None:
    request.start(200)
    request.wfile.write(request.server.content)


def wrong_bytes(request: Handler, offset: int) -> None:
    request.wfile.write(request.start_from(offset)[:-1] + b"?")


def login_page(request: Handler, offset: int) -> None:
    request.start(200, 13)
    request.wfile.write(b"please log in")


def status(code: int) -> Plan:
    return lambda request, offset: request.start(code, 0)
