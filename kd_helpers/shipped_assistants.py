"""The recipes of the stored runs of notebook 06: ladders of assistants between teacher and student.

The teachers' side has all 54,000 training images, the student 2,000 of them. How the settings were
chosen, on validation images: data/README.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from kd_helpers.assistants import climb
from kd_helpers.dense import Sources
from kd_helpers.recipes import Recipe, Team
from kd_helpers.schedules import Schedule
from kd_helpers.shipped import TEACHER
from kd_helpers.shipped_confidence import small_student

Ladder = tuple[Recipe, ...]
LAB = Schedule(steps=600, batch_size=64, learning_rate=0.1)  # of teachers and assistants
STUDENT, LARGE, MEDIUM = "cnn-2", "resnet-20, 6,000 steps", "cnn-8"
SIZES = ("cnn-2", "cnn-4", "cnn-6", "cnn-8", "resnet-20")  # of teachers trained alike
ASSISTANTS = {LARGE: ("cnn-8", "cnn-6", "cnn-4"), MEDIUM: ("cnn-6", "cnn-4")}
WAYS = ("chain", "dense", "stochastic")
SURVIVALS = (0.25, 0.5, 0.75)


def of_labels(seed: int, network: str) -> Recipe:
    """A teacher trained on all labels; no teacher shares its seed with a student."""
    return Recipe(student=network, seed=3000 + seed, schedule=LAB)


def ladder(
    seed: int, assistants: tuple[str, ...], way: str, *,
    teacher: str = LARGE, student: str = STUDENT, sources: Sources | None = None,
) -> Ladder:  # fmt: skip
    """The recipes of a ladder: the teacher, assistants with its images, the student with its own."""
    top = TEACHER if teacher == LARGE else of_labels(seed, teacher)
    last = replace(small_student(seed), student=student)
    names = (top.student, *assistants, student)
    return climb(names, way, base=of_labels(seed, student), top=top, last=last, sources=sources)


def gap_teachers(seed: int) -> dict[str, Recipe]:
    """Teachers of growing size, all trained alike, and the course's own, trained ten times as long."""
    return {name: of_labels(seed, name) for name in SIZES} | {LARGE: TEACHER}


def gap_arms(seed: int) -> dict[str, Recipe]:
    """The student under each of them."""
    return {name: ladder(seed, (), "direct", teacher=name)[-1] for name in gap_teachers(seed)}


def choices() -> Iterator[tuple[str, tuple[str, ...], str]]:
    """(teacher, assistants, way) of all ladders of the chain builder."""
    for teacher, offered in ASSISTANTS.items():
        yield teacher, (), "direct"
        for count in range(1, len(offered) + 1):
            for assistants in combinations(offered, count):
                for way in WAYS:
                    if teacher == LARGE or way != "stochastic":
                        yield teacher, assistants, way


def ladder_arms(seed: int) -> dict[tuple[str, tuple[str, ...], str], Recipe]:
    """The students at the end of these ladders."""
    return {choice: ladder(seed, *choice[1:], teacher=choice[0])[-1] for choice in choices()}


def ablation_arms(seed: int) -> dict[str, Recipe]:
    """Three assistants under the large teacher: what belongs to the method, and what to its scale."""
    full = ASSISTANTS[LARGE]

    def dense(**how: object) -> Recipe:
        return ladder(seed, full, "dense", sources=Sources(**how))[-1]

    def stochastic(**how: object) -> Recipe:
        return ladder(seed, full, "stochastic", sources=Sources(**how))[-1]

    alone = small_student(seed)
    return {
        "hard labels": alone,
        "smoothed labels": replace(alone, label_smoothing=0.4),
        "direct": ladder(seed, (), "direct")[-1],
        "chain": ladder(seed, full, "chain")[-1],
        "dense": dense(),
        "dense, mean": dense(scale="mean"),
        "dense, label once": dense(label_term="once"),
        **{f"survival {p}": stochastic(survival=p) for p in SURVIVALS},
        "one of four removed": stochastic(removed=1),
    }


SQUARE, ROW, BOTH = "cnn-4", "cnn-4-1xn", "cnn-4-both"


def row_arms(seed: int) -> dict[str, Recipe]:
    """A student of 1×N filters under a teacher of N×N filters of the same depth, with and without an
    assistant between them; its twin with N×N filters, on the same labels."""

    def row_ladder(assistants: tuple[str, ...], way: str) -> Recipe:
        return ladder(seed, assistants, way, teacher=SQUARE, student=ROW)[-1]

    alone = replace(small_student(seed), student=ROW)
    teacher = of_labels(seed, SQUARE)
    row = row_ladder((ROW,), "chain").teacher  # a 1×N network with all images
    pair = Team((teacher, row), "arithmetic")
    return {
        "N×N filters, hard labels": replace(alone, student=SQUARE),
        "hard labels": alone,
        "smoothed labels": replace(alone, label_smoothing=0.4),
        "direct": row_ladder((), "direct"),
        "both branches, chain": row_ladder((BOTH,), "chain"),
        "both branches, and the teacher": row_ladder((BOTH,), "dense"),
        "N×N assistant, and the teacher": row_ladder((SQUARE,), "dense"),
        "1×N assistant, and the teacher": row_ladder((ROW,), "dense"),
        "mean of the teacher and a 1×N network": replace(
            alone, teacher=pair, temperature=4.0, kd_weight=0.9
        ),
    }


EXPERIMENTS = (gap_arms, ladder_arms, ablation_arms, row_arms)  # seed → {name: student}
