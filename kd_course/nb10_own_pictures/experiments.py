"""The exercise's arms: the same student before the delivery, with it, and without its copies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kd_course.nb10_own_pictures.checks import LIMIT, nearest
from kd_helpers.data.splits import Dataset
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.training.schedules import Schedule

SEEDS = (0, 1, 2)
SCHEDULE = Schedule(steps=400, batch_size=32, learning_rate=0.03)
NAMES = ("before", "with the delivery", "without the copies")


def without_copies(data: Dataset) -> Dataset:
    """The same data without the training pictures that are near a test picture."""
    far = nearest(data.train.images, data.test.images) > LIMIT
    return replace(data, train=data.train.subset(far.nonzero().flatten()), key="")


def delivery_arms(*sets: Dataset) -> Callable[[int], dict[str, Recipe]]:
    """The same student on the labels of each data set: before, after and, if given, mended.

    Returns:
        seed → {name of the arm: recipe}, for `collect`.
    """
    arms = {
        name: Recipe(student="cnn-2", dataset=data, schedule=SCHEDULE)  # type: ignore[arg-type]
        for name, data in zip(NAMES, sets, strict=False)
    }
    return lambda seed: {name: replace(arm, seed=seed) for name, arm in arms.items()}
