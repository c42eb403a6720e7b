"""One process at a time for one recipe, and what killed processes left behind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from filelock import FileLock, Timeout

from kd_helpers.experiments.recipe import Recipe
from kd_helpers.runtime import distributed
from kd_helpers.runtime.folders import checkpoint_folder, run_folders


def tidy_up(recipe: Recipe) -> None:
    """Remove what a process that was killed while writing left of a recipe. Needs its lock."""
    if distributed.is_main():
        for folder in (run_folders()[-1], checkpoint_folder()):
            for path in folder.glob(f"{recipe.hash}.*.tmp"):
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def lock_of(
    recipe: Recipe, quiet: bool = False, should_stop: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Only one process at a time is inside, for one recipe; a killed one leaves it at once.

    Processes that train together (`torchrun`) go in together: the first one holds the lock.

    Raises:
        KeyboardInterrupt: `should_stop`, asked twice a second, ended the wait for another process.
    """
    path = checkpoint_folder() / f"{recipe.hash}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    if distributed.is_main():
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if not quiet:
                print(f"waiting for another process that trains run {recipe.hash}", flush=True)
            wait_for(lock, should_stop)
    distributed.wait_for_all()
    try:
        yield
        distributed.wait_for_all()
    finally:
        lock.release()


def wait_for(lock: FileLock, should_stop: Callable[[], bool]) -> None:
    while not lock.is_locked:
        if should_stop():
            raise KeyboardInterrupt("stopped while another process trained the same")
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=0.5)
