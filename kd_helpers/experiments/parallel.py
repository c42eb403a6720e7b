"""The same function on many items at a time: on this machine's cores, or on a Dask cluster."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch

from kd_helpers.runtime.device import pick_device, pick_precision
from kd_helpers.runtime.folders import data_dir, out_dir


def default_jobs() -> int:
    """One training a core, since small networks do not fill two; one in all on a GPU."""
    return 1 if pick_device().type == "cuda" else os.cpu_count() or 1


def prepared(function: Callable, settings: dict[str, str], item: object) -> object:
    """What a worker does first: one thread, and the settings of the process that asks.

    Two PyTorch processes with two threads each on two cores slow each other down many times; and
    with one thread a result does not depend on how many trainings run beside it. A worker may be
    older than the present settings, so they come with each item.
    """
    from joblib.externals.loky import process_executor

    # A worker that grows by 300 MB after its first item is replaced, as if it leaked; ours keep a
    # data set and a teacher's answers on purpose, and a new one takes seconds to start.
    process_executor._MAX_MEMORY_LEAK_SIZE = 4e9
    torch.set_num_threads(1)
    os.environ.update(settings)
    return function(item)


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
    work = functools.partial(prepared, function, settings_of_this_process())
    return on_dask(work, list(items), dask) if dask else on_cores(work, items, jobs)


def on_cores(work: Callable, items: Iterable, jobs: int | None) -> Iterator:
    from joblib import Parallel, delayed, parallel_config

    threads = torch.get_num_threads()
    try:
        with parallel_config("loky", n_jobs=jobs or default_jobs(), inner_max_num_threads=1):
            tasks = (delayed(work)(item) for item in items)
            yield from Parallel(return_as="generator_unordered", batch_size=1)(tasks)
    finally:
        torch.set_num_threads(threads)  # one job at a time runs in this very process


def on_dask(work: Callable, items: list, address: str) -> Iterator:
    """A worker that dies gives its item back to the scheduler; another one goes on with it."""
    try:
        from distributed import Client, as_completed
    except ImportError as problem:
        raise ModuleNotFoundError(
            "dask.distributed is not installed: run `pip install -e '.[cluster]'`"
        ) from problem
    named = {"scheduler_file": address} if Path(address).suffix == ".json" else {"address": address}
    with Client(**named) as client:
        futures = client.map(work, items, pure=False)
        for future in as_completed(futures):
            yield future.result()
