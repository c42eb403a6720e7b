"""Train the shipped runs from nothing, pack them, time them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from kd_course.catalogue import Shipped, shipped_runs
from kd_course.nb02_hinton.experiments import TEACHER
from kd_helpers.experiments.metrics import measure_latencies
from kd_helpers.experiments.packed import write_folder
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import KEEP, load_checked_run, train_recipe
from kd_helpers.experiments.store import Run, pack, packing, read_packed
from kd_helpers.experiments.sweep import each, stages_of
from kd_helpers.models.towers import make_network
from kd_helpers.runtime.device import pick_device
from kd_helpers.runtime.folders import data_dir, run_folders


def retrain(
    *, again: bool, jobs: int | None = None, dataset: str = "fashion-mnist"
) -> Iterator[Run]:
    """Train shipped runs, teachers first, and pack them; yields each run when it is stored.

    Those of one data set: the bundled one, unless another is named, which has to be at hand.

    A run is stored in `out/runs` when it is done, and packed before its students need it, or when
    this is interrupted; then `again=False` trains those that are still missing.
    """
    shipped = {item.recipe: item for item in shipped_runs()}
    own = {r: item for r, item in shipped.items() if r.dataset == dataset}
    todo = {r: item for r, item in own.items() if again or load_checked_run(r) is None}
    for stage in ([TEACHER], *stages_of(list(todo))):
        items, done = [todo.pop(recipe) for recipe in stage if recipe in todo], []
        alone = len(items) == 1  # then it has all threads
        try:
            for run in (
                map(train_and_store, items) if alone else each(train_and_store, items, jobs=jobs)
            ):
                done.append(run.recipe)
                yield run
        finally:
            pack_all(again=done)


def train_and_store(item: Shipped) -> Run:
    """Into `out/runs`, with all that the students of this run may need."""
    keep = tuple(dict.fromkeys((*KEEP, *item.keep)))
    return train_recipe(item.recipe, folder=run_folders()[-1], keep=keep)


def chapters() -> Iterator[tuple[str, list[Shipped]]]:
    by_chapter = sorted(shipped_runs(), key=lambda item: item.chapter)
    for chapter, items in groupby(by_chapter, key=lambda item: item.chapter):
        yield chapter, list(items)


def pack_all(again: Collection[Recipe] = ()) -> int:
    """Merge `out/runs` into `data/runs`, a folder a chapter; how many runs were new.

    again: recipes whose new run replaces the packed one.
    """
    shop, own = run_folders()
    return sum(
        len(pack(shop / chapter, [(i.arm, i.recipe, i.keep) for i in items], own, again))
        for chapter, items in chapters()
    )


def time_all(recipes: Collection[Recipe] | None = None) -> Iterator[Run]:
    """Measure the latency of the packed runs again, of all or of some, with all threads.

    What is measured while other trainings keep the machine busy says nothing. The speed of a
    network does not depend on its weights: each kind is timed once.
    """
    timed: dict[tuple, list] = {}
    for chapter, items in chapters():
        folder, packings = data_dir() / "runs" / chapter, []
        for item in items:
            run = read_packed(folder, item.recipe)
            if run and (recipes is None or item.recipe in recipes):
                key = (item.recipe.student, item.recipe.towers, *run.record["input"].values())
                timed[key] = timed.get(key) or latencies_here(run)
                run = replace(run, record=run.record | {"latency": timed[key]})
                yield run
            packings += [packing(item.arm, run, item.keep)] if run else []
        write_folder(folder, packings)


def latencies_here(run: Run) -> list[dict]:
    """Time an untrained network of the run's kind on this machine, now."""
    given = run.record["input"]
    model = make_network(run.recipe.student, run.recipe.towers, **given).to(pick_device())
    return measure_latencies(model, (given["in_channels"], *[given["image_size"]] * 2))


def print_progress(runs: Iterable[Run]) -> list[Recipe]:
    """One line for each run as it comes: number, minutes, accuracy, times; their recipes."""
    start, recipes = time.perf_counter(), []
    for number, run in enumerate(runs, start=1):
        minutes = (time.perf_counter() - start) / 60
        latency = ", ".join(
            f"{e['median_ms']:.2f} ms at batch {e['batch_size']}" for e in run.record["latency"]
        )
        print(
            f"{number:4} {minutes:6.1f} min {run.accuracy:7.2f} %  {latency}  {run.recipe}",
            flush=True,
        )
        recipes.append(run.recipe)
    return recipes
