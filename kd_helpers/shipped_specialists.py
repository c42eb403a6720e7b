"""The recipes of the stored runs of notebook 05: teams of teachers at one budget, and their students.

How the settings were chosen, on validation images: data/README.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kd_helpers.recipes import SELECTIVE, SPECIALISTS, SPECIALISTS_MEAN, Recipe, Team
from kd_helpers.schedules import Schedule
from kd_helpers.shipped import LAB
from kd_helpers.shipped_confidence import SHORT, small_student
from kd_helpers.specialists import Groups
from kd_helpers.towers import Towers, by_index, with_two_owners
from kd_helpers.views import PLAIN, ViewSet


@dataclass(frozen=True)
class Setting:
    """The networks of one data set. Budgets are equal in parameters, up to what whole networks allow."""

    dataset: str
    member: str  # every generalist, specialist and tower
    big: str  # one network with about as many parameters as five towers
    groups: Groups  # of Hinton's specialists
    by_index: Groups  # of five towers, every class with two owners
    segments: Groups  # five groups of similar classes, for the towers by cluster
    schedule: Schedule  # of every teacher; specialists take half the steps
    student: Recipe  # on its labels alone; its seed is set for each run
    generalists: int = 3  # as many as the towers' parameters pay for
    views: ViewSet = PLAIN  # of every teacher


CLOTHES = Setting(
    dataset="fashion-mnist", member="cnn-2", big="cnn-4",
    # `cluster_classes` without the diagonal finds them, in each of ten generalists; notebook 05.
    groups=((0, 2, 4, 6), (1, 3, 8), (5, 7, 9)),
    by_index=by_index(10, 5), segments=((0, 6), (1, 3), (2, 4), (5, 7, 9), (8,)),
    schedule=LAB, student=small_student(0),
)  # fmt: skip


def teacher_seed(seed: int, member: int = 0) -> int:
    """No teacher shares its seed with a student, and no two members share theirs."""
    return 1000 + 10 * seed + member


def generalist(seed: int, member: int = 0, setting: Setting = CLOTHES) -> Recipe:
    return Recipe(
        student=setting.member, seed=teacher_seed(seed, member), dataset=setting.dataset,
        schedule=setting.schedule, views=setting.views,
    )  # fmt: skip


def specialists(seed: int, setting: Setting = CLOTHES) -> tuple[Recipe, ...]:
    """Each starts from the first generalist and learns for half its steps, at a third of its rate."""
    start, schedule = generalist(seed, 0, setting), setting.schedule
    short = replace(
        schedule, steps=schedule.steps // 2, learning_rate=round(schedule.learning_rate / 3, 3)
    )
    return tuple(
        replace(start, special=group, schedule=short, start=start) for group in setting.groups
    )


def tower_teachers(seed: int, setting: Setting = CLOTHES) -> dict[str, Recipe]:
    """Five towers trained at once, in five ways."""
    index, cluster = setting.by_index, with_two_owners(setting.segments)
    ways = {
        "towers by index": Towers(index),
        "towers by cluster": Towers(cluster),
        "towers by index, trunk": Towers(index, trunk=True),
        "towers by cluster, trunk": Towers(cluster, trunk=True),
        "towers by index, double softmax": Towers(index, average="probabilities"),
    }
    alone = generalist(seed, 0, setting)
    return {name: replace(alone, towers=towers) for name, towers in ways.items()}


def teachers(seed: int, setting: Setting = CLOTHES) -> dict[str, Recipe | Team]:
    """Every teacher of the laboratory by name; one seed, so the same generalists in all teams."""
    one = generalist(seed, 0, setting)
    several = tuple(generalist(seed, m, setting) for m in range(setting.generalists))
    five = tuple(generalist(seed, m, setting) for m in range(5))
    special = (one, *specialists(seed, setting))
    towers = tower_teachers(seed, setting)
    return {
        "one small network": one,
        "one big network": replace(one, student=setting.big),
        f"{len(several)} generalists, arithmetic": Team(several, "arithmetic"),
        f"{len(several)} generalists, geometric": Team(several, "geometric"),
        "5 generalists, arithmetic": Team(five, "arithmetic"),
        "specialists, joint": Team(special, SPECIALISTS),
        "specialists, cheap mean": Team(special, SPECIALISTS_MEAN),
        **towers,
        f"{len(several)} generalists, by confidence": Team(several, "confidence"),
        f"{len(several)} generalists, switched": Team(several, "switch"),
        f"{len(several)} generalists, once each": Team(several, "once each"),
        "specialists, selective": Team(special, SELECTIVE),
        "towers by index, selective": Team((towers["towers by index"],), SELECTIVE),
        "towers by cluster, selective": Team((towers["towers by cluster"],), SELECTIVE),
    }
