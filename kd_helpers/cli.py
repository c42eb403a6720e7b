"""The console command `kd`: `kd check` looks at this machine, `kd runs` at the stored runs."""

from __future__ import annotations

import argparse
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("torch", "torchvision", "numpy", "matplotlib", "seaborn", "scikit-learn", "safetensors",
            "ipywidgets", "jupyterlab")  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="kd", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="is everything there that the course needs?")
    runs = commands.add_parser("runs", help="list the stored runs that ship with the course")
    which = runs.add_mutually_exclusive_group()
    which.add_argument("--missing", action="store_true", help="train those that are not stored")
    which.add_argument(
        "--retrain", action="store_true", help="train all of them again from nothing"
    )
    which.add_argument("--latency", action="store_true", help="time all of them again, here, now")
    runs.add_argument("--jobs", type=int, help="trainings at a time; one a core by default")
    chosen = parser.parse_args(arguments)
    if chosen.command == "check":
        return check()
    if chosen.missing or chosen.retrain or chosen.latency:
        return renew_runs(chosen)
    return list_runs()


def check() -> int:
    """Print one [ok] or [failed] line for each thing the course needs; 1 if any failed."""
    lines = list(check_lines())
    print("\n".join(lines))
    return int(any(line.startswith("[failed]") for line in lines))


def check_lines():
    """The lines of the environment check."""
    yield mark(
        sys.version_info >= (3, 10), f"Python {platform.python_version()}", "needs 3.10 or newer"
    )
    for package in PACKAGES:
        try:
            yield mark(True, f"{package} {version(package)}")
        except PackageNotFoundError:
            yield mark(False, package, "not installed: run `pip install -e '.[lab]'`")
    yield from data_lines()
    yield from device_lines()


def mark(fine: bool, what: str, advice: str = "") -> str:
    return f"[ok]     {what}" if fine else f"[failed] {what}: {advice}"


def data_lines():
    from kd_helpers.data import DataError, load_dataset
    from kd_helpers.runs import load_run
    from kd_helpers.shipped import TEACHER, shipped_runs
    from kd_helpers.stored import RunError

    try:
        data = load_dataset("fashion-mnist")
        yield mark(
            True,
            f"Fashion-MNIST: {len(data.train):,} + {len(data.val):,} + {len(data.test):,} images",
        )
    except DataError as problem:
        yield mark(False, "Fashion-MNIST", str(problem))
    try:
        stored = [load_run(recipe) for recipe, _ in shipped_runs()]
        missing = sum(run is None for run in stored)
        yield mark(
            not missing, f"{len(stored)} stored runs", f"{missing} missing: run `kd runs --missing`"
        )
        if stored[0]:
            stored[0].tensors()
            yield mark(
                True,
                f"the teacher, {TEACHER.student}: {stored[0].accuracy:.2f} % of the test images right",
            )
    except RunError as problem:
        yield mark(False, "stored runs", str(problem))


def device_lines():
    from kd_helpers.device import describe, pick_device, pick_precision

    device = pick_device()
    why = (
        "PyTorch sees this GPU"
        if device.type == "cuda"
        else "PyTorch sees no GPU; the course does not need one"
    )
    yield mark(True, f"device {device} ({describe(device)}): {why}")
    dtype, reason = pick_precision(device)
    yield mark(True, f"training in {str(dtype).removeprefix('torch.')}: {reason}")


def list_runs() -> int:
    from kd_helpers.runs import load_run
    from kd_helpers.shipped import shipped_runs
    from kd_helpers.stored import RunError

    missing = damaged = 0
    for recipe, _ in shipped_runs():
        try:
            run = load_run(recipe)
        except RunError as problem:
            damaged += 1
            print(f"{recipe.hash}  damaged: {problem}")
            continue
        missing += run is None
        result = (
            f"{run.accuracy:6.2f} %  {run.record['seconds']:6.1f} s"
            if run
            else "   missing        "
        )
        print(f"{recipe.hash}  {result}  {recipe}")
    if damaged:
        print(f"{damaged} damaged")
    print(f"{missing} missing" if missing else "none missing" if damaged else "all there")
    return int(missing + damaged > 0)


def renew_runs(chosen: argparse.Namespace) -> int:
    """Train what is asked for, then time all runs while nothing else is going on."""
    from kd_helpers.retrain import default_jobs, print_progress, retrain, time_all
    from kd_helpers.stored import RunError

    try:
        if not chosen.latency:
            print_progress(retrain(again=chosen.retrain, jobs=chosen.jobs or default_jobs()))
        print_progress(time_all())
    except RunError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
