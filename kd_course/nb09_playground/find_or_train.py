"""What the playground finds among stored runs, and how it trains what it does not find."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from kd_course.nb02_hinton.experiments import SEEDS, TEACHER
from kd_course.nb06_assistants.tables import overlap_matrix
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
from kd_helpers.experiments.locks import lock_of, tidy_up
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.records import input_of
from kd_helpers.experiments.run import KEEP, dataset_of, load_checked_run, load_run, train_recipe
from kd_helpers.experiments.store import Run
from kd_helpers.methods.objective import DistillationLoss
from kd_helpers.runtime.folders import run_folders
from kd_helpers.training.loop import History, make_student, training_reports

BUDGET = 60.0  # seconds that the page trains for one press of a button, as estimated before
TIMED_STEPS = 6  # of a short measurement
ONCE = 2.0  # seconds that a training takes beside its steps: teacher's answers in part, measures
THIS, BARE, SOFT = "this setting", "no teacher, hard labels", "no teacher, smoothed labels"
LABELS_ONLY = "labels only"  # in short

# What is tried first where a setting is not stored.
NEIGHBOURS = {
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
    seeds = sorted({*SEEDS, setting.seed})
    settings = {seed: replace(setting, seed=seed) for seed in seeds}
    arms = {THIS: recipe_of, BARE: alone, SOFT: smoothed}
    found = {name: {s: load_run(of(settings[s])) for s in seeds} for name, of in arms.items()}
    return {
        name: {s: run.accuracy for s, run in runs.items() if run} for name, runs in found.items()
    }


def missing(recipe: Recipe, with_weights: bool = False) -> list[Recipe]:
    """What has to be trained before a recipe is stored, in this order, itself the last.

    with_weights: it is to teach. A teacher whose record alone is stored is trained again.
    """
    run = load_run(recipe)
    if run and (run.has_tensors or not with_weights):
        return []
    before = [part for needed in recipe.needs for part in missing(needed, with_weights=True)]
    return list(dict.fromkeys([*before, recipe]))


def is_stored(recipe: Recipe) -> bool:
    return any((folder / f"{recipe.hash}.json").is_file() for folder in run_folders())


def stored_neighbours(setting: Setting, most: int = 4) -> list[Setting]:
    """Settings that differ in one thing and are stored, both they and their baseline."""
    found: list[Setting] = []
    for field, values in NEIGHBOURS.items():
        for value in values:
            with contextlib.suppress(Refused):
                near = replace(setting, **{field: value})
                is_new = near != setting and near.has_teacher
                if is_new and is_stored(recipe_of(near)) and is_stored(alone(near)):
                    found.append(near)
    return found[:most]


@dataclass(frozen=True)
class Plan:
    """What a press of the button would do."""

    recipes: tuple[Recipe, ...]  # in this order
    seconds: tuple[float, ...]  # of each, estimated for this machine
    advice: str = ""  # what would make it shorter

    @property
    def is_too_long(self) -> bool:
        return sum(self.seconds) > BUDGET

    def __str__(self) -> str:
        count, steps = len(self.recipes), sum(recipe.schedule.steps for recipe in self.recipes)
        said = (
            f"{count} training{'s' if count > 1 else ''}, {steps:,} steps in all, about "
            f"{sum(self.seconds):.0f} s on this machine"
        )
        if not self.is_too_long:
            return f"{said} (this page trains for {BUDGET:.0f} s at most)."
        return f"{said}. That is more than the {BUDGET:.0f} s of this page. {self.advice}"


def plan_for(setting: Setting) -> Plan:
    """What is not stored of a setting and of the same student without a teacher."""
    recipes = dict.fromkeys([*missing(alone(setting)), *missing(recipe_of(setting))])
    seconds = {recipe: estimate(recipe) for recipe in recipes}
    if not recipes:
        return Plan((), ())
    return Plan(tuple(recipes), tuple(seconds.values()), advice_for(setting, seconds))


def advice_for(setting: Setting, seconds: Mapping[Recipe, float]) -> str:
    """What to change where this takes too long: the training that takes longest is named."""
    longest = max(seconds, key=seconds.get)
    said = f"The longest is {longest}, about {seconds[longest]:.0f} s. "
    if longest not in (alone(setting), recipe_of(setting)):
        if longest.kd_weight:
            return said + f"Take the assistant {longest.student} out, or another setting of it."
        return said + "Take seed 0, whose teachers are stored with their weights."
    if alone(setting) in seconds and 2 * seconds[longest] > BUDGET > seconds[longest]:
        return said + "Take teacher=none first, train, and come back; or take the student cnn-2."
    return said + "Take the schedule 600x64, or the student cnn-2, or run the code below elsewhere."


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
    dataset = dataset_of(recipe)
    schedule = replace(recipe.schedule, steps=TIMED_STEPS, batch_size=batch_size)
    network = make_student(student, seed=0, **input_of(dataset))
    times = [time.perf_counter()]
    for _ in training_reports(
        network, dataset.train, loss=DistillationLoss(), schedule=schedule, report_every=1
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
    with contextlib.suppress(KeyboardInterrupt), lock_of(recipe, should_stop=should_stop):
        tidy_up(recipe)
        if (run := load_checked_run(recipe)) and run.has_tensors:
            return run
        return train_recipe(recipe, folder=run_folders()[-1], keep=KEEP, **hooks)
    return None


@dataclass(frozen=True)
class Errors:
    """Who is wrong on what, on a ladder, as `explorers_overlap` shows it."""

    names: tuple[str, ...]  # the teacher first
    overlap: dict[str, np.ndarray]  # THIS, LABELS_ONLY → (R, R), mean over the stored seeds
    answers: dict[str, torch.Tensor]  # THIS, LABELS_ONLY → classes (R, N) of the setting's seed


def errors_of(setting: Setting) -> Errors | None:
    """The errors of all rungs, and of the student without a teacher in the last place; None where a
    run is not stored, or where nobody teaches. Trains nothing."""
    own = _answers(setting)
    if not setting.has_teacher or own is None:
        return None
    labels = dataset_of(alone(setting)).test.labels.cpu()
    others = [_answers(replace(setting, seed=seed)) for seed in SEEDS if seed != setting.seed]
    together = [own, *filter(None, others)]
    overlap = {
        name: np.mean([overlap_matrix(of[name], labels) for of in together], axis=0) for name in own
    }
    names = [recipe.student for recipe in ladder(setting)]
    names[-1] = names[-1] if names[-1] not in names[:-1] else "student"
    return Errors(tuple(names), overlap, own)


def _answers(setting: Setting) -> dict[str, torch.Tensor] | None:
    rungs = [load_run(recipe) for recipe in (*ladder(setting), alone(setting))]
    if not all(rungs):
        return None
    told = [run.answers() for run in rungs]
    return {THIS: torch.stack(told[:-1]), LABELS_ONLY: torch.stack([*told[:-2], told[-1]])}
