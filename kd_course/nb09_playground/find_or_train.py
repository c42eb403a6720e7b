"""What the playground finds among stored runs, and how it trains what it does not find."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch

from kd_course.nb02_hinton.experiments import SEEDS, TEACHER
from kd_course.nb06_assistants.tables import overlaps
from kd_course.nb09_playground.setting import (
    SCHEDULES,
    UNTREATED,
    WAYS,
    Refused,
    Setting,
    alone,
    ladder,
    recipe_of,
    smoothed,
)
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import (
    KEEP,
    dataset_of,
    input_of,
    load_checked_run,
    load_run,
    lock_of,
    tidy_up,
    train_recipe,
)
from kd_helpers.experiments.store import Run
from kd_helpers.runtime.folders import run_folders
from kd_helpers.training.loop import History, make_student, training_reports

BUDGET = 120.0  # seconds that the page trains for a seed, as estimated before
TIMED_STEPS = 6  # of a short measurement
ONCE = 2.0  # seconds that a training takes beside its steps: teacher's answers in part, measures
THIS, BARE, SOFT = "this setting", "no teacher, hard labels", "no teacher, smoothed labels"
LABELS_ONLY = "labels only"  # in short

# What is tried first where a setting is not stored.
NEAR = {
    "temperature": (4.0, 2.0, 8.0, 1.0, 16.0),
    "kd_weight": (0.9, 0.5, 1.0, 0.25),
    "assistants": ((),),
    "treatment": (UNTREATED,),
    "schedule": tuple(SCHEDULES),
    "images": (2_000, 600, 54_000),
    "teacher": ("resnet-20", "cnn-4"),
    "way": WAYS,
    "seed": SEEDS,
    "student": ("cnn-2",),
}

Scores = dict[int, float]  # seed → accuracy on the test images, percent


def scores_of(setting: Setting) -> dict[str, Scores]:
    """Accuracies of the student as set and without a teacher, of all stored seeds. Trains nothing.

    Returns:
        {THIS, BARE, SOFT: scores}; the same student each time, on the same images.
    """
    scores: dict[str, Scores] = {THIS: {}, BARE: {}, SOFT: {}}
    for seed in sorted({*SEEDS, setting.seed}):
        own = replace(setting, seed=seed)
        for name, recipe in ((THIS, recipe_of(own)), (BARE, alone(own)), (SOFT, smoothed(own))):
            if run := load_run(recipe):
                scores[name][seed] = run.accuracy
    return scores


def missing(recipe: Recipe, with_weights: bool = False) -> list[Recipe]:
    """What has to be trained before a recipe is stored, in this order, itself the last.

    with_weights: it is to teach. A teacher whose record alone is stored is trained again.
    """
    # A damaged run is moved aside and counts as missing; a teacher's is read when it teaches.
    run = load_run(recipe) if with_weights else load_checked_run(recipe)
    if run and (run.has_weights or not with_weights):
        return []
    before = [part for needed in recipe.needs for part in missing(needed, with_weights=True)]
    return list(dict.fromkeys([*before, recipe]))


def stored_neighbours(setting: Setting, most: int = 4) -> list[Setting]:
    """Settings that differ in one thing and are stored, both they and their baseline."""
    return list(islice(_neighbours(setting), most))


def _neighbours(setting: Setting) -> Iterator[Setting]:
    for field, value in ((field, value) for field, values in NEAR.items() for value in values):
        with suppress(Refused):
            near = replace(setting, **{field: value})
            is_new = near != setting and near.has_teacher
            if is_new and load_run(recipe_of(near)) and load_run(alone(near)):
                yield near


@dataclass(frozen=True)
class Plan:
    """What a press of a button would do."""

    recipes: tuple[Recipe, ...] = ()  # in this order
    seconds: tuple[float, ...] = ()  # of each, estimated for this machine
    limit: float = BUDGET  # seconds
    advice: str = ""  # what would make it shorter

    @property
    def is_too_long(self) -> bool:
        return sum(self.seconds) > self.limit

    def __str__(self) -> str:
        count, steps = len(self.recipes), sum(recipe.schedule.steps for recipe in self.recipes)
        said = f"{count} training{'s' * (count > 1)}, {steps:,} steps in all, about "
        said += f"{sum(self.seconds):.0f} s on this machine"
        if not self.is_too_long:
            return said
        return f"{said}, more than the {self.limit:.0f} s of this page. {self.advice}"


def plan_for(setting: Setting, seeds: Iterable[int]) -> Plan:
    """What is not stored of a setting and of the same student without a teacher, with these
    seeds."""
    owns = [replace(setting, seed=seed) for seed in seeds]
    wanted = [recipe for own in owns for recipe in (alone(own), recipe_of(own))]
    recipes = list(dict.fromkeys(part for recipe in wanted for part in missing(recipe)))
    seconds = {recipe: estimate(recipe) for recipe in recipes}
    plan = Plan(tuple(recipes), tuple(seconds.values()), BUDGET * max(len(owns), 1))
    return replace(plan, advice=advice_for(setting, seconds)) if plan.is_too_long else plan


def advice_for(setting: Setting, seconds: Mapping[Recipe, float]) -> str:
    """What to change where this takes too long: the training that takes longest is named."""
    longest = max(seconds, key=seconds.get)
    own = replace(setting, seed=longest.seed)
    said = f"The longest is {longest}, about {seconds[longest]:.0f} s. "
    if longest not in (alone(own), recipe_of(own)):
        if longest.teachers:
            return said + f"Take the assistant {longest.student} out, or another setting of it."
        return said + "Take seed 0, whose teachers are stored with their weights."
    if alone(own) in seconds and 2 * seconds[longest] > BUDGET > seconds[longest]:
        return said + "Take no teacher first, train, and come back; or take the student cnn-2."
    if (setting.student, setting.schedule) == ("cnn-2", "600x64"):
        return said + "This machine is busy or slow: run the code below elsewhere."
    return said + "Take 600 steps of 64 images, or cnn-2; or run the code below elsewhere."


def estimate(recipe: Recipe) -> float:
    """Seconds that a training takes here: steps as measured, and its teachers' answers as
    recorded."""
    seen = min(recipe.transfer.images or 54_000, recipe.schedule.steps * recipe.schedule.batch_size)
    answers = sum(
        run.record["latency"][-1]["median_ms"] / run.record["latency"][-1]["batch_size"] / 1000
        for teacher in recipe.teachers
        if teacher != TEACHER and (run := load_run(teacher))  # whose answers are stored
    )
    step = seconds_per_step(recipe.student, recipe.schedule.batch_size)
    return recipe.schedule.steps * step + seen * answers + ONCE


@functools.cache
def seconds_per_step(student: str, batch_size: int) -> float:
    """Measured: the fastest of a few steps of the one loop, after one that warms up."""
    recipe = Recipe(student=student)
    schedule = replace(recipe.schedule, steps=TIMED_STEPS, batch_size=batch_size)
    data = dataset_of(recipe)
    network = make_student(student, seed=0, **input_of(data))
    times = [time.perf_counter()]
    for _ in training_reports(
        network, data.train, method=recipe.method, schedule=schedule, report_every=1
    ):
        times.append(time.perf_counter())
    return float(np.diff(times)[1:].min())


def train_stoppable(
    recipe: Recipe, *, should_stop: Callable[[], bool], on_report: Callable[[History], None]
) -> Run | None:
    """As `load_or_train`, but for a thread: None where it was told to stop. Goes on next time.

    The same loop, lock, checkpoint and files; a process that trains the same recipe is waited for.

    Args:
        should_stop: asked before every step, and while it waits for another process. on_report:
        called every 50 steps.
    """
    hooks = {"should_stop": should_stop, "on_report": on_report}
    # A KeyboardInterrupt is what a wait or a training ends with that was stopped.
    with suppress(KeyboardInterrupt), lock_of(recipe, should_stop=should_stop):
        tidy_up(recipe)
        if (run := load_checked_run(recipe)) and run.has_weights:
            return run
        return train_recipe(recipe, folder=run_folders()[-1], keep=KEEP, **hooks)
    return None


class Errors(NamedTuple):
    """Who is wrong on what, on a ladder; THIS, and LABELS_ONLY: THIS without a teacher."""

    names: tuple[str, ...]  # the teacher first
    overlap: dict[str, np.ndarray]  # (R, R) each, mean over the stored seeds
    answers: dict[str, torch.Tensor]  # classes (R, N) each, of the setting's seed


def errors_of(setting: Setting) -> Errors | None:
    """The errors of all rungs; None where a run is not stored, or where nobody teaches. Trains
    nothing."""
    seeds = [setting.seed, *(seed for seed in SEEDS if seed != setting.seed)]
    every = {seed: _with_and_without(replace(setting, seed=seed)) for seed in seeds}
    stored = [both for both in every.values() if all(map(load_run, both[THIS] + both[LABELS_ONLY]))]
    own = every[setting.seed]
    if not setting.has_teacher or own not in stored:
        return None
    labels = dataset_of(own[THIS][0]).test.labels.cpu()
    overlap = {way: overlaps([both[way] for both in stored], labels) for way in own}
    answers = {w: torch.stack([load_run(r).answers() for r in rungs]) for w, rungs in own.items()}
    *names, last = [recipe.student for recipe in own[THIS]]
    return Errors((*names, "student" if last in names else last), overlap, answers)


def _with_and_without(setting: Setting) -> dict[str, tuple[Recipe, ...]]:
    """The ladder, and the same with the student without a teacher in the last place."""
    rungs = ladder(setting)
    return {THIS: rungs, LABELS_ONLY: (*rungs[:-1], alone(setting))}
