"""Notebook 05's teams on CIFAR-10, whole: one big teacher, generalists, towers, specialists.

The networks and subsets of the public code of unified specialists (Zaras, Passalis and Tefas 2021);
20 passes where that has more. Clusters: `tables.find_clusters`, of the first seed's generalist.
"""

from __future__ import annotations

from dataclasses import replace

from kd_course.nb05_specialists.experiments import CIFAR_10, Setting, student_arms
from kd_helpers.experiments.recipe import Recipe

PASSES, IMAGES = 20, 45_000
DATASET = "cifar-10-reencoded"
SHORT = replace(CIFAR_10.schedule, steps=round(PASSES * IMAGES / CIFAR_10.schedule.batch_size))
SETTING: Setting = replace(
    CIFAR_10,
    dataset=DATASET,
    schedule=SHORT,
    student=replace(
        CIFAR_10.student,
        dataset=DATASET,
        schedule=SHORT,
        augmentation=replace(CIFAR_10.augmentation, per_image=16),
    ),
    generalists=3,
    specialists=3,
)
ARMS = (
    "hard labels",
    "smoothed labels",
    "one small network",
    "one big network",
    "3 generalists, arithmetic",
    "towers by index",
    "specialists, joint",
)


def cifar_arms(seed: int, setting: Setting = SETTING) -> dict[str, Recipe]:
    """The student on its labels, and below each of these teachers."""
    arms = student_arms(seed, setting)
    return {name: arms[name] for name in ARMS}
