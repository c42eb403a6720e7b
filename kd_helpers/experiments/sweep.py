"""A grid of recipes × seeds, trained several at a time and summed up in one table."""

from __future__ import annotations

import ast
import itertools
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace

from kd_course.nb02_hinton.experiments import TEACHER
from kd_helpers.experiments.parallel import each
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import load_or_train, load_run


@dataclass(frozen=True)
class Outcome:
    """What became of one recipe: its accuracy in percent, or the problem in words."""

    recipe: Recipe
    accuracy: float | None = None
    problem: str = ""


def parse_grid(settings: list[str]) -> list[Recipe]:
    """All combinations of settings such as "temperature=2,4", "transfer.images=600", "seed=0,1".

    A name is a field of `Recipe`, or of one of its parts after a dot. `teacher=course` is the
    course's teacher. Recipes that mean the same training are listed once.

    Raises:
        ValueError: a name or a value is not known; the message says which are.
    """
    pairs = [setting.partition("=") for setting in settings]
    names = [name for name, _, _ in pairs]
    for name, sign, text in pairs:
        if not (sign and text) or names.count(name) > 1:
            raise ValueError(
                f"got {name}{sign}{text}; expected NAME=VALUE,VALUE… with each name once"
            )
    choices = [values_of(text) for _, _, text in pairs]
    recipes = []
    for chosen in itertools.product(*choices):
        recipes.append(plain_if_untaught(build(dict(zip(names, chosen, strict=True)))))
    return list(dict.fromkeys(recipes))


def values_of(text: str) -> list:
    """ "1,2.5" → [1, 2.5]; "cnn-2,cnn-4" → two names; "(7,),()" → two tuples; "none" → None."""
    try:
        values = list(ast.literal_eval(f"[{text}]"))
    except (ValueError, SyntaxError):
        values = text.split(",")
    words = {"none": None, "None": None, "course": TEACHER, "true": True, "false": False}
    return [words.get(value, value) if isinstance(value, str) else value for value in values]


def build(settings: dict[str, object]) -> Recipe:
    """A recipe from values by name; dotted names set the parts first.

    In a grid with kd_weight=0,0.9 a lesson is for the second only.
    """
    if settings.get("kd_weight") == 0:
        settings = {k: v for k, v in settings.items() if k.partition(".")[0] != "lesson"}
    parts: dict[str, dict] = {}
    for name, value in settings.items():
        head, _, tail = name.partition(".")
        parts.setdefault(head, {})[tail] = value
    default = Recipe()
    changes = {}
    for head, values in parts.items():
        part = getattr(default, head, None)
        changes[head] = values[""] if set(values) == {""} else changed(part, values, f"{head}.")
    return changed(default, changes, "")


def changed(part: object, values: dict, prefix: str) -> object:
    known = [field.name for field in fields(part)] if is_dataclass(part) else []
    for name in values:
        if name not in known:
            every = ", ".join(f"{prefix}{field}" for field in known) or "no such part"
            raise ValueError(f"unknown setting {prefix}{name}; known: {every}")
    try:
        return replace(part, **values)
    except TypeError as problem:
        raise ValueError(f"got {prefix}{values}: {problem}") from problem


def plain_if_untaught(recipe: Recipe) -> Recipe:
    """Without a weight for the teacher, teacher and temperature change nothing."""
    if recipe.kd_weight:
        return recipe
    return replace(recipe, teacher=None, temperature=Recipe.temperature)


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
