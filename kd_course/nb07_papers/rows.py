"""A reproduction: the paper's numbers and ours in one table, row by row.

Which there are: `laptop.py`, `laptop_ladders.py` and `paper_scale.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kd_course.nb05_specialists.tables import teacher_accuracy
from kd_course.nb07_papers.tables import PaperNumber
from kd_helpers.experiments.compare import (
    BETTER,
    FEWEST_SEEDS,
    WORSE,
    Verdict,
    mean_interval,
    paired_verdict,
)
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import Run, load_or_train
from kd_helpers.teachers import Team

Ours = Callable[[int], Recipe | Team]  # of a seed; a team stands for its own answer


def arm(arms: Callable[[int], Mapping], name: object) -> Ours:
    """seed → the recipe of that name."""
    return lambda seed: arms(seed)[name]


def changed(ours: Callable[[int], Recipe], **settings: Any) -> Callable[[int], Recipe]:
    """seed → the same recipe with other settings."""
    return lambda seed: replace(ours(seed), **settings)


def accuracy(run: Run) -> float:
    return run.accuracy


@dataclass(frozen=True)
class Row:
    """One quantity that a paper measured, that we measured, or both."""

    title: str
    paper: tuple[PaperNumber | None, ...] = ()  # one for each of the reproduction's columns
    ours: Ours | None = None  # None: there is nothing like it here
    against: str = ""  # title of the row that the verdict compares with; none without
    unit: str = "% right"
    measure: Callable[[Run], float] = accuracy
    seeds: int | None = None  # only the first of them are trained; None: all

    def of(self, seed: int) -> Recipe | Team | None:
        """Ours with this seed; None where there is none."""
        few = self.seeds is not None and seed >= self.seeds
        return None if few or not self.ours else self.ours(seed)

    def recipes(self, seed: int) -> list[Recipe]:
        """What has to be trained for ours."""
        one = self.of(seed)
        if one is None:
            return []
        return list(one.members) if isinstance(one, Team) else [one]


@dataclass(frozen=True)
class Reproduction:
    """What `kd reproduce` prints under one name."""

    name: str
    title: str
    differs: str  # what is other here than in the paper
    columns: tuple[str, ...]  # the paper's settings
    rows: tuple[Row, ...]  # every title once

    def recipes(self, seed: int) -> list[Recipe]:
        """Every recipe that a row needs, each once."""
        return list(dict.fromkeys(recipe for row in self.rows for recipe in row.recipes(seed)))

    def without(self, failed: dict[Recipe, str], seeds: Iterable[int]) -> Reproduction:
        """The same without our number in every row of which a training failed, and with the reason.

        The mean of the seeds that did not diverge would flatter a method that does.
        """
        problems = {
            row.title: failed[recipe]
            for row in self.rows
            for seed in seeds
            for recipe in row.recipes(seed)
            if recipe in failed
        }
        if not problems:
            return self
        said = [f"Empty, because a training failed: {t} ({p})." for t, p in problems.items()]
        rows = (replace(row, ours=None) if row.title in problems else row for row in self.rows)
        return replace(self, rows=tuple(rows), differs=" ".join([self.differs, *said]))


def reproduction(title: str, differs: str, *columns: str) -> Callable[[Callable], Callable]:
    """Makes a function that yields rows one that returns the reproduction of its own name."""

    def decorate(rows_of: Callable[[], Iterable[Row]]) -> Callable[[], Reproduction]:
        @functools.wraps(rows_of)
        def make() -> Reproduction:
            name = rows_of.__name__.replace("_", "-")
            return Reproduction(name, title, differs, columns, tuple(rows_of()))

        return make

    return decorate


def by_name(*makers: Callable[[], Reproduction]) -> dict[str, Callable[[], Reproduction]]:
    return {make.__name__.replace("_", "-"): make for make in makers}


@dataclass(frozen=True)
class Line:
    """A row with its numbers."""

    row: Row
    values: tuple[float, ...] = ()  # ours, one a seed; one in all where every seed has the same run
    verdict: Verdict | None = None

    @property
    def mean(self) -> float | None:
        return float(np.mean(self.values)) if self.values else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the mean; None where there are fewer than two networks."""
        return mean_interval(self.values) if len(self.values) > 1 else None


def lines_of(reproduction: Reproduction, seeds: Iterable[int]) -> list[Line]:
    """Every row with our values; runs that are not stored are trained."""
    seeds, rows = list(seeds), reproduction.rows
    values = {row.title: values_of(row, seeds) for row in rows}
    verdicts = [verdict_of(row, values[row.title], values.get(row.against, ())) for row in rows]
    return [Line(row, values[row.title], found) for row, found in zip(rows, verdicts, strict=True)]


def values_of(row: Row, seeds: Sequence[int]) -> tuple[float, ...]:
    """One a seed. A network that serves all seeds is one measurement, not several."""
    ours = [one for seed in seeds if (one := row.of(seed))]
    return tuple(value_of(row, one) for one in (ours if len(set(ours)) > 1 else ours[:1]))


def value_of(row: Row, one: Recipe | Team) -> float:
    if isinstance(one, Team):
        return teacher_accuracy(one)
    return row.measure(load_or_train(one, quiet=True))


def verdict_of(row: Row, values: Sequence[float], others: Sequence[float]) -> Verdict | None:
    """None with too few seeds. The difference keeps its sign, also where fewer is better."""
    if min(len(values), len(others)) < FEWEST_SEEDS:
        return None
    found = paired_verdict(values, others)
    turned = {BETTER: WORSE, WORSE: BETTER} if row.unit == "errors" else {}
    return replace(found, word=turned.get(found.word, found.word))
