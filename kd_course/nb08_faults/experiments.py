"""The recipes of the stored runs of notebook 08: the same student with and without each fault.

Student and teacher are those with the largest gain in notebook 06: cnn-2 with 2,000 images, taught
by cnn-4, which makes 4 points over the labels alone. So a fault has something to lose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kd_course.nb02_hinton.experiments import TEACHER
from kd_course.nb03_confidence.experiments import STRENGTH, small_student
from kd_course.nb05_specialists.experiments import CLOTHES, generalist
from kd_course.nb06_assistants.experiments import gap_teachers
from kd_course.nb08_faults.faulty_losses import (
    BEST_STEP,
    LOSS_FAULTS,
    RIGHT,
    BestStep,
    EachTeacher,
    EpsilonInHalf,
    MaskOnScalar,
    SwitchIgnored,
    UnsureHalf,
    Watched,
    WithSwitch,
    WithTeachersGradient,
    WrongAxis,
)
from kd_course.nb08_faults.faulty_teachers import TEACHER_FAULTS
from kd_helpers.data.augment import ViewSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods import Method
from kd_helpers.runtime.plain import changed_fields
from kd_helpers.teachers import Dense, Mean, Team

LOW_RATE = 0.003  # a tenth of the students' learning rate


def taught(seed: int, teacher: Recipe | Team) -> Recipe:
    return replace(small_student(seed), teacher=teacher, method=Watched())


def with_fault(recipe: Recipe, fault: str) -> Recipe:
    """A taught recipe with a fault switched on: one of FAULTS; RIGHT is the recipe, watched."""
    method = METHODS.get(fault, Watched)(**settings_of(recipe.method))
    if fault not in TEACHER_FAULTS:
        return replace(recipe, method=method)
    return replace(recipe, teacher=TEACHER_FAULTS[fault](recipe.teachers), method=method)


def settings_of(method: Method) -> dict[str, Any]:
    return {name: value for name, value, _ in changed_fields(method)}


METHODS: dict[str, type[Watched]] = {
    RIGHT: Watched,
    **LOSS_FAULTS,
    "learning teacher": WithTeachersGradient,
    BEST_STEP: BestStep,
}
FAULTS = (RIGHT, *LOSS_FAULTS, *TEACHER_FAULTS, BEST_STEP)


def fault_arms(seed: int) -> dict[str, Recipe]:
    """The right run, and one for each fault of the loss and of the one teacher."""
    right = taught(seed, gap_teachers(seed)["cnn-4"])
    teachers = ("train mode", "learning teacher", "reshuffled", "untrained head", "classes by name")
    names = (RIGHT, *LOSS_FAULTS, *teachers)
    return {name: with_fault(right, name) for name in names}


def view_arms(seed: int) -> dict[str, Recipe]:
    """Pictures shifted and mirrored; the teacher has learnt from such pictures itself."""
    right = taught(seed, replace(TEACHER, student="cnn-4"))
    moved = replace(right, augmentation=ViewSet(flip=True, max_shift=2))
    return {name: with_fault(moved, name) for name in (RIGHT, "other view")}


def team_arms(seed: int) -> dict[str, Recipe]:
    """Three networks as one teacher."""
    team = Mean(tuple(generalist(seed, member) for member in range(CLOTHES.generalists)))
    return {name: with_fault(taught(seed, team), name) for name in (RIGHT, "means as logits")}


def step_arms(seed: int) -> dict[str, Recipe]:
    """A constant learning rate, as in the public code of TAKD and DGKD: the last steps still
    differ."""
    schedule = replace(small_student(seed).schedule, shape="constant")
    right = replace(taught(seed, gap_teachers(seed)["cnn-4"]), schedule=schedule)
    return {name: with_fault(right, name) for name in (RIGHT, BEST_STEP)}


def switch_arms(seed: int) -> dict[str, Recipe]:
    """Standardised logits, at the temperature and strength of chapter 03."""
    kinds = {RIGHT: WithSwitch, "switch ignored": SwitchIgnored}
    arms = {name: kind(temperature=1.0, strength=STRENGTH) for name, kind in kinds.items()}
    return by_method(seed, arms)


def mask_arms(seed: int) -> dict[str, Recipe]:
    return by_method(seed, {RIGHT: UnsureHalf(), "mask on a scalar": MaskOnScalar()})


def half_arms(seed: int) -> dict[str, Recipe]:
    """At T = 1 the course's ResNet-20 has entries that half precision rounds to 0."""
    kinds = {RIGHT: Watched, "ε in half precision": EpsilonInHalf}
    return by_method(seed, {n: kind(temperature=1.0) for n, kind in kinds.items()}, TEACHER)


def axis_arms(seed: int) -> dict[str, Recipe]:
    """The three networks of `team_arms`, each with a soft term of its own."""
    team = Dense(team_arms(seed)[RIGHT].teachers)
    return by_method(seed, {RIGHT: EachTeacher(), "wrong axis": WrongAxis()}, team)


def by_method(
    seed: int, methods: Mapping[str, Method], teacher: Recipe | Team | None = None
) -> dict[str, Recipe]:
    """The taught student with any methods."""
    alone, who = small_student(seed), teacher or gap_teachers(seed)["cnn-4"]
    return {name: replace(alone, teacher=who, method=way) for name, way in methods.items()}


def unequal_arms(seed: int) -> dict[str, Recipe]:
    """Labels alone, at the taught student's learning rate and at a tenth of it."""
    alone = small_student(seed)
    slow = replace(alone, schedule=replace(alone.schedule, learning_rate=LOW_RATE))
    return {"labels, a tenth of the learning rate": slow, "labels": alone}


EXPERIMENTS = (  # seed → {name: recipe}
    fault_arms,
    view_arms,
    team_arms,
    step_arms,
    unequal_arms,
    switch_arms,
    mask_arms,
    half_arms,
    axis_arms,
)
