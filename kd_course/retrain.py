"""Train the shipped runs from nothing: the course's teachers alone, all others one on each core."""

from __future__ import annotations

import time
from collections.abc import Iterator

from kd_course.catalogue import shipped_runs, teachers
from kd_helpers.experiments.parallel import each
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.records import latencies_here, with_latency
from kd_helpers.experiments.run import KEEP, load_run, train_recipe
from kd_helpers.experiments.store import Run, read_record, store
from kd_helpers.experiments.sweep import teachers_of
from kd_helpers.runtime.folders import run_folders

Item = tuple[Recipe, tuple[str, ...]]


def retrain(*, again: bool, jobs: int | None = None) -> Iterator[Run]:
    """Train shipped runs into `data/runs`, teachers first; yields each run when it is stored.

    Every run is stored when it is done, so an interruption loses only the ones under way; then
    `again=False` trains those that are still missing.
    """
    todo = {r: keep for r, keep in shipped_runs() if again or load_run(r) is None}
    for recipe, _ in teachers():
        if recipe in todo:
            yield train_and_store((recipe, todo.pop(recipe)))
    for stage in teachers_of([r for r, _ in shipped_runs()]):
        items = [(recipe, todo.pop(recipe)) for recipe in stage if recipe in todo]
        yield from each(train_and_keep, items, jobs=jobs)
    yield from each(train_and_store, list(todo.items()), jobs=jobs)


def train_and_store(item: Item) -> Run:
    recipe, keep = item
    return train_recipe(recipe, folder=run_folders()[0], keep=keep)


def train_and_keep(item: Item) -> Run:
    """The same for a teacher: where its weights do not ship, its students find them in
    `out/runs`."""
    recipe, keep = item
    if "weights" in keep:
        return train_and_store(item)
    run = train_recipe(recipe, folder=run_folders()[-1], keep=KEEP)
    record = {name: value for name, value in run.record.items() if name != "sha256"}
    store(run_folders()[0], recipe, record, {})
    return Run(recipe, record, run_folders()[0])


def time_all() -> Iterator[Run]:
    """Measure the latency of every stored network again, with all threads, for all of its runs.

    What is measured while other trainings keep the machine busy says nothing. The speed of a
    network does not depend on its weights: each kind is timed once.
    """
    timed: dict[tuple, list] = {}
    folder = run_folders()[
        0
    ]  # not where `load_run` looks first: a teacher's weights may be in `out/`
    for recipe, _ in shipped_runs():
        path = folder / f"{recipe.hash}.json"
        if path.is_file():
            run = Run(recipe, read_record(path, recipe), folder)
            key = (recipe.student, recipe.towers, *run.record["input"].values())
            timed[key] = timed.get(key) or latencies_here(run)
            yield with_latency(run, timed[key])


def print_progress(runs: Iterator[Run]) -> None:
    """One line for each run as it comes: number, minutes since the start, accuracy, times."""
    start = time.perf_counter()
    for number, run in enumerate(runs, start=1):
        minutes = (time.perf_counter() - start) / 60
        latency = ", ".join(
            f"{e['median_ms']:.2f} ms at batch {e['batch_size']}" for e in run.record["latency"]
        )
        print(
            f"{number:4} {minutes:6.1f} min {run.accuracy:7.2f} %  {latency}  {run.recipe}",
            flush=True,
        )
