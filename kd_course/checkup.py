"""`kd check`: is everything on this machine that the course needs?"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "matplotlib",
    "seaborn",
    "scikit-learn",
    "safetensors",
    "ipywidgets",
    "jupyterlab",
)


def check() -> int:
    """Print one [ok] or [failed] line for each thing the course needs; 1 if any failed."""
    lines = list(check_lines())
    print("\n".join(lines))
    return int(any(line.startswith("[failed]") for line in lines))


def check_lines() -> Iterator[str]:
    """The lines of the environment check."""
    python = f"Python {platform.python_version()}"
    yield mark(sys.version_info >= (3, 10), python, "needs 3.10 or newer")
    for package in PACKAGES:
        try:
            yield mark(True, f"{package} {version(package)}")
        except PackageNotFoundError:
            yield mark(False, package, "not installed: run `pip install -e '.[lab]'`")
    yield from data_lines()
    yield from device_lines()


def mark(fine: bool, what: str, advice: str = "") -> str:
    return f"[ok]     {what}" if fine else f"[failed] {what}: {advice}"


def data_lines() -> Iterator[str]:
    from kd_course.catalogue import shipped_runs
    from kd_course.nb02_hinton.experiments import TEACHER
    from kd_helpers.data.datasets import DataError, load_dataset
    from kd_helpers.experiments.run import load_run
    from kd_helpers.experiments.store import RunError

    try:
        data = load_dataset("fashion-mnist")
        counts = " + ".join(f"{len(split):,}" for split in (data.train, data.val, data.test))
        yield mark(True, f"Fashion-MNIST: {counts} images")
    except DataError as problem:
        yield mark(False, "Fashion-MNIST", str(problem))
    try:
        stored = [load_run(item.recipe) for item in shipped_runs()]
        missing = sum(run is None for run in stored)
        advice = f"{missing} missing: run `kd runs --missing`"
        yield mark(not missing, f"{len(stored)} stored runs", advice)
        if teacher := stored[0]:
            teacher.tensors()
            right = f"{teacher.accuracy:.2f} % of the test images right"
            yield mark(True, f"the teacher, {TEACHER.student}: {right}")
    except RunError as problem:
        yield mark(False, "stored runs", str(problem))


def device_lines() -> Iterator[str]:
    from kd_helpers.runtime.device import describe, pick_device, pick_precision

    device = pick_device()
    words = {"cuda": "PyTorch sees this GPU"}
    why = words.get(device.type, "PyTorch sees no GPU; the course does not need one")
    yield mark(True, f"device {device} ({describe(device)}): {why}")
    dtype, reason = pick_precision(device)
    yield mark(True, f"training in {str(dtype).removeprefix('torch.')}: {reason}")
