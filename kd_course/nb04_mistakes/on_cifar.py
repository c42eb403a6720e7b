"""Notebook 04's claims with 100 classes: corrections of a well-fitted and of two weak teachers."""

from __future__ import annotations

from dataclasses import replace

from kd_course.nb03_confidence.on_cifar import TEACHER, student, taught
from kd_course.nb04_mistakes.experiments import CORRECTIONS, HALF, TEACHER_SEED
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods import HintonKD

WAYS = ("uncorrected", "swap", "mask")


def wrong_teacher(images: int, label_noise: float, passes: int) -> Recipe:
    """The same network, trained on few or on partly wrong labels."""
    steps = round(passes * images / TEACHER.schedule.batch_size)
    return replace(
        TEACHER,
        seed=TEACHER_SEED,
        transfer=TransferSet(images=images, label_noise=label_noise),
        schedule=replace(TEACHER.schedule, steps=steps),
    )


TEACHERS = {
    "well fitted": TEACHER,
    "4,500 labels": wrong_teacher(4_500, 0.0, passes=120),
    "50 % random labels": wrong_teacher(45_000, 0.5, passes=20),
}


def cifar_arms(seed: int) -> dict[tuple[str, str], Recipe]:
    """Every teacher × every correction, and the labels alone. Keys: teacher, correction."""
    methods = {name: CORRECTIONS[name] for name in WAYS} | {HALF: HintonKD(kd_weight=0.5)}
    return {
        ("no teacher", "hard labels"): student(seed),
        **{
            (name, way): taught(seed, method, teacher)
            for name, teacher in TEACHERS.items()
            for way, method in methods.items()
        },
    }
