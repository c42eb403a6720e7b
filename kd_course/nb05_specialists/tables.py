"""The numbers of teams of teachers: what they cost, how often they are right, how long they
take."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import nn

from kd_course.nb05_specialists.experiments import Setting, generalist
from kd_course.nb05_specialists.member_answers import (
    JOINT,
    EnsembleAnswers,
    SpecialistAnswers,
    TeamAnswers,
)
from kd_course.nb05_specialists.stored_teams import stored_right
from kd_helpers.experiments.metrics import accuracy, measure_latency
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.room import special_shares
from kd_helpers.experiments.run import dataset_of, load_or_train, run_with_weights
from kd_helpers.models.towers import make_network
from kd_helpers.teachers import Mean, Specialists, SpecialistsApart, SpecialistsMean, Team, Unified
from kd_helpers.teachers.specialists import cluster_classes, correct_dustbins
from kd_helpers.training.loop import predict


def members_of(teacher: Recipe | Team) -> tuple[Recipe, ...]:
    return teacher.members if isinstance(teacher, Team) else (teacher,)


def teacher_costs(teacher: Recipe | Team) -> dict[str, float]:
    """Parameters, multiply-adds for one image and training seconds, summed over all networks."""
    records = [load_or_train(recipe, quiet=True).record for recipe in members_of(teacher)]
    return {
        name: sum(record[name] for record in records)
        for name in ("parameters", "multiply_adds", "seconds")
    }


def find_clusters(setting: Setting, seed: int = 0) -> Setting:
    """The setting with clusters of classes, from what its first generalist says of validation
    images.

    The generalist is loaded, or trained. Own variances are left out (`cluster_classes`).
    """
    run = run_with_weights(generalist(seed, 0, setting))
    logits = predict(run.model(), dataset_of(run.recipe).val.images.cpu())
    groups, segments = (
        cluster_classes(logits, count, diagonal=False)
        for count in (setting.specialists, len(setting.by_index))
    )
    return replace(setting, groups=groups, segments=segments)


@functools.lru_cache(maxsize=64)
def test_logits(recipe: Recipe) -> torch.Tensor:
    """Answers (N, K) of a stored network to the test images."""
    return predict(run_with_weights(recipe).model(), dataset_of(recipe).test.images.cpu())


def teacher_accuracy(teacher: Recipe | Team) -> float:
    """Test accuracy in percent, of a team by its members' answers at T = 1.

    A team whose members take turns, or are weighted with the help of the labels, has no answer of
    its own to a new image: its members' arithmetic mean stands for it. That of a selective team is
    the joint answer of the same specialists, or of the same towers.
    """
    if isinstance(teacher, (Recipe, Unified)):
        return load_or_train(members_of(teacher)[0], quiet=True).accuracy
    return joined_accuracy(teacher.members, way_of(teacher))


def way_of(team: Team) -> str:
    """What a team, or what stands for it, says of a new image."""
    if isinstance(team, SpecialistsMean):
        return "cheap mean"
    if isinstance(team, (Specialists, SpecialistsApart)):
        return "joint answer"
    return team.mean if isinstance(team, Mean) else "arithmetic"


@functools.lru_cache(maxsize=64)
def joined_accuracy(members: tuple[Recipe, ...], way: str) -> float:
    """Test accuracy in percent of what several networks say together at T = 1."""
    right = stored_right(members, way)
    if right is not None:
        return 100 * float(right.mean())
    labels = dataset_of(members[0]).test.labels.cpu()
    return 100 * accuracy(joined_answer(members, way), labels)


def joined_answer(members: tuple[Recipe, ...], way: str) -> torch.Tensor:
    """What several networks say together of the test images, (N, K), at T = 1.

    way: a mean of generalists, or a joint answer of a generalist and specialists.
    """
    logits = [test_logits(recipe) for recipe in members]
    joined: TeamAnswers = EnsembleAnswers(logits)
    if way in JOINT:
        groups = tuple(recipe.special for recipe in members[1:])
        shares = special_shares(dataset_of(members[0]), groups)
        joined = SpecialistAnswers(correct_dustbins(logits, shares), groups)
    return joined.joined([True] * len(logits), way, 1.0)


class AllMembers(nn.Module):
    """All networks of a team, one after the other: what an answer costs, not the answer."""

    def __init__(self, networks: list[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.cat([network(images) for network in self.networks], dim=1)


def latencies(teachers: Mapping[str, Recipe | Team], *, batch_size: int = 256) -> dict[str, float]:
    """Milliseconds for a batch through all networks of each teacher on this machine, now (median).

    The weights do not matter for that; joining the answers is not counted.
    """
    found = {}
    for name, teacher in teachers.items():
        records = [load_or_train(recipe, quiet=True).record for recipe in members_of(teacher)]
        given = [record["input"] for record in records]
        networks = [
            make_network(recipe.student, recipe.towers, **of_one)
            for recipe, of_one in zip(members_of(teacher), given, strict=True)
        ]
        shape = (given[0]["in_channels"], *[given[0]["image_size"]] * 2)
        found[name] = measure_latency(AllMembers(networks), shape, batch_size)["median_ms"]
    return found


def cost_table(
    costs: Mapping[str, list[dict[str, float]]],
    own: Mapping[str, list[float]],
    taught: Mapping[str, list[float]],
) -> pd.DataFrame:
    """One row for each teacher, means over the seeds: what it costs, how often it is right (%, as
    its student)."""
    rows = {}
    for teacher, of_seeds in costs.items():
        parameters, multiply_adds, seconds = np.mean([[*one.values()] for one in of_seeds], axis=0)
        rows[teacher] = {
            "parameters": f"{parameters:,.0f}",
            "multiply-adds": f"{multiply_adds:,.0f}",
            "training, s": f"{seconds:.0f}",
            "own accuracy, %": f"{np.mean(own[teacher]):.2f}",
            "student's, %": f"{np.mean(taught[teacher]):.2f}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")
