"""Would distillation help here? One student on one's own data, with a teacher and without."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm.auto import tqdm

from kd_helpers.data.augment import PLAIN, ViewSet
from kd_helpers.data.datasets import key_of
from kd_helpers.data.splits import Dataset
from kd_helpers.experiments.arms import LABELS, SMOOTHED, TAUGHT, Arms, Trial, undecided
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.room import TrainingRoom, answers_of, dataset_of
from kd_helpers.experiments.run import load_run, new_student, run_with_weights
from kd_helpers.experiments.sweep import default_jobs, sweep
from kd_helpers.methods import CrossEntropy, HintonKD, Method
from kd_helpers.methods.labels import balanced_class_weights
from kd_helpers.models import own
from kd_helpers.teachers.adapted import Adapted
from kd_helpers.teachers.outside import outside
from kd_helpers.training.schedules import Schedule

TRIAL_SEED = 10_000  # of the short trainings that choose the settings; no result uses it
TRIAL_SHARE = 3  # they take a third of the steps
LEARNING_RATES = (0.1, 0.03, 0.01)
TEMPERATURES, WEIGHTS = (2.0, 4.0, 8.0), (0.5, 0.9)
SMOOTHING = 0.1


class Distilled(Arms):
    """What came out: the runs of three arms, paired by seed, what they say, and the report."""

    def report(self, path: str | Path) -> Path:
        """Write everything as one HTML page that needs nothing else."""
        from kd_helpers.experiments.report import write_report

        return write_report(self, Path(path))


def distill(
    student: Any,
    teacher: nn.Module,
    data: Dataset,
    *,
    seeds: int = 3,
    method: Method | None = None,
    schedule: Schedule | None = None,
    augmentation: ViewSet = PLAIN,
    balanced: bool = False,
    jobs: int | None = None,
    code: str = "",
) -> Distilled:
    """Train a student on labels alone, on smoothed labels and with a teacher, paired by seed.

    Every run is stored when it is there: the same call goes on where it was stopped. What is not
    given is chosen by short trainings, on validation and with a seed of their own: the learning
    rate for the labels alone, temperature and weight for the teacher.

    Args:
        student: a name of the zoo, "module:function", a function that makes a network from
            num_classes, in_channels and image_size, or a network.
        teacher: an `adapted` network, or one that takes the student's images as they are.
        seeds: how many, from 0 on; at least 3 for a verdict, 5 are better.
        method: what the distilled student minimises; HintonKD with chosen settings by default.
        schedule: of every training; by default 20 passes over the images, 400 to 3,000 steps.
        augmentation: plain images by default, of which each is asked of the teacher only once.
        balanced: weigh the classes in the label term so that all count alike, in every arm.
        jobs: trainings at a time; one a core by default, where every process can make the student.
        code: the call, for the report.

    Raises:
        ValueError: the teacher does not fit the data, or is no better than chance.
        RuntimeError: a training failed.
        KeyboardInterrupt: stopped by hand; the same call goes on.
    """
    from kd_helpers.training.examine import examine

    weights = balanced_class_weights(data.train.labels, len(data.classes)) if balanced else ()
    base = Recipe(
        student=student,
        dataset=key_of(data),
        augmentation=augmentation,
        schedule=schedule or schedule_for(len(data.train)),
        method=CrossEntropy(class_weights=weights),
    )
    new_student(base, data)  # one that does not fit is refused now, not after an hour
    bound = teacher.for_classes(data.classes) if isinstance(teacher, Adapted) else teacher
    examine(bound, data)
    jobs = jobs or (1 if base.student.startswith(own.HERE) else default_jobs())
    taught = replace(base, teacher=outside(bound), method=method or HintonKD())
    ask_all(taught)
    trials: list[Trial] = []
    if schedule is None:
        base, tried = best_of(rates(base), jobs, "learning rate")
        taught, trials = replace(taught, schedule=base.schedule), tried
    if method is None:
        taught, tried = best_of(settings(taught, weights), jobs, "temperature and weight")
        trials = trials + tried
    smooth = CrossEntropy(label_smoothing=SMOOTHING, class_weights=weights)
    arms = {LABELS: base, SMOOTHED: replace(base, method=smooth), TAUGHT: taught}
    recipes = [replace(arm, seed=seed) for seed in range(seeds) for arm in arms.values()]
    train_all(recipes, jobs, f"3 arms × {seeds} seeds")
    runs = {
        name: [run_with_weights(replace(arm, seed=seed)) for seed in range(seeds)]
        for name, arm in arms.items()
    }
    test = answers_of(bound, dataset_of(base).test.images, len(data.classes))
    return Distilled(data, bound, test.cpu(), runs, tuple(trials), code)


def schedule_for(images: int) -> Schedule:
    """20 passes over the images, but 400 to 3,000 steps."""
    batch_size = 128 if images >= 1280 else max(1, min(32, images // 4))
    steps = min(max(20 * images // batch_size, 400), 3000)
    return Schedule(steps=steps, batch_size=batch_size)


def rates(recipe: Recipe) -> dict[str, Recipe]:
    """The same recipe with several learning rates."""
    return {
        f"labels alone, learning rate {rate:g}": replace(
            recipe, schedule=replace(recipe.schedule, learning_rate=rate)
        )
        for rate in LEARNING_RATES
    }


def settings(recipe: Recipe, class_weights: tuple[float, ...]) -> dict[str, Recipe]:
    """The same recipe with several temperatures and weights of the soft targets."""
    return {
        f"distilled, T = {t:g}, α = {weight:g}": replace(
            recipe, method=HintonKD(temperature=t, kd_weight=weight, class_weights=class_weights)
        )
        for t, weight in itertools.product(TEMPERATURES, WEIGHTS)
    }


def best_of(candidates: Mapping[str, Recipe], jobs: int, what: str) -> tuple[Recipe, list[Trial]]:
    """The candidate whose short training is best on validation, the first of equals."""
    short = {name: trial_of(recipe) for name, recipe in candidates.items()}
    train_all(list(short.values()), jobs, f"choosing {what}", all_must=False)
    runs = {name: load_run(recipe) for name, recipe in short.items()}
    scores = {name: 100 * run.record["val"]["accuracy"] for name, run in runs.items() if run}
    if not scores:
        raise RuntimeError(f"all short trainings to choose {what} failed: see above")
    trials = [Trial(name, scores.get(name, float("nan"))) for name in candidates]
    best = max(scores, key=lambda name: scores[name])
    if undecided(trials):
        tqdm.write(
            f"the short trainings do not tell the {what}: all reach {scores[best]:.1f} % on "
            f"validation; taken: {best}. More steps would tell"
        )
    return candidates[best], trials


def trial_of(recipe: Recipe) -> Recipe:
    steps = max(recipe.schedule.steps // TRIAL_SHARE, 1)
    return replace(recipe, seed=TRIAL_SEED, schedule=replace(recipe.schedule, steps=steps))


def train_all(recipes: list[Recipe], jobs: int, words: str, *, all_must: bool = True) -> None:
    """Train what is not stored, with a progress bar; one that failed is named."""
    outcomes = sweep(recipes, jobs=jobs)
    bar = tqdm(outcomes, total=len(recipes), desc=words, unit="training")
    failed = [f"{outcome.recipe}: {outcome.problem}" for outcome in bar if outcome.problem]
    if failed:
        tqdm.write("\n".join(f"failed: {words}" for words in failed))
    if failed and all_must:
        raise RuntimeError(f"{len(failed)} of {len(recipes)} trainings failed: {failed[0]}")


def ask_all(recipe: Recipe) -> None:
    """Have the teacher answer every training image, with a progress bar, before any training.

    Then the runs of all seeds, in other processes too, read its answers from disk. Augmented
    images are asked as they come.
    """
    teacher: Any = TrainingRoom(recipe, dataset_of(recipe), run_with_weights).teacher
    rows = torch.arange(len(dataset_of(recipe).train))
    for some in tqdm(
        list(rows.split(256)), desc="asking the teacher", unit="images", unit_scale=256
    ):
        teacher.prepare(some, torch.zeros_like(some))
    teacher.save()
