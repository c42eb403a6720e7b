"""What a term on features costs: weights beside the student's, and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from kd_helpers.experiments.metrics import count_parameters
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import dataset_of, new_student, teacher_of, training_arguments
from kd_helpers.training.features import with_features
from kd_helpers.training.loop import train

STEPS = 10  # timed ones


def cost_table(arms: Mapping[str, Recipe]) -> pd.DataFrame:
    """Parameters that are trained beside the student's, and milliseconds a step, here and now: the
    first time that the teacher sees these images, and from its memory."""
    return pd.DataFrame({name: cost_of(recipe) for name, recipe in arms.items()}).T


def cost_of(recipe: Recipe) -> dict[str, int]:
    short = replace(recipe, schedule=replace(recipe.schedule, steps=STEPS))
    teacher_of(short).held.clear()
    first, again = (milliseconds(short) for _ in range(2))
    return {
        "more parameters": extra_parameters(short),
        "ms a step, first time": round(first),
        "ms a step, from memory": round(again),
    }


def milliseconds(recipe: Recipe) -> float:
    """Of a step."""
    dataset = dataset_of(recipe)
    history = train(new_student(recipe, dataset), **training_arguments(recipe, dataset))
    return 1_000 * history.seconds / STEPS


def extra_parameters(recipe: Recipe) -> int:
    """Those of the method's regressor."""
    if not recipe.method.needs_features:
        return 0
    dataset = dataset_of(recipe)
    how = training_arguments(recipe, dataset)
    student = new_student(recipe, dataset)
    given = (recipe.method, how["teacher"], how["split"], recipe.seed)
    return count_parameters(with_features(student, *given)) - count_parameters(student)
