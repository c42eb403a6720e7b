"""Notebook 03's claims with 100 classes: one small student of CIFAR-100, one well-fitted teacher.

The settings are those of the papers, not of a search: T = 4 and weight 0.9 of the benchmarks, T = 2
and factor 9 of standardised logits, weight 0.5 with β = 8 of decoupled KD.
"""

from __future__ import annotations

from dataclasses import replace

from kd_course.nb02_hinton.experiments import smoothed
from kd_course.nb03_confidence.experiments import decoupled, hinton, standardised
from kd_helpers import methods as m
from kd_helpers.data.augment import ViewSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.training.schedules import Schedule

IMAGES, BATCH = 45_000, 128
PASSES, TEACHER_PASSES = 10, 30
SHORT = Schedule(
    steps=round(PASSES * IMAGES / BATCH), batch_size=BATCH, learning_rate=0.05, weight_decay=5e-4
)
ALONE = Recipe(
    student="cnn-4",
    dataset="cifar-100",
    schedule=SHORT,
    augmentation=ViewSet(flip=True, max_shift=4, per_image=16),
)
TEACHER = replace(
    ALONE,
    student="wrn-16-2",
    schedule=replace(SHORT, steps=round(TEACHER_PASSES * IMAGES / BATCH), learning_rate=0.1),
    augmentation=ViewSet(flip=True, max_shift=4),
)
COUNTS = (1, 5, 20)  # largest entries kept beside the true class, of 100
CUT = (1, 5)  # largest entries left out


def student(seed: int) -> Recipe:
    """On its labels alone."""
    return replace(ALONE, seed=seed)


def taught(seed: int, method: m.Method, teacher: Recipe = TEACHER) -> Recipe:
    return replace(student(seed), teacher=teacher, method=method)


def cifar_arms(seed: int) -> dict[str, Recipe]:
    """The arms of notebook 03 that mattered."""
    methods: dict[str, m.Method] = {
        "KD, T = 1": hinton(1.0),
        "KD, T = 4": hinton(4.0),
        "standardised logits": standardised(2.0),
        "decoupled, β = 1": decoupled(),
        "decoupled, β = 8": decoupled(kd_weight=0.5, beta=8.0),
        **{f"top {k}, rest in one bin": m.TopK(count=k) for k in COUNTS},
        **{f"all but the top {k}": m.SmallEntries(count=k, lump=False) for k in CUT},
    }
    return {
        "hard labels": student(seed),
        "smoothed labels": smoothed(student(seed), 0.1),
        **{name: taught(seed, method) for name, method in methods.items()},
    }
