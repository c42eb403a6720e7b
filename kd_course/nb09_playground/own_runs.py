"""Stored runs on data sets of one's own: which there are, and what they say, paired by seed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from kd_course.nb09_playground.find_or_train import BARE, SOFT, THIS, Scores
from kd_course.nb09_playground.pareto import COSTS, Points
from kd_helpers.data.datasets import load_dataset
from kd_helpers.data.own import OWN
from kd_helpers.data.splits import DataError
from kd_helpers.experiments.distill import TRIAL_SEED
from kd_helpers.experiments.packed import RunError
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import load_run
from kd_helpers.experiments.store import Run
from kd_helpers.methods import CrossEntropy
from kd_helpers.runtime.folders import run_folders

Arms = dict[str, dict[int, Run]]  # THIS, BARE, SOFT: seed → run


@dataclass(frozen=True)
class Comparison:
    """One student on one data set: with a teacher, and without."""

    dataset: str  # its key
    words: str
    arms: Arms

    @property
    def scores(self) -> dict[str, Scores]:
        return {a: {seed: run.accuracy for seed, run in r.items()} for a, r in self.arms.items()}

    @property
    def first(self) -> Run:
        """A run of the student, the taught one if there is one."""
        return next(run for name in (THIS, BARE, SOFT) for run in self.arms[name].values())


def comparisons() -> list[Comparison]:
    """All that is stored in `out/runs` on data sets of one's own, trials left out."""
    groups: dict[Recipe, dict[Recipe, dict[int, Run]]] = {}  # bare → recipe → seed → run
    for run in _runs():
        own = replace(run.recipe, seed=0)
        groups.setdefault(without_teacher(own), {}).setdefault(own, {})[run.recipe.seed] = run
    return [found for bare, group in groups.items() for found in _compared(bare, group)]


def without_teacher(recipe: Recipe) -> Recipe:
    """The same training on hard labels alone."""
    weights = getattr(recipe.method.core, "class_weights", ())
    return replace(recipe, teacher=None, method=CrossEntropy(class_weights=weights))


def _compared(bare: Recipe, group: dict[Recipe, dict[int, Run]]) -> Iterator[Comparison]:
    soft = next((runs for r, runs in group.items() if r.teacher is None and r != bare), {})
    without = {BARE: group.get(bare, {}), SOFT: soft}
    taught = {recipe: runs for recipe, runs in group.items() if recipe.teacher}
    for recipe, runs in (taught or {bare: {}}).items():
        yield Comparison(recipe.dataset, words_of(recipe), {THIS: runs, **without})


def words_of(recipe: Recipe) -> str:
    return f"{recipe} · {recipe.schedule.steps:,} steps".replace(", seed 0", "")


def _runs() -> Iterator[Run]:
    """Those that can be read; a record says of what it is the record."""
    for path in sorted(run_folders()[-1].glob("*.json")):
        try:
            text = path.read_text()
            recipe = Recipe.from_record(json.loads(text)) if f'"{OWN}' in text else Recipe()
            is_wanted = recipe.dataset.startswith(OWN) and recipe.seed != TRIAL_SEED
            if is_wanted and (run := load_run(recipe)):
                yield run
        except (OSError, ValueError, KeyError, RunError):
            continue  # damaged, or of another version


@lru_cache
def name_of(key: str) -> str:
    """What the data set is called, with the first digits of its key: two may have one name."""
    digits = key.removeprefix(OWN)[:4]
    try:
        return f"{load_dataset(key).name} (own, {digits})"
    except DataError:
        return f"own data set {digits}, its images are gone"


def points_of(found: list[Comparison], chosen: Comparison, cost: str) -> Points:
    """Cost as recorded and mean accuracy: of each student on labels alone, of the others with a
    teacher."""
    points: dict[str, tuple[float, float]] = {}
    for place, one in enumerate(found, start=1):
        labels, taught = mean_of(one.scores[BARE]), mean_of(one.scores[THIS])
        price = recorded_cost(one.first, cost)
        if labels is not None and (price, labels) not in points.values():
            points[f"labels alone{f' ({place})' * (place > 1)}"] = (price, labels)
        if taught is not None and one is not chosen:
            points[f"stored run {place}"] = (price, taught)
    return points


def mean_of(scores: Scores) -> float | None:
    return sum(scores.values()) / len(scores) if scores else None


def recorded_cost(run: Run, cost: str) -> float:
    """One of COSTS as the run's record has it."""
    single = next(entry for entry in run.record["latency"] if entry["batch_size"] == 1)
    known = (run.record["parameters"], run.record["multiply_adds"], single["median_ms"])
    return known[COSTS.index(cost)]
