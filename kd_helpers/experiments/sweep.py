"""A grid of recipes × seeds, trained several at a time and summed up in one table."""

from __future__ import annotations

import functools
import gc
import os
import statistics
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from kd_helpers.experiments.packed import RunError
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import load_checked_run, load_or_train
from kd_helpers.runtime.device import pick_device, pick_precision
from kd_helpers.runtime.folders import data_dir, out_dir

CONNECT_SECONDS = 30  # within which a Dask scheduler has to answer


@dataclass(frozen=True)
class Outcome:
    """What became of one recipe: its accuracy in percent, or the problem in words."""

    recipe: Recipe
    accuracy: float | None = None
    problem: str = ""


def teachers_of(recipes: list[Recipe]) -> list[list[Recipe]]:
    """All runs that have to be there first, in stages: what the teachers need before them."""
    teachers = list(dict.fromkeys(teacher for r in recipes for teacher in r.needs))
    return [*teachers_of(teachers), teachers] if teachers else []


def stages_of(recipes: list[Recipe]) -> Iterator[list[Recipe]]:
    """The recipes and all runs that have to be there first, each once, where it is needed first."""
    seen: set[Recipe] = set()
    for stage in [*teachers_of(recipes), recipes]:
        yield [recipe for recipe in dict.fromkeys(stage) if recipe not in seen]
        seen.update(stage)


def sweep(
    recipes: list[Recipe], *, jobs: int | None = None, dask: str | None = None
) -> Iterator[Outcome]:
    """Train what is not stored yet, teachers first; one outcome for each recipe, as they come.

    Each result is stored when it is there, and a training that is cut off goes on where it was: a
    sweep that was interrupted is simply started again. What fails takes its own students with it,
    nothing else.
    """
    wanted = set(recipes)
    lost: dict[Recipe, str] = {}
    for stage in stages_of(recipes):
        needed = [r for r in stage if r in wanted or not is_stored(r)]
        for outcome in attempt(needed, lost, jobs=jobs, dask=dask):
            if outcome.recipe in wanted:
                yield outcome


def is_stored(recipe: Recipe) -> bool:
    """Whether an undamaged run is there; a damaged one is named and moved aside."""
    try:
        return load_checked_run(recipe) is not None
    except RunError:  # the training will meet it too, and say so
        return False


def attempt(stage: list[Recipe], lost: dict[Recipe, str], **where) -> Iterator[Outcome]:
    """Train a stage, but no student of a lost teacher; adds to `lost`: recipe → problem."""
    for recipe in stage:
        gone = [teacher for teacher in recipe.needs if teacher in lost]
        if gone and not is_stored(recipe):
            lost[recipe] = f"the teacher {gone[0]} failed: {lost[gone[0]]}"
            yield Outcome(recipe, problem=lost[recipe])
    stored = dict.fromkeys(r for r in stage if r not in lost and is_stored(r))
    yield from map(train_one, stored)  # here: workers take seconds to start
    going = [recipe for recipe in stage if recipe not in lost and recipe not in stored]
    for outcome in each(train_one, going, **where) if going else ():
        if outcome.problem:
            lost[outcome.recipe] = outcome.problem
        yield outcome


def train_one(recipe: Recipe) -> Outcome:
    """Load or train one recipe; what goes wrong with it does not stop the others."""
    try:
        return Outcome(recipe, load_or_train(recipe, quiet=True).accuracy)
    except (ArithmeticError, ValueError, RuntimeError, OSError) as problem:
        return Outcome(recipe, problem=f"{type(problem).__name__}: {problem}")


def table(outcomes: list[Outcome]) -> Iterator[str]:
    """Lines: for each recipe its seeds, mean and standard deviation; then what failed."""
    arms: dict[Recipe, list[float]] = {}
    for outcome in sorted(outcomes, key=lambda o: (str(o.recipe), o.recipe.seed)):
        if outcome.accuracy is not None:
            arms.setdefault(replace(outcome.recipe, seed=0), []).append(outcome.accuracy)
    for arm, values in sorted(arms.items(), key=lambda pair: -statistics.mean(pair[1])):
        spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else " " * 7
        yield f"{statistics.mean(values):6.2f}{spread} %  {len(values)} seeds  {arm.describe()}"
    for outcome in outcomes:
        if outcome.problem:
            yield f"failed  {outcome.recipe}: {outcome.problem}"


# Several trainings at a time: on this machine's cores, or on a Dask cluster


def default_jobs() -> int:
    """One training a core, since small networks do not fill two; one in all on a GPU."""
    return 1 if pick_device().type == "cuda" else os.cpu_count() or 1


def prepared(function: Callable, settings: dict[str, str], asker: int, item: object) -> object:
    """What a worker does first: one thread, and the settings of the process that asks.

    Two PyTorch processes with two threads each on two cores slow each other down many times; and
    with one thread a result does not depend on how many trainings run beside it. A worker may be
    older than the present settings, so they come with each item.
    """
    torch.set_num_threads(1)
    os.environ.update(settings)
    end_with(asker)
    return function(item)


@functools.cache
def end_with(asker: int) -> None:
    """Let this process end within a second of the one that started it, however that one ended.

    A worker would go on training for nobody. Files are written whole or not at all, and a lock goes
    with its process. Where the asker did not start it (a cluster's worker), nothing is done; nor on
    Windows, where a process keeps the number of a parent that is gone.
    """
    if os.getppid() == asker:
        threading.Thread(target=_watch, args=(asker,), daemon=True).start()


def _watch(asker: int) -> None:
    while os.getppid() == asker:
        time.sleep(0.5)
    os._exit(1)


def settings_of_this_process() -> dict[str, str]:
    """Folders and number format, for the workers; a GPU decides on its number format itself."""
    settings = {"KD_DATA": str(data_dir().resolve()), "KD_OUT": str(out_dir().resolve())}
    if pick_device().type == "cpu":
        settings["KD_PRECISION"] = str(pick_precision(pick_device())[0]).removeprefix("torch.")
    return settings


def each(
    function: Callable, items: Iterable, *, jobs: int | None = None, dask: str | None = None
) -> Iterator:
    """function(item) for every item, in the order in which they are done.

    Args:
        jobs: processes at a time on this machine; `default_jobs()` if None.
        dask: address of a Dask scheduler, "tcp://host:port", or its scheduler file, "….json".
            The workers need this package, and the same folders under the same names.
    """
    work = functools.partial(prepared, function, settings_of_this_process(), os.getpid())
    return on_dask(work, list(items), dask) if dask else on_cores(work, items, jobs)


def on_cores(work: Callable, items: Iterable, jobs: int | None) -> Iterator:
    from joblib import Parallel, delayed, parallel_config

    threads = torch.get_num_threads()
    # A worker that grew, as ours do on purpose by a teacher's answers, is replaced by a new one.
    warnings.filterwarnings("ignore", "A worker stopped while some jobs were given")
    try:
        with parallel_config("loky", n_jobs=jobs or default_jobs(), inner_max_num_threads=1):
            tasks = (delayed(work)(item) for item in items)
            yield from Parallel(return_as="generator_unordered", batch_size=1)(tasks)
    finally:
        torch.set_num_threads(threads)  # one job at a time runs in this very process


def client_of(address: str) -> Any:
    """A connection to a Dask scheduler.

    Raises:
        ModuleNotFoundError: the extra is not installed.
        FileNotFoundError: the scheduler file is not there.
        ConnectionError: nobody answers within CONNECT_SECONDS.
    """
    try:
        from distributed import Client
    except ImportError as problem:
        raise ModuleNotFoundError(
            "dask.distributed is not installed: run `pip install -e '.[cluster]'`"
        ) from problem
    start = "start one by `dask scheduler --scheduler-file FILE.json`, and workers beside it"
    in_file = Path(address).suffix == ".json"
    if in_file and not Path(address).is_file():
        raise FileNotFoundError(f"{address}: there is no such scheduler file; {start}")
    try:
        named = {"scheduler_file" if in_file else "address": address}
        return Client(**named, timeout=CONNECT_SECONDS)
    except Exception as problem:  # it has many ways to fail: no number of a port, no JSON, silence
        reason = str(problem) or type(problem).__name__
    # The client that failed goes now. If it were collected while the next one starts, it would wait
    # for a lock that its own thread holds (`distributed.utils.LoopRunner`), for ever.
    gc.collect()
    raise ConnectionError(
        f"got no answer of a Dask scheduler at {address} within {CONNECT_SECONDS} s ({reason}); "
        f"{start}"
    )


def on_dask(work: Callable, items: list, address: str) -> Iterator:
    """A worker that dies gives its item back to the scheduler; another one goes on with it."""
    with client_of(address) as client:
        from distributed import as_completed

        if not client.scheduler_info()["workers"]:
            print(f"no worker has joined {address} yet; waiting for one", file=sys.stderr)
        futures = client.map(work, items, pure=False)
        for future in as_completed(futures):
            yield future.result()
