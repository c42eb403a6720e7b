"""Ctrl-C and the stop button of Jupyter: the next call goes on, and ends as if nothing had been."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by name

import os
import random
import re
import signal
import time
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel
from test_killed_runs import cache_is_right, never_killed, same_result

import kd_helpers
from children import TESTS, TIMEOUT, nursery, wait_until
from lives import PUPIL, TEACHER


def begun(log: Path, recipe) -> bool:
    """Whether a training of the recipe has taken a few steps."""
    text = log.read_text() if log.is_file() else ""
    return "kept 5\n" in text.partition(f"begin {recipe.hash}")[2]


def test_ctrl_c_in_the_middle_of_a_training(nursery, never_killed, tmp_path):
    log, environment = tmp_path / "log", {"KD_OUT": tmp_path}
    how = {"name": "pupil", "log": str(log), "every": 0.0}
    child = nursery.start("lives:train", environment=environment, steps=90, **how)
    wait_until(lambda: begun(log, PUPIL), "a few steps of the student")
    child.kill(signal.SIGINT)
    assert child.end() == 1
    stopped = re.search(
        rf"KeyboardInterrupt: run {PUPIL.hash} was stopped after (\d+)", child.said()
    )
    assert stopped and "start it again to go on" in child.said()
    said = nursery.start("lives:train", environment=environment, **how).succeed()
    resumed = int(re.search(r"goes on after step (\d+)", said).group(1))
    assert int(stopped.group(1)) - resumed in (0, 1)
    assert same_result(tmp_path, never_killed("pupil"), "pupil")
    assert not list(tmp_path.rglob("*.tmp"))  # unlike a kill, it leaves time to tidy up


def test_ctrl_c_again_and_again(nursery, never_killed, tmp_path):
    """At random moments, in the teacher's training too, while files are being written."""
    chance, environment = random.Random(3), {"KD_OUT": tmp_path}
    for turn in range(12):
        log = tmp_path / f"log-{turn}"
        child = nursery.start(
            "lives:train", environment=environment, name="pupil", log=str(log), steps=12
        )
        wait_until(lambda log=log: log.is_file() and "step" in log.read_text(), "the first step")
        time.sleep(chance.uniform(0, 0.1))
        child.kill(signal.SIGINT)
        assert child.end() == 1 and "KeyboardInterrupt" in child.said(), child.said()
    nursery.start("lives:train", environment=environment, name="pupil").succeed()
    assert same_result(tmp_path, never_killed("pupil"), "teacher")
    assert same_result(tmp_path, never_killed("pupil"), "pupil")
    assert not list(tmp_path.rglob("*.damaged-*"))
    cache_is_right(nursery, tmp_path)


@pytest.fixture
def kernel(tmp_path):
    """A Jupyter kernel that sees the tests' modules: (manager, client)."""
    path = os.pathsep.join([str(TESTS), str(Path(kd_helpers.__file__).parents[1])])
    settings = {
        "KD_OUT": str(tmp_path),
        "OMP_NUM_THREADS": "1",
        "KD_PRECISION": "float32",
        "PYTHONPATH": path,
    }
    manager, client = start_new_kernel(kernel_name="python3", env=os.environ | settings)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run_cell(client, code: str) -> tuple[dict, str]:
    """The kernel's reply, and what the cell printed."""
    printed = []

    def note(message: dict) -> None:
        printed.append(message["content"].get("text", ""))

    reply = client.execute_interactive(code, timeout=TIMEOUT, output_hook=note)
    return reply["content"], "".join(printed)


def test_the_stop_button_of_jupyter(kernel, never_killed, tmp_path):
    manager, client = kernel
    log, gate = tmp_path / "log", tmp_path / "gate"
    how = {"every": 0.0, "steps": 30, "gate": str(gate), "log": str(log)}
    message = client.execute(f"import lives\nlives.load()\nlives.train('teacher', **{how})")
    wait_until(lambda: begun(log, TEACHER), "a few steps")
    manager.interrupt_kernel()
    while (reply := client.get_shell_msg(timeout=TIMEOUT))["parent_header"]["msg_id"] != message:
        pass
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert f"run {TEACHER.hash} was stopped after" in reply["content"]["evalue"]
    gate.touch()
    reply, printed = run_cell(client, "run = lives.runs.load_or_train(lives.TEACHER)")
    assert reply["status"] == "ok" and "goes on after step" in printed
    assert same_result(tmp_path, never_killed("teacher"), "teacher")
