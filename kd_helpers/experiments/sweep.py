"""A grid of recipes × seeds, trained several at a time and summed up in one table."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace

from kd_helpers.experiments.parallel import each
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import load_or_train, load_run


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
    wanted, lost = set(recipes), {}
    for stage in stages_of(recipes):
        needed = [r for r in stage if r in wanted or load_run(r) is None]
        for outcome in attempt(needed, lost, jobs=jobs, dask=dask):
            if outcome.recipe in wanted:
                yield outcome


def attempt(stage: list[Recipe], lost: dict[Recipe, str], **where) -> Iterator[Outcome]:
    """Train a stage, but no student of a lost teacher; adds to `lost`: recipe → problem."""
    for recipe in stage:
        gone = [teacher for teacher in recipe.needs if teacher in lost]
        if gone and load_run(recipe) is None:
            lost[recipe] = f"the teacher {gone[0]} failed: {lost[gone[0]]}"
            yield Outcome(recipe, problem=lost[recipe])
    going = [recipe for recipe in stage if recipe not in lost]
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
