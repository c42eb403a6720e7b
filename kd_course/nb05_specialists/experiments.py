"""The recipes of the stored runs of notebook 05: teams of teachers at one budget, and their
students.

How the settings were chosen, on validation images: data/README.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kd_course.nb02_hinton.experiments import LAB, smoothed
from kd_course.nb03_confidence.experiments import small_student
from kd_helpers.data.augment import PLAIN, ViewSet
from kd_helpers.data.class_groups import Groups
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods import HintonKD, Method, SelectiveKD
from kd_helpers.models.towers import Towers, by_index, with_two_owners
from kd_helpers.teachers import (
    Mean,
    OnceEach,
    Specialists,
    SpecialistsApart,
    SpecialistsMean,
    Switching,
    Team,
    Unified,
    WeightedByConfidence,
)
from kd_helpers.training.schedules import Schedule


@dataclass(frozen=True)
class Setting:
    """The networks of one data set. Budgets are equal in parameters, up to what whole networks
    allow."""

    dataset: str
    member: str  # every generalist, specialist and tower
    big: str  # one network with about as many parameters as five towers
    student: Recipe  # on its labels alone; its seed is set for each run
    by_index: Groups  # of five towers, every class with two owners
    schedule: Schedule = LAB  # of every teacher; specialists take half the steps
    augmentation: ViewSet = PLAIN  # of every teacher
    generalists: int = 3  # as many as the towers' parameters pay for
    specialists: int = 3
    # From the answers of a generalist, by `labs_teams.find_clusters`:
    groups: Groups = ()  # of the specialists
    segments: Groups = ()  # five, for the towers by cluster


CLOTHES = Setting(
    dataset="fashion-mnist",
    member="cnn-2",
    big="cnn-4",
    student=small_student(0),
    by_index=by_index(10, 5),
    groups=((0, 2, 4, 6), (1, 3, 8), (5, 7, 9)),
    segments=((0, 6), (1, 3), (2, 4), (5, 7, 9), (8,)),
)

# The papers' data sets: subsets of Zaras, Passalis and Tefas (public code, "v2"), all training
# images, students with about a ninth of the teacher's parameters. No run of these is stored.
TEN = ((0, 1, 2, 3), (1, 2, 3, 4), (4, 5, 6, 7), (6, 7, 8, 9), (0, 5, 8, 9))
HUNDRED = tuple(
    tuple(k for low, high in ranges for k in range(low, high))
    for ranges in ([(0, 40)], [(10, 50)], [(40, 80)], [(60, 100)], [(0, 10), (50, 60), (80, 100)])
)
LONG = Schedule(steps=20_000, batch_size=128, learning_rate=0.1)  # 57 passes over CIFAR
SHIFTED, SHIFTED_FLIPPED = ViewSet(max_shift=4), ViewSet(flip=True, max_shift=4)


def paper_setting(
    dataset: str, member: str, big: str, student: str, augmentation: ViewSet
) -> Setting:
    taught = Recipe(student=student, dataset=dataset, schedule=LONG, augmentation=augmentation)
    return Setting(
        dataset=dataset,
        member=member,
        big=big,
        student=taught,
        schedule=LONG,
        augmentation=augmentation,
        by_index=HUNDRED if dataset == "cifar-100" else TEN,
        generalists=5,
        specialists=4,
    )


CIFAR_10 = paper_setting("cifar-10", "cnn-6", "cnn-8", "cnn-4", SHIFTED_FLIPPED)
SVHN = paper_setting("svhn", "cnn-6", "cnn-8", "cnn-4", SHIFTED)  # a mirrored digit is another sign
# Residual networks: with less than 100 outputs the plain ladder would be another, narrower one.
CIFAR_100 = paper_setting("cifar-100", "resnet-20", "resnet-110", "resnet-8", SHIFTED_FLIPPED)


def teacher_seed(seed: int, member: int = 0) -> int:
    """No teacher shares its seed with a student, and no two members share theirs."""
    return 1000 + 10 * seed + member


def generalist(seed: int, member: int = 0, setting: Setting = CLOTHES) -> Recipe:
    return Recipe(
        student=setting.member,
        seed=teacher_seed(seed, member),
        dataset=setting.dataset,
        schedule=setting.schedule,
        augmentation=setting.augmentation,
    )


def specialists(seed: int, setting: Setting = CLOTHES) -> tuple[Recipe, ...]:
    """Each starts from the first generalist and learns for half as many steps."""
    start = generalist(seed, 0, setting)
    short = replace(setting.schedule, steps=setting.schedule.steps // 2)
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
    if not setting.groups or not setting.segments:
        raise ValueError(
            f"got the setting of {setting.dataset} without clusters; expected "
            "labs_teams.find_clusters(setting), which trains a generalist for them"
        )
    one = generalist(seed, 0, setting)
    several = tuple(generalist(seed, m, setting) for m in range(setting.generalists))
    five = tuple(generalist(seed, m, setting) for m in range(5))
    special = (one, *specialists(seed, setting))
    towers = tower_teachers(seed, setting)
    return {
        "one small network": one,
        "one big network": replace(one, student=setting.big),
        f"{len(several)} generalists, arithmetic": Mean(several),
        f"{len(several)} generalists, geometric": Mean(several, "geometric"),
        "5 generalists, arithmetic": Mean(five),
        "specialists, joint": Specialists(special),
        "specialists, cheap mean": SpecialistsMean(special),
        **towers,
        f"{len(several)} generalists, by confidence": WeightedByConfidence(several),
        f"{len(several)} generalists, switched": Switching(several),
        f"{len(several)} generalists, once each": OnceEach(several),
        "specialists, selective": SpecialistsApart(special),
        "towers by index, selective": Unified((towers["towers by index"],)),
        "towers by cluster, selective": Unified((towers["towers by cluster"],)),
        "towers by index, selective, zeros": Unified((towers["towers by index"],)),
    }


# Best of 2, 4 and 8 on validation, where that is not 4.
TEMPERATURE = {
    "one big network": 8.0,
    "3 generalists, once each": 8.0,
    "towers by index, selective": 8.0,
    "towers by index, selective, zeros": 8.0,
}
DOUBLE, SHARPENED = "towers by index, double softmax", 0.1


def method_for(name: str, who: Recipe | Team) -> Method:
    """Plain distillation, or a soft term for each source where they answer side by side."""
    temperature = TEMPERATURE.get(name, 4.0)
    if isinstance(who, Team) and who.apart:
        zeros = name.endswith("zeros")
        return SelectiveKD(temperature=temperature, groups=who.groups, zeros=zeros)
    return HintonKD(temperature=temperature)


def student_arms(seed: int, setting: Setting = CLOTHES) -> dict[str, Recipe]:
    """The student on its labels, and taught by every teacher. Equal steps, images and first
    weights.

    The targets of a double softmax are hardly more than uniform; one more arm softens with T = 0.1,
    which sharpens them.
    """
    alone = replace(setting.student, seed=seed)
    taught = {
        name: replace(alone, teacher=who, method=method_for(name, who))
        for name, who in teachers(seed, setting).items()
    }
    return {
        "hard labels": alone,
        "smoothed labels": smoothed(alone, 0.4),
        **taught,
        f"{DOUBLE}, T = {SHARPENED}": replace(
            taught[DOUBLE], method=HintonKD(temperature=SHARPENED)
        ),
    }
