"""The numbers of ladders: every rung over the seeds, what a ladder costs, who makes whose
errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from kd_helpers.experiments.ladders import error_overlap
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import dataset_of, load_or_train, load_run

Ladder = tuple[Recipe, ...]  # teacher first, student last


@dataclass(frozen=True)
class Rung:
    """One network of a ladder, over the seeds."""

    name: str
    accuracies: tuple[float, ...]  # on the test images, percent, one a seed
    seconds: float  # of its training, median: some shared the machine with other work
    parameters: int


def stored_rungs(ladders: Sequence[Ladder]) -> tuple[Rung, ...] | None:
    """All rungs of one ladder from its stored runs; None where one is missing. Trains nothing.

    Args:
        ladders: the recipes of the ladder, for each seed.
    """
    columns = [[load_run(recipe) for recipe in of_rung] for of_rung in zip(*ladders, strict=True)]
    if any(run is None for runs in columns for run in runs):
        return None
    return tuple(
        Rung(
            name=runs[0].recipe.student,
            accuracies=tuple(run.accuracy for run in runs),
            seconds=float(np.median([run.record["seconds"] for run in runs])),
            parameters=runs[0].record["parameters"],
        )
        for runs in columns
    )


def overlaps(ladders: Sequence[Ladder]) -> np.ndarray:
    """Share of the test errors of either that both make, for all pairs of rungs: (R, R).

    Mean over the seeds; ladders: the recipes of one ladder, for each of them.
    """
    labels = dataset_of(ladders[0][0]).test.labels.cpu()
    found = []
    for ladder in ladders:
        answers = [load_or_train(recipe, quiet=True).answers() for recipe in ladder]
        found.append(overlap_matrix(answers, labels))
    return np.mean(found, axis=0)


def overlap_matrix(answers: Sequence[torch.Tensor], labels: torch.Tensor) -> np.ndarray:
    """`error_overlap` of all pairs of networks: classes (N,) of each, labels (N,) → (R, R),
    symmetric."""
    matrix = np.zeros((len(answers), len(answers)))
    for i in range(len(answers)):
        for j in range(i + 1):
            matrix[i, j] = matrix[j, i] = error_overlap(answers[i], answers[j], labels)
    return matrix
