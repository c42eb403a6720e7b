"""A plan for CIFAR-10, carried out: a ResNet teaches a small CNN (F. Navarrete's project talk).

This copy of CIFAR-10 has 111 images that were encoded anew (data/README.md); its name says so.
"""

from __future__ import annotations

from dataclasses import replace

from kd_course.nb02_hinton.experiments import smoothed
from kd_helpers.data.augment import ViewSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods import HintonKD
from kd_helpers.training.schedules import Schedule

VIEWS = ViewSet(flip=True, max_shift=4, per_image=16)
TEACHER_PASSES, PASSES, IMAGES, BATCH = 40, 15, 45_000, 128
ALONE = Recipe(
    student="cnn-4",
    dataset="cifar-10-reencoded",
    schedule=Schedule(
        steps=round(PASSES * IMAGES / BATCH),
        batch_size=BATCH,
        learning_rate=0.05,
        weight_decay=5e-4,
    ),
    augmentation=VIEWS,
)
TEACHER = replace(
    ALONE,
    student="resnet-20",
    schedule=replace(
        ALONE.schedule, steps=round(TEACHER_PASSES * IMAGES / BATCH), learning_rate=0.1
    ),
    augmentation=ViewSet(flip=True, max_shift=4),
)


def cifar_arms(seed: int) -> dict[str, Recipe]:
    """The small network on its labels, on smoothed ones, and with the teacher."""
    alone = replace(ALONE, seed=seed)
    return {
        "hard labels": alone,
        "smoothed labels": smoothed(alone, 0.1),
        "distilled": replace(
            alone, teacher=TEACHER, method=HintonKD(temperature=4.0, kd_weight=0.9)
        ),
    }
