"""Navarrete's plan on CIFAR-10, and what notebooks 02 to 06 share on the papers' own images.

One setting for the students of 02 to 04, 5 passes over the 45,000 training images; how it was
come by: data/README.md.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from kd_course.nb02_hinton.experiments import smoothed
from kd_helpers.data.augment import ViewSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods import HintonKD
from kd_helpers.teachers import Mean
from kd_helpers.training.schedules import Schedule

IMAGES = 45_000  # of the training split of either CIFAR
CIFAR_10, CIFAR_100 = "cifar-10-reencoded", "cifar-100"
# The test images are in the order of their classes in every copy of the data, so their labels need
# no images.
TEST_LABELS = {
    CIFAR_10: torch.arange(10).repeat_interleave(1_000),
    CIFAR_100: torch.arange(100).repeat_interleave(100),
}


def passes(count: int) -> int:
    """Steps of 128 images for so many passes over the training images."""
    return round(count * IMAGES / 128)


SHORT = Schedule(steps=passes(5), batch_size=128, learning_rate=0.05)


def resnet_teacher(network: str, dataset: str, count: int) -> Recipe:
    """A residual network, so many passes over shifted and mirrored images."""
    return Recipe(
        student=network,
        dataset=dataset,
        schedule=Schedule(steps=passes(count), batch_size=128, learning_rate=0.1),
        augmentation=ViewSet(flip=True, max_shift=4),
    )


# Neither of the two reaches 90 % of CIFAR-10 alone; the mean of their probabilities does.
RESNETS_10 = (resnet_teacher("resnet-20", CIFAR_10, 20), resnet_teacher("wrn-16-2", CIFAR_10, 14))
TEACHER_10 = Mean(RESNETS_10)
TEACHER_100 = resnet_teacher("resnet-20", CIFAR_100, 20)


def small_cnn(seed: int) -> Recipe:
    """The student for CIFAR-10 on its labels alone, without augmentation."""
    return Recipe(student="cnn-4", seed=seed, dataset=CIFAR_10, schedule=SHORT)


def cifar_arms(seed: int) -> dict[str, Recipe]:
    """Navarrete's plan: labels, smoothed labels, distilled from two ResNets."""
    alone = small_cnn(seed)
    taught = replace(alone, teacher=TEACHER_10, method=HintonKD())
    return {"hard labels": alone, "smoothed labels": smoothed(alone, 0.1), "KD": taught}
