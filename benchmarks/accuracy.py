"""Row g: what is done for speed must not change a result. Five paired seeds for each comparison."""

from __future__ import annotations

import os
from dataclasses import replace

from kd_course.nb02_hinton.experiments import LAB, SEEDS, taught
from kd_helpers.data.augment import ViewSet
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.compare import paired_verdict
from kd_helpers.experiments.metrics import accuracy
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.room import dataset_of
from kd_helpers.experiments.run import new_student, train_student, training_arguments
from kd_helpers.experiments.sweep import each
from kd_helpers.teachers import NetworkTeacher
from kd_helpers.training.loop import predict, train

STUDENT = taught(Recipe(transfer=TransferSet(images=6000), schedule=LAB))
MOVED = ViewSet(flip=True, max_shift=2)
ARMS = {
    "cached, float32": (STUDENT, "float32", True),
    "fresh, float32": (STUDENT, "float32", False),
    "cached, bfloat16": (STUDENT, "bfloat16", True),
    "all 50 views": (replace(STUDENT, augmentation=MOVED), "float32", True),
    "2 views an image": (
        replace(STUDENT, augmentation=replace(MOVED, per_image=2)),
        "float32",
        True,
    ),
}
COMPARISONS = (
    ("fresh, float32", "cached, float32"),
    ("cached, float32", "cached, bfloat16"),
    ("all 50 views", "2 views an image"),
)


def arm_accuracy(arm_and_seed: tuple[str, int]) -> tuple[str, int, float]:
    """Train one student; its accuracy on the test images in percent."""
    arm, seed = arm_and_seed
    recipe, os.environ["KD_PRECISION"], cached = ARMS[arm]
    recipe = replace(recipe, seed=seed)
    data = dataset_of(recipe)
    student = new_student(recipe, data)
    if cached:
        train_student(recipe, student, data)
    else:
        how = training_arguments(recipe, data)
        teacher = how["teacher"].teacher
        assert isinstance(teacher, NetworkTeacher)
        train(student, **how | {"teacher": teacher})
    return arm, seed, 100 * accuracy(predict(student, data.test.images), data.test.labels)


def compare_arms() -> dict[str, dict]:
    """For each comparison: the verdict, the difference of the means and all accuracies."""
    jobs = [(arm, seed) for seed in SEEDS for arm in ARMS]
    found = {(arm, seed): value for arm, seed, value in each(arm_accuracy, jobs)}
    values = {arm: [found[arm, seed] for seed in SEEDS] for arm in ARMS}
    return {
        f"{new} against {old}": {
            "verdict": str(paired_verdict(values[new], values[old])),
            "difference of the means, points": sum(values[new]) / 5 - sum(values[old]) / 5,
            new: values[new],
            old: values[old],
        }
        for old, new in COMPARISONS
    }
