"""Notebook 05's teams on the papers' own images: CIFAR-10, the groups of the public code of USTE.

All networks but the big one are cnn-2; 5 passes over all 45,000 images, T = 4 for all students.
What teams answer as one is stored beside the runs; `python -m` this module asks them anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeGuard

import numpy as np

from kd_course.nb02_hinton.experiments import SEEDS, smoothed
from kd_course.nb02_hinton.on_cifar import CIFAR_10, SHORT, TEST_LABELS
from kd_course.nb05_specialists.experiments import TEN, Setting, teachers
from kd_course.nb05_specialists.stored_teams import key_of, store, stored_right
from kd_course.nb05_specialists.tables import joined_answer, members_of, way_of
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import load_or_train
from kd_helpers.methods import HintonKD, Method, SelectiveKD
from kd_helpers.teachers import Team

ON_CIFAR = Setting(
    dataset=CIFAR_10,
    member="cnn-2",
    big="cnn-4",  # 37,338 parameters; the five towers have 39,785, three generalists 39,246
    student=Recipe(student="cnn-2", dataset=CIFAR_10, schedule=SHORT),
    by_index=TEN,
    schedule=SHORT,
    # By `tables.find_clusters`: planes and ships, cars and trucks, six animals.
    groups=((0, 8), (1, 9), (2, 3, 4, 5, 6, 7)),
    segments=((0, 8), (1, 9), (2, 4, 6, 7), (3,), (5,)),
)
TEAMS = (
    "one small network",
    "one big network",
    "3 generalists, arithmetic",
    "specialists, joint",
    "towers by index",
    "towers by index, selective",
)


CLAIMS = {  # words → the student that is said to be better, and the other one
    "a big network is a better teacher than labels": ("one big network", "hard labels"),
    "a big network is a better teacher than a small one": ("one big network", "one small network"),
    "three generalists are better than one": ("3 generalists, arithmetic", "one small network"),
    "specialists in one structure are better than a big network": (
        "towers by index",
        "one big network",
    ),
    "… than three generalists": ("towers by index", "3 generalists, arithmetic"),
    "… than specialists trained apart": ("towers by index", "specialists, joint"),
    "each of them teaching its own classes is better than all as one": (
        "towers by index, selective",
        "towers by index",
    ),
}


def cifar_teachers(seed: int) -> dict[str, Recipe | Team]:
    every = teachers(seed, ON_CIFAR)
    return {name: every[name] for name in TEAMS}


def method_for(who: Recipe | Team) -> Method:
    """A soft term for each source where they answer side by side."""
    if isinstance(who, Team) and who.apart:
        return SelectiveKD(groups=who.groups)
    return HintonKD()


def cifar_arms(seed: int) -> dict[str, Recipe]:
    """The student on its labels, and taught by each of them."""
    alone = replace(ON_CIFAR.student, seed=seed)
    taught = {
        name: replace(alone, teacher=who, method=method_for(who))
        for name, who in cifar_teachers(seed).items()
    }
    return {"hard labels": alone, "smoothed labels": smoothed(alone, 0.1)} | taught


def own_answers() -> dict[str, np.ndarray]:
    """Teacher → which test images it has right itself, (S, N) bool, in the order of the seeds."""
    every = [cifar_teachers(seed) for seed in SEEDS]
    return {name: np.stack([right_of(of_seed[name]) for of_seed in every]) for name in TEAMS}


def right_of(who: Recipe | Team) -> np.ndarray:
    """(N,) bool: of several networks as one from what is stored, else from images."""
    if is_joined(who):
        stored = stored_right(who.members, way_of(who))
        return asked(who) if stored is None else stored
    answers = load_or_train(members_of(who)[0], quiet=True).answers()
    return (answers == TEST_LABELS[CIFAR_10]).numpy()


def is_joined(who: Recipe | Team) -> TypeGuard[Team]:
    return len(members_of(who)) > 1


def asked(team: Team) -> np.ndarray:
    answer = joined_answer(team.members, way_of(team)).argmax(dim=1)
    return (answer == TEST_LABELS[CIFAR_10]).numpy()


def store_all() -> None:
    """Ask every team of several networks, and keep what it has right."""
    every = [who for seed in SEEDS for who in cifar_teachers(seed).values()]
    store({key_of(who.members, way_of(who)): asked(who) for who in every if is_joined(who)})


if __name__ == "__main__":
    store_all()
