"""The room in which a training takes place: its images, its steps, and who teaches there."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from kd_helpers.data.augment import PLAIN
from kd_helpers.data.class_groups import Groups, half_special, special_dataset
from kd_helpers.data.datasets import Dataset, load_dataset
from kd_helpers.data.transfer_set import load_source, select
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.store import Run
from kd_helpers.models.towers import TowersApart
from kd_helpers.runtime import distributed
from kd_helpers.runtime.device import pick_device, pick_precision
from kd_helpers.runtime.folders import cache_folder
from kd_helpers.teachers.cached import (
    MAX_BYTES,
    AnswerFiles,
    CachedTeacher,
    bytes_left,
    fingerprint,
)
from kd_helpers.teachers.outside import Outside, outside
from kd_helpers.teachers.teacher import Batch, ByFunction, NetworkTeacher, Teacher
from kd_helpers.teachers.team import Team


class TrainingRoom:
    """A `teachers.team.Room`: what a recipe says, as things; `trained` gives a member's run."""

    def __init__(self, recipe: Recipe, dataset: Dataset, trained: Callable[[Recipe], Run]) -> None:
        self.recipe, self.dataset, self.trained = recipe, dataset, trained
        self.seed, self.schedule = recipe.seed, recipe.schedule
        self.temperature = getattr(recipe.method.core, "temperature", 1.0)
        self.source = load_source(dataset, recipe.transfer.source)
        self.split, self.rows = select(self.source, recipe.transfer, recipe.seed)
        if recipe.special:
            self.rows = half_special(self.split.labels, self.rows, dustbin=len(recipe.special))

    @property
    def images(self) -> int:
        return len(self.rows)

    @functools.cached_property
    def teacher(self) -> Teacher | None:
        """The recipe's teacher, one or a team."""
        who = self.recipe.teacher
        return who.build(self) if isinstance(who, Team) else who and self.cached(who)

    def cached(self, recipe: Recipe | Outside, *, apart: bool = False) -> CachedTeacher:
        """A trained network with a memory that all students of one data set, source and
        augmentation share, those of later sessions too: its answers are also on disk."""
        return cached_teacher(self.recipe, recipe, self.trained, apart=apart)

    def remembered(self, teacher: Teacher) -> CachedTeacher:
        classes = len(self.dataset.classes)
        augmentation = self.recipe.augmentation
        return CachedTeacher(teacher, self.source.images, augmentation, num_classes=classes)

    def network(self, recipe: Recipe) -> nn.Module:
        return self.trained(recipe).model().to(pick_device())

    def shares(self, groups: Groups) -> list[float]:
        return special_shares(self.dataset, tuple(groups))


def special_shares(dataset: Dataset, groups: Groups) -> list[float]:
    """How much of the training images the classes of each group are, from 0 to 1."""
    labels = dataset.train.labels
    return [
        torch.isin(labels, torch.tensor(group, device=labels.device)).double().mean().item()
        for group in groups
    ]


@functools.lru_cache(maxsize=2)
def load_dataset_once(name: str, device: str) -> Dataset:
    return load_dataset(name, device)


def dataset_of(recipe: Recipe) -> Dataset:
    """The data set of a recipe; for a specialist with its own labels."""
    dataset = load_dataset_once(recipe.dataset, pick_device().type)
    return special_dataset(dataset, recipe.special) if recipe.special else dataset


def cached_teacher(
    pupil: Recipe,
    teacher: Recipe | Outside,
    trained: Callable[[Recipe], Run],
    *,
    apart: bool = False,
) -> CachedTeacher:
    """The memory of one teacher; `pupil` says which images and augmentation. apart: its towers'."""
    if bytes_left() < MAX_BYTES // 8:
        _cached_teacher.cache_clear()  # those that a student still needs stay alive
    device = pick_device()
    return _cached_teacher(
        teacher,
        trained,
        apart,
        pupil.dataset,
        pupil.transfer.source,
        pupil.augmentation,
        device.type,
        pick_precision(device)[0],
        cache_folder(),
    )


@functools.lru_cache(maxsize=16)
def _cached_teacher(
    teacher: Recipe | Outside,
    trained: Callable[[Recipe], Run],
    apart: bool,
    dataset: str,
    source: str,
    augmentation,
    device: str,
    precision: torch.dtype,
    folder: Path,
) -> CachedTeacher:
    data = load_dataset_once(dataset, device)
    images = load_source(data, source).images
    run = None if isinstance(teacher, Outside) else trained(teacher)
    if run is None:
        asked, classes = given_teacher(teacher, device), len(data.classes)
        name = fingerprint(repr(teacher), (), images, augmentation)
    else:
        model = TowersApart(run.model(device)) if apart else run.model(device)
        asked, classes = NetworkTeacher(model), model.outputs if apart else run.classes
        name = fingerprint(repr(model), model.state_dict().values(), images, augmentation)
    cache = CachedTeacher(
        asked,
        images,
        augmentation,
        num_classes=classes,
        files=AnswerFiles(folder / name),
        writes=distributed.is_main(),
    )
    # The stored answers were computed in float32; they are the teacher's only where it answers so.
    own = run and source == "train" and dataset == teacher.dataset and precision == torch.float32
    if own and not apart and "train_logits" in run.tensors():
        cache.remember_plain(run.logits("train").to(device))
    cache.read_files()
    return cache


def answers_of(network: nn.Module, images: torch.Tensor, classes: int) -> torch.Tensor:
    """Logits (N, K) float32 of a network from outside to plain images (N, C, H, W) uint8.

    Kept on disk, in half precision: a large network answers slowly.
    """
    name = fingerprint(repr(outside(network)), (), images, PLAIN)
    asked, files = NetworkTeacher(network.to(images.device)), AnswerFiles(cache_folder() / name)
    cache = CachedTeacher(asked, images, num_classes=classes, files=files, max_bytes=MAX_BYTES)
    rows = torch.arange(len(images))
    cache.prepare(rows, torch.zeros_like(rows))
    cache.save()
    return cache.answers.float()


def given_teacher(teacher: Outside, device: str) -> Teacher:
    """A network from outside.

    In a process that was not given it, only what is on disk by now can be answered.
    """
    network = teacher.network()
    if network is not None:
        return NetworkTeacher(network.to(device))

    def gone(batch: Batch) -> torch.Tensor:
        raise ValueError(
            f"got {teacher.words} as a teacher, and this process does not have it: give it first, "
            "by outside(adapted(network, …))"
        )

    return ByFunction(gone)
