"""Rows e and f: what a reader waits for, and many students of one teacher."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from first_hour import ROOT, load_seconds, seconds_of

from kd_course.nb02_hinton.experiments import taught
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.room import dataset_of
from kd_helpers.experiments.run import new_student, train_student
from kd_helpers.experiments.sweep import sweep
from kd_helpers.training.schedules import Schedule

STUDENT = taught(Recipe(transfer=TransferSet(images=12_000, labelled=600), schedule=Schedule(300)))


def waiting() -> dict[str, float]:
    """Row e: seconds of the first import and of the data; memory after a short distillation."""
    memory = subprocess.run(
        [sys.executable, __file__], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    return {
        "import kd_helpers, s": seconds_of("import kd_helpers"),
        "from kd_helpers import kd_loss, s": seconds_of("from kd_helpers import kd_loss"),
        "load_dataset('fashion-mnist'), s": load_seconds(),
        "peak memory, 300 steps of cnn-2 with the course's teacher, GB": float(memory.split()[-1]),
    }


def distil_and_say_memory() -> None:
    data = dataset_of(STUDENT)
    train_student(STUDENT, new_student(STUDENT, data), data)
    print(peak_memory() / 1e9)


def peak_memory() -> float:
    """Most bytes this process ever held. Linux counts in `getrusage` what its parent held, too."""
    status = Path("/proc/self/status")
    if status.is_file():
        return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1])
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def many_students() -> dict[str, float]:
    """Row f: seconds for 1, 2, 4, 8 students of 300 steps, the start of the processes included."""
    seconds = {}
    for count in (1, 2, 4, 8):
        with tempfile.TemporaryDirectory() as out:
            os.environ["KD_OUT"] = out
            start = time.perf_counter()
            outcomes = list(sweep([replace(STUDENT, seed=seed) for seed in range(count)]))
            seconds[f"{count} student{'s' * (count > 1)}, s"] = time.perf_counter() - start
            assert not any(outcome.problem for outcome in outcomes), outcomes
    del os.environ["KD_OUT"]
    return seconds


if __name__ == "__main__":
    distil_and_say_memory()
