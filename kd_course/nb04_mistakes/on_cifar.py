"""Notebook 04's claim on the papers' own images: a good and a weak teacher with 100 classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kd_course.nb02_hinton.on_cifar import CIFAR_100, TEACHER_100, passes
from kd_course.nb03_confidence.experiments import small_student
from kd_course.nb03_confidence.on_cifar import small_cnn
from kd_course.nb04_mistakes.experiments import CORRECTIONS, HALF, TEACHER_SEED, TEACHERS
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods import HintonKD
from kd_helpers.training.schedules import Schedule

WAYS = {name: CORRECTIONS[name] for name in ("uncorrected", "swap", "mask")} | {
    HALF: HintonKD(kd_weight=0.5)
}
# A cnn-4 that saw a tenth of the labels, 40 times each.
WEAK = Recipe(
    student="cnn-4",
    seed=TEACHER_SEED,
    dataset=CIFAR_100,
    transfer=TransferSet(images=4_500),
    schedule=Schedule(steps=passes(4), batch_size=128, learning_rate=0.05),
)
TEACHERS_ON_CIFAR = {"well fitted": TEACHER_100, "few labels": WEAK}
CLOTHES = {"well fitted": TEACHERS["well fitted"], "few labels": TEACHERS["600 labels"]}


def cifar_arms(seed: int) -> dict[tuple[str, str], Recipe]:
    """Keys: teacher, way; and ("no teacher", "hard labels")."""
    return correction_arms(small_cnn(seed), TEACHERS_ON_CIFAR)


def clothes_arms(seed: int) -> dict[tuple[str, str], Recipe]:
    """The same arms among the stored runs of the laboratory."""
    return correction_arms(small_student(seed), CLOTHES)


def correction_arms(alone: Recipe, teachers: Mapping[str, Recipe]) -> dict[tuple[str, str], Recipe]:
    taught = {
        (name, way): replace(alone, teacher=teacher, method=method)
        for name, teacher in teachers.items()
        for way, method in WAYS.items()
    }
    return {("no teacher", "hard labels"): alone} | taught


def against(teacher: str, way: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """The corrected teacher, and the same one uncorrected."""
    return (teacher, way), (teacher, "uncorrected")


CLAIMS = {  # words → the arm that is said to be better, and the other one
    "a swap helps a well fitted teacher": against("well fitted", "swap"),
    "a mask helps a well fitted teacher": against("well fitted", "mask"),
    "a swap helps a teacher of few labels": against("few labels", "swap"),
    "a mask helps a teacher of few labels": against("few labels", "mask"),
    "so does less trust in all its answers": against("few labels", HALF),
    "that teacher, swapped, is better than labels": (
        ("few labels", "swap"),
        ("no teacher", "hard labels"),
    ),
}
