"""The exercise's arms: the same student before the delivery, with it, and without its copies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kd_course.nb10_own_pictures.checks import LIMIT, nearest
from kd_helpers.data.splits import Dataset
from kd_helpers.experiments.compare import collect
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.store import Run
from kd_helpers.experiments.sweep import sweep
from kd_helpers.training.schedules import Schedule

SEEDS = (0, 1, 2)
SCHEDULE = Schedule(steps=240, batch_size=32, learning_rate=0.03)
NAMES = ("before", "with the delivery", "without the copies")


def without_copies(data: Dataset) -> Dataset:
    """The same data without the training pictures that are near a test picture."""
    far = nearest(data.train.images, data.test.images) > LIMIT
    return replace(data, train=data.train.subset(far.nonzero().flatten()), key="")


def delivery_runs(*sets: Dataset) -> dict[str, list[Run]]:
    """The same student on the labels of each data set: before, after and, if given, mended.

    What is not stored is trained, one training a core.
    """
    arms = delivery_arms(*sets)
    list(sweep([recipe for seed in SEEDS for recipe in arms(seed).values()]))
    return collect(arms, SEEDS)


def delivery_arms(*sets: Dataset) -> Callable[[int], dict[str, Recipe]]:
    """seed → {name of the arm: recipe}."""
    arms = {
        name: Recipe(student="cnn-2", dataset=data, schedule=SCHEDULE)  # type: ignore[arg-type]
        for name, data in zip(NAMES, sets, strict=False)
    }
    return lambda seed: {name: replace(arm, seed=seed) for name, arm in arms.items()}
