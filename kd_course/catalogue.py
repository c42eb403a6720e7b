"""The runs that ship with the course: which recipes, and what is kept of each beside its record."""

from __future__ import annotations

from collections.abc import Iterator

from kd_course.nb02_hinton.experiments import (
    SEEDS,
    TEACHER,
    full_arms,
    hidden_class_arms,
    lab_arms,
    map_arms,
    source_arms,
)
from kd_course.nb03_confidence.experiments import entry_arms, temperature_arms, treatment_arms
from kd_course.nb04_mistakes.experiments import TEACHERS, correction_arms, noisy_label_arms
from kd_course.nb05_specialists.experiments import (
    generalist,
    specialists,
    student_arms,
    tower_teachers,
)
from kd_course.nb06_assistants import experiments as ladders
from kd_course.nb08_faults import experiments as museum
from kd_helpers.experiments.recipe import Recipe

Item = tuple[Recipe, tuple[str, ...]]


def shipped_runs() -> Iterator[Item]:
    """Every shipped recipe once, teachers before their students, and the tensors kept of it.

    A tensor is kept only where a notebook or an explorer reads it.
    """
    items: dict[Recipe, tuple[str, ...]] = {}
    for source in (
        teachers,
        hinton_runs,
        confidence_runs,
        mistake_runs,
        team_members,
        team_runs,
        ladder_runs,
        museum_runs,
    ):
        for recipe, keep in source():
            items[recipe] = tuple(dict.fromkeys((*items.get(recipe, ()), *keep)))
    yield from items.items()


def teachers() -> Iterator[Item]:
    """The teachers of notebooks 02 to 04; only of the course's own a notebook reads the answers to
    the training images."""
    yield TEACHER, ("weights", "test_logits", "train_logits")
    for recipe in TEACHERS.values():
        yield recipe, ("weights", "test_logits")


def hinton_runs() -> Iterator[Item]:
    """Notebook 02."""
    for seed in SEEDS:
        for recipe in hidden_class_arms(seed).values():
            yield recipe, ("weights",)
        for arms in (lab_arms(seed), source_arms(seed)):
            for recipe in arms.values():
                yield recipe, ()
        for recipe in full_arms(seed).values():
            yield recipe, ("weights", "test_logits") if seed == 0 else ()
        for recipe in map_arms(seed).values():
            yield recipe, ()


def confidence_runs() -> Iterator[Item]:
    """Notebook 03."""
    for seed in SEEDS:
        for arms in (treatment_arms(seed), temperature_arms(seed), entry_arms(seed)):
            for recipe in arms.values():
                yield recipe, ()


def mistake_runs() -> Iterator[Item]:
    """Notebook 04."""
    for seed in SEEDS:
        for arms in (correction_arms(seed), noisy_label_arms(seed)):
            for recipe in arms.values():
                yield recipe, ()


def team_members() -> Iterator[Item]:
    """Notebook 05: what its teachers are made of."""
    for seed in SEEDS:
        for recipe in (*(generalist(seed, m) for m in range(5)), *specialists(seed)):
            yield recipe, ("weights",)
        for name, recipe in tower_teachers(seed).items():
            shown = seed == 0 and name in ("towers by index", "towers by index, double softmax")
            yield recipe, ("weights",) if shown else ()


def team_runs() -> Iterator[Item]:
    """Notebook 05: the one big teacher, and all students."""
    for seed in SEEDS:
        arms = student_arms(seed)
        yield arms["one big network"].teacher, ()
        for recipe in arms.values():
            yield recipe, ()


def ladder_runs() -> Iterator[Item]:
    """Notebook 06: students after their teachers and assistants, whose test answers are in the
    records."""
    for seed in SEEDS:
        for recipe in ladders.gap_teachers(seed).values():
            yield recipe, ("weights",) if seed == 0 else ()
        for arms in ladders.EXPERIMENTS:
            for student in arms(seed).values():
                for recipe in with_teachers(student):
                    yield recipe, ()


def museum_runs() -> Iterator[Item]:
    """Notebook 08: what is looked at stands in the records."""
    for seed in SEEDS:
        for arms in museum.EXPERIMENTS:
            for student in arms(seed).values():
                for recipe in with_teachers(student):
                    yield recipe, ()


def with_teachers(recipe: Recipe) -> Iterator[Recipe]:
    for teacher in recipe.needs:
        yield from with_teachers(teacher)
    yield recipe
