"""Notebook 03's two claims on the papers' own images: the same arms, with a hundred classes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kd_course.nb02_hinton.experiments import TEACHER, smoothed
from kd_course.nb02_hinton.on_cifar import CIFAR_100, SHORT, TEACHER_100
from kd_course.nb03_confidence.experiments import decoupled, hinton, small_student, standardised
from kd_helpers import methods as m
from kd_helpers.experiments.recipe import Recipe


def small_cnn(seed: int) -> Recipe:
    """The student of notebooks 03 and 04 for CIFAR-100, on its labels alone."""
    return Recipe(student="cnn-2", seed=seed, dataset=CIFAR_100, schedule=SHORT)


def cifar_arms(seed: int) -> dict[str, Recipe]:
    """Five and 20 of 100 entries; standardised logits at T = 2, as in their paper."""
    alone = small_cnn(seed)
    return claim_arms(alone, TEACHER_100, smoothing=0.1, standard=2.0, few=5, fifth=20)


def clothes_arms(seed: int) -> dict[str, Recipe]:
    """The same arms among the stored runs of the laboratory: three and two of ten entries."""
    return claim_arms(small_student(seed), TEACHER, smoothing=0.4, standard=1.0, few=3, fifth=2)


def claim_arms(
    alone: Recipe, teacher: Recipe, *, smoothing: float, standard: float, few: int, fifth: int
) -> dict[str, Recipe]:
    """The arms that the claims are about.

    Args:
        standard: temperature of standardised logits. few, fifth: numbers of entries.
    """
    methods = {
        "KD, T = 1": hinton(1.0),
        "KD": hinton(4.0),
        "standardised logits": standardised(standard),
        "decoupled, β = 1": decoupled(),
        "decoupled, β = 8": decoupled(kd_weight=0.5, beta=8.0),
        "the largest entry": m.TopK(count=1),
        "a few entries": m.TopK(count=few),
        "a fifth of the entries": m.TopK(count=fifth),
        "all but the largest": m.SmallEntries(count=1, lump=False),
        "all but a few": m.SmallEntries(count=few, lump=False),
    }
    return {
        "hard labels": alone,
        "smoothed labels": smoothed(alone, smoothing),
        **{name: replace(alone, teacher=teacher, method=how) for name, how in methods.items()},
    }


CLAIMS = {  # words → the arm that is said to be better, and the other one
    "a teacher at T = 4 is better than labels": ("KD", "hard labels"),
    "T = 4 is better than T = 1": ("KD", "KD, T = 1"),
    "standardised logits are better than KD": ("standardised logits", "KD"),
    "decoupled, β = 1, is better than KD": ("decoupled, β = 1", "KD"),
    "decoupled, β = 8, is better than KD": ("decoupled, β = 8", "KD"),
    "all entries are better than a few": ("KD", "a few entries"),
    "all but the largest are better than labels": ("all but the largest", "hard labels"),
    "all but a few are better than labels": ("all but a few", "hard labels"),
}

# One pair of networks of the published benchmark; their β of decoupled KD is 8.
BENCHMARK = "ResNet 32x4-8x4, CIFAR-100"
PUBLISHED = {
    "hard labels": "labels only",
    "KD": "KD",
    "standardised logits": "KD, standardised logits",
    "decoupled, β = 8": "DKD",
}


def published_differences(numbers: Iterable) -> dict[str, float]:
    """Of each claim that the benchmark says something about, in points.

    numbers: the rows of data/paper_tables/cifar100_benchmark.csv.
    """
    printed = {n.method: n.value for n in numbers if n.setting == BENCHMARK}
    return {
        words: printed[PUBLISHED[one]] - printed[PUBLISHED[other]]
        for words, (one, other) in CLAIMS.items()
        if {one, other} <= PUBLISHED.keys()
    }
