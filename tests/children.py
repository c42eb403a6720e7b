"""Child processes for tests that kill them: forked from one that has imported PyTorch and read the
images, so that a start takes milliseconds.

The forking process has one thread only (`OMP_NUM_THREADS=1`), which is what makes forking safe.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import pytest

TIMEOUT = 120  # seconds; only stops what hangs
TESTS = Path(__file__).parent


@dataclass
class Child:
    """A process that runs one function of a test module."""

    nursery: Nursery
    pid: int
    output: Path

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)  # not reaped before `end`, so the number is still its own

    def end(self) -> int:
        """Wait for it: its exit code, or minus the signal that ended it."""
        return self.nursery.ask({"wait": self.pid})

    def die(self) -> None:
        self.kill()
        assert self.end() == -signal.SIGKILL, self.said()

    def wait_for_words(self, words: str) -> None:
        wait_until(lambda: words in self.said(), f"{words!r}, and only got {self.said()!r}")

    def said(self) -> str:
        return self.output.read_text()

    def succeed(self) -> str:
        code = self.end()
        assert code == 0, f"exit code {code}:\n{self.said()}"
        return self.said()


class Nursery:
    """The parent of the children, and the way to talk to it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0
        environment = os.environ | {"OMP_NUM_THREADS": "1", "KD_PRECISION": "float32"}
        self.process = subprocess.Popen(
            [sys.executable, str(TESTS / "children.py")],
            text=True,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def start(self, call: str, *, environment: dict[str, object], **arguments) -> Child:
        """call: "module:function"; the arguments have to be plain data."""
        self.count += 1
        output = self.folder / f"{self.count}.txt"
        output.touch()
        order = {
            "call": call,
            "arguments": arguments,
            "output": str(output),
            "environment": {name: str(value) for name, value in environment.items()},
        }
        return Child(self, self.ask(order), output)

    def ask(self, order: dict) -> int:
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the parent of the children has died"
        return json.loads(answer)

    def close(self) -> None:
        self.process.stdin.close()  # it then kills what is left, and ends
        self.process.wait(TIMEOUT)


STARTED: list[Nursery] = []  # one for all modules that import the fixture


@pytest.fixture(scope="session")
def nursery(tmp_path_factory) -> Nursery:
    if not STARTED:
        STARTED.append(Nursery(tmp_path_factory.mktemp("children")))
        atexit.register(STARTED[0].close)
    return STARTED[0]


def wait_until(condition, what: str) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.002)


# What runs in the process that forks


def serve() -> None:
    """Fork a child for each order, and reap it when asked to."""
    importlib.import_module("lives").load()
    assert len(os.listdir("/proc/self/task")) == 1, "more than one thread: forking is not safe"
    children = set()
    try:
        for line in sys.stdin:
            order = json.loads(line)
            answer = reap(order["wait"], children) if "wait" in order else fork(order)
            children |= set() if "wait" in order else {answer}
            print(json.dumps(answer), flush=True)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def fork(order: dict) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            become(order)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
            os._exit(code)
    return pid


def become(order: dict) -> None:
    """Do what the order says, in the child."""
    file = os.open(order["output"], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for number in (1, 2):
        os.dup2(file, number)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.environ.update(order["environment"])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it
    module, name = order["call"].split(":")
    getattr(importlib.import_module(module), name)(**order["arguments"])


def reap(pid: int, children: set[int]) -> int:
    deadline = time.monotonic() + TIMEOUT
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            children.discard(pid)
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


if __name__ == "__main__":
    serve()
