"""A reproduction: the paper's numbers and ours in one table, row by row.

Which there are: `reproductions_laptop` and `reproductions_paper`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kd_course.nb05_specialists.tables import teacher_accuracy
from kd_course.nb07_papers.tables import PaperNumber, paper_numbers
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


def accuracy(run: Run) -> float:
    return run.accuracy


@dataclass(frozen=True)
class Row:
    """One quantity that a paper measured, that we measured, or both."""

    title: str
    paper: tuple[PaperNumber | None, ...] = ()  # one for each of the reproduction's columns
    # Ours, for a seed; a team stands for its own answer. None: there is nothing like it here.
    ours: Callable[[int], Recipe | Team] | None = None
    measure: Callable[[Run], float] = accuracy
    unit: str = "% right"
    against: str = ""  # title of the row that the verdict compares with; none without
    smaller_is_better: bool = False

    def recipes(self, seed: int) -> list[Recipe]:
        """What has to be trained for ours."""
        if not self.ours:
            return []
        one = self.ours(seed)
        return list(one.members) if isinstance(one, Team) else [one]


@dataclass(frozen=True)
class Reproduction:
    """What `kd reproduce` prints under one name."""

    name: str
    title: str
    differs: str  # what is other here than in the paper
    columns: tuple[str, ...]  # the paper's settings
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        titles = [row.title for row in self.rows]
        for row in self.rows:
            if len(row.paper) not in (0, len(self.columns)) or titles.count(row.title) > 1:
                raise ValueError(
                    f"got {self.name}: {row.title!r} with {len(row.paper)} numbers of the paper; "
                    f"expected {len(self.columns)} or none, and every title once"
                )
            if row.against and row.against not in titles:
                raise ValueError(f"got {self.name}: {row.against!r}; expected one of {titles}")

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
        said = " ".join(
            f"Empty, because a training failed: {t} ({p})." for t, p in problems.items()
        )
        rows = (replace(row, ours=None) if row.title in problems else row for row in self.rows)
        return replace(self, rows=tuple(rows), differs=f"{self.differs} {said}")


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
    seeds = list(seeds)
    values = {row.title: values_of(row, seeds) for row in reproduction.rows}
    return [
        Line(
            row, values[row.title], verdict_of(row, values[row.title], values.get(row.against, ()))
        )
        for row in reproduction.rows
    ]


def values_of(row: Row, seeds: Sequence[int]) -> tuple[float, ...]:
    """One a seed. A network that serves all seeds is one measurement, not several."""
    if not row.ours:
        return ()
    ours = [row.ours(seed) for seed in seeds]
    if len(set(ours)) == 1:
        ours = ours[:1]
    return tuple(
        teacher_accuracy(one)
        if isinstance(one, Team)
        else row.measure(load_or_train(one, quiet=True))
        for one in ours
    )


def verdict_of(row: Row, values: Sequence[float], others: Sequence[float]) -> Verdict | None:
    """None with too few seeds. The difference keeps its sign, also where smaller is better."""
    if min(len(values), len(others)) < FEWEST_SEEDS:
        return None
    found = paired_verdict(values, others)
    turned = {BETTER: WORSE, WORSE: BETTER} if row.smaller_is_better else {}
    return replace(found, word=turned.get(found.word, found.word))


def printed(
    paper: str, table: str, setting: str, method: str, unit: str = "% right"
) -> PaperNumber:
    """The one number of a paper that stands there.

    Raises:
        ValueError: there is none, or more than one.
    """
    wanted = (table, setting, method, unit)
    found = [n for n in paper_numbers(paper) if (n.table, n.setting, n.method, n.unit) == wanted]
    if len(found) != 1:
        raise ValueError(
            f"got {wanted} of {paper}, which stands there {len(found)} times; expected once"
        )
    return found[0]
