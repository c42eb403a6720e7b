"""The training loop on a GPU: right? how fast? In at most 8 minutes on one H100.

    python benchmarks/gpu.py --out out/gpu        on a GPU; without one a rehearsal of two steps
    PYTHONPATH=. python benchmarks/gpu.py --steps 2 --only b,e        where nothing is installed

Every number is printed and put into OUT/gpu.json as soon as it is known. Each part runs in a
process of its own that has so many seconds: what fails or hangs there loses only what it had not
measured yet. OUT/runs gets the runs of part e; nothing else is written, and nothing downloaded.

To send the repository to a machine that takes 64 MiB at once: without data/fashion-mnist and
data/runs it has 6 MB, and parts a to d need no more. Part e needs CIFAR-100, 185 MB as .npz; as
sheets of 500 images, lossless WebP has 102 MB (JPEG XL 91 MB, but is read by few), and `tar c
SHEETS | split -b 52M - data/cifar-100/part-` makes two files of it that git ignores. Send them one
after the other, and there `cat data/cifar-100/part-* | tar x`, and write the arrays that
data/README.md describes.
"""

from __future__ import annotations

import argparse
import datetime
import json
import multiprocessing
import os
import platform
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from gpu_graphs import graphs, students_at_once
from gpu_speed import FULL, Note, Size, rehearsal, speeds

from kd_course.catalogue import with_teachers
from kd_course.nb06_assistants import on_cifar
from kd_course.nb07_papers.costs import SECONDS, estimate
from kd_helpers.data.datasets import DataError
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.room import load_dataset_once
from kd_helpers.experiments.run import load_or_train
from kd_helpers.runtime.device import describe, pick_device, pick_precision
from kd_helpers.runtime.files import write_atomically
from kd_helpers.training.schedules import Schedule

ROOT = Path(__file__).resolve().parents[1]
MINUTES = 8.0
TO_SPARE = 8.0  # seconds before the end of part e's time at which a training stops by itself
GOALS = {  # what part b measures, on an H100
    "warm / textbook": "≥ 8",
    "KD step / plain step": "≤ 1.05",
    "warm, images/s": "≥ 100,000 with cnn-2, ≥ 40,000 with resnet-20, at batch 128",
}


def machine(size: Size, note: Note, seconds: float) -> None:
    device = pick_device()
    dtype, reason = pick_precision(device)
    note("date", datetime.date.today().isoformat())
    note("device", describe(device))
    note("software", f"Python {platform.python_version()}, torch {torch.__version__}")
    note("CUDA, cuDNN", f"{torch.version.cuda}, {torch.backends.cudnn.version()}")
    note("processor cores", os.cpu_count())
    note("number format", f"{str(dtype).removeprefix('torch.')}: {reason}")


class Outcomes:
    """A plugin of pytest that tells of each test when it is over."""

    def __init__(self, note: Note) -> None:
        self.note = note

    def pytest_runtest_logreport(self, report) -> None:
        if report.when == "call" or not report.passed:
            why = report.longrepr[-1] if report.skipped else str(report.longrepr or "")
            self.note(report.nodeid.partition("::")[2], f"{report.outcome}  {why}"[-1500:].strip())


def cuda_tests(size: Size, note: Note, seconds: float) -> None:
    """Part a: what the tests say that only a GPU can pass."""
    import pytest

    where = ROOT / "tests" / "training" / "test_cuda.py"
    args = ["-q", "-p", "no:cacheprovider", f"--rootdir={ROOT}", str(where)]
    note("exit status", int(pytest.main(args, plugins=[Outcomes(note)])))


def paper_runs(size: Size, note: Note, seconds: float) -> None:
    """Part e: cnn-10, and cnn-2 taught by it, with the papers' recipe and what was estimated; then
    the other students of the ladder 10-4-2, while there is time."""
    load_dataset_once("cifar-100", pick_device().type)
    stop_at = time.monotonic() + seconds - TO_SPARE
    recipes = assisted(size)
    guess = estimate(recipes[:2], SECONDS if size is FULL else 0.1)
    note("estimated", str(guess))
    taken = []
    for recipe in recipes:
        run = load_or_train(
            recipe,
            should_stop=lambda: time.monotonic() > stop_at,
            on_report=partial(say_progress, note, recipe),
        )
        taken.append(run.record["seconds"])
        row = {"accuracy on the test images, %": run.accuracy, "seconds": taken[-1]}
        note(title(recipe), row | {"steps": run.record.get("steps", "plain")})
        if recipe == recipes[1]:
            note("estimated / needed", 3600 * guess.hours / sum(taken))


def assisted(size: Size) -> list[Recipe]:
    """Teachers first: cnn-2 taught by cnn-10, on labels, and with the assistant cnn-4; the seed is
    the student's. In a rehearsal with the steps and batches of that."""
    arms = ("direct", "hard labels", "assistant cnn-4")
    students = [on_cifar.full_arms(seed)[arm] for seed in on_cifar.FULL_SEEDS for arm in arms]
    every = [recipe for student in students for recipe in with_teachers(student)]
    if size is not FULL:
        short = replace(on_cifar.FULL, steps=size.steps, batch_size=size.batch_size)
        every = [with_schedule(recipe, short) for recipe in every]
    return list(dict.fromkeys(every))


def with_schedule(recipe: Recipe, schedule: Schedule) -> Recipe:
    """The same for its teachers."""
    teacher = recipe.teacher and with_schedule(recipe.teacher, schedule)
    return replace(recipe, schedule=schedule, teacher=teacher)


def title(recipe: Recipe) -> str:
    """ "cnn-2 of cnn-4 of cnn-10, seed 0"."""
    names, teacher = [recipe.student], recipe.teacher
    while teacher:
        names.append(teacher.student)
        teacher = teacher.teacher
    return f"{' of '.join(names)}, seed {recipe.seed}"


def say_progress(note: Note, recipe: Recipe, history) -> None:
    if history.taken % 5000 == 0:
        note(f"{recipe.student}, so far", f"{history.taken} steps in {history.seconds:.0f} s")


@dataclass(frozen=True)
class Part:
    what: str
    measure: Callable[[Size, Note, float], None]
    seconds: float  # at most; the last part has what the others leave


PARTS = {
    "machine": Part("machine", machine, 30),
    "a": Part("tests on the GPU", cuda_tests, 75),
    "b": Part("a step, and the textbook's", speeds, 110),
    "c": Part("recorded and compiled steps", graphs, 90),
    "d": Part("several students at once", students_at_once, 60),
    "e": Part("cnn-10 → cnn-2 on CIFAR-100, 160 passes", paper_runs, 60 * MINUTES),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("out/gpu"), help="folder for gpu.json")
    parser.add_argument("--steps", type=int, help="rehearse with so few steps, on any device")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, such as b,e")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for all parts together")
    given = parser.parse_args()
    keys = given.only.split(",")
    if not set(keys) <= PARTS.keys():
        parser.error(f"got --only {given.only}; expected some of {', '.join(PARTS)}")
    end = time.monotonic() + 60 * given.minutes
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"KD_OUT": folder, "KD_OFFLINE": "1"}
        for key in dict.fromkeys(("machine", *keys)):
            limit = PARTS[key].seconds if given.steps is None else 60 * MINUTES
            seconds = max(1.0, min(limit, end - time.monotonic()))
            in_its_own_process(key, given.out, given.steps, seconds)
            if (runs := Path(folder) / "runs").is_dir():
                shutil.copytree(runs, given.out / "runs", dirs_exist_ok=True)
    print(report(read(given.out)), flush=True)


def in_its_own_process(key: str, out: Path, steps: int | None, seconds: float) -> None:
    """Forked, so that nothing is imported twice. This process must not ask CUDA anything before:
    it would not work in the children."""
    note, start = partial(write_down, out, key), time.monotonic()
    print(f"\n{key}  {PARTS[key].what}, at most {seconds:.0f} s", flush=True)
    child = multiprocessing.get_context("fork").Process(
        target=attempt, args=(key, steps, note, seconds)
    )
    child.start()
    child.join(seconds)
    if child.is_alive():
        child.kill()
        child.join()
        note("problem", f"stopped after {seconds:.0f} s; what is here was measured before")
    elif child.exitcode:
        note("problem", f"the process ended with {child.exitcode}")
    note("seconds in all", round(time.monotonic() - start, 1))


def attempt(key: str, steps: int | None, note: Note, seconds: float) -> None:
    try:
        if steps is None and not torch.cuda.is_available():
            steps = 2
        PARTS[key].measure(rehearsal(steps) if steps else FULL, note, seconds)
    except DataError as reason:
        note("skipped", str(reason))
    except (Exception, KeyboardInterrupt):
        note("problem", traceback.format_exc())


def write_down(out: Path, part: str, key: str, value: object) -> None:
    """Add a number to OUT/gpu.json, and print it."""
    found = read(out)
    found.setdefault(part, {})[key] = value
    write_atomically(out / "gpu.json", f"{json.dumps(found, indent=1)}\n".encode())
    print(f"{part}  {key}: {told(value)}", flush=True)


def read(out: Path) -> dict:
    path = out / "gpu.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def told(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name} {told(number)}" for name, number in value.items())
    return (
        f"{value:,.4g}"
        if isinstance(value, float) and value < 1000
        else (f"{value:,.0f}" if isinstance(value, float) else str(value))
    )


def report(found: dict) -> str:
    """The goals beside what was measured, and what went wrong."""
    rows = {k: v for k, v in found.get("b", {}).items() if isinstance(v, dict)}
    lines = [f"\nGoals on an H100; measured on {found['machine'].get('device')}"]
    for what, goal in GOALS.items():
        measured = [f"{name} {told(row[what])}" for name, row in rows.items() if what in row]
        lines.append(f"{what}, goal {goal}: {'; '.join(measured) or 'not measured'}")
    for part, values in found.items():
        for word in ("problem", "skipped"):
            if word in values:
                lines.append(f"part {part}, {word}: {str(values[word]).strip().splitlines()[-1]}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
