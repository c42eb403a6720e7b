"""The recipes of the stored runs of notebook 06: ladders of assistants between teacher and student.

The teachers' side has all 54,000 training images, the student 2,000 of them. How the settings were
chosen, on validation images: data/README.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from kd_course.nb02_hinton.experiments import TEACHER, smoothed
from kd_course.nb03_confidence.experiments import SHORT, small_student
from kd_course.nb05_specialists.experiments import generalist
from kd_helpers.experiments.ladders import climb
from kd_helpers.experiments.recipe import ALL_IMAGES, Recipe
from kd_helpers.methods import DenselyGuidedKD, HintonKD
from kd_helpers.teachers import Mean
from kd_helpers.training.schedules import Schedule

Ladder = tuple[Recipe, ...]
STUDENT, LARGE, MEDIUM = "cnn-2", "resnet-20, 6,000 steps", "cnn-8"
ASSISTANTS = {LARGE: ("cnn-8", "cnn-6", "cnn-4"), MEDIUM: ("cnn-6", "cnn-4")}
SIZES = ("cnn-2", "cnn-4", "cnn-6", "cnn-8")  # of teachers trained alike
WAYS = ("chain", "dense", "stochastic")
SURVIVALS = (0.25, 0.5, 0.75)
TRANSFORMER = replace(  # with the course's teacher's images and views; 12 passes over the images
    TEACHER,
    student="kd_course.nb06_assistants.transformer:vit",
    schedule=Schedule(steps=5000, learning_rate=0.002, weight_decay=0.0, optimiser="adam"),
)
RIVAL = "cnn-4, 250 steps"  # stopped where it is about as good as the transformer


def gap_teachers(seed: int) -> dict[str, Recipe]:
    """Teachers of growing size, trained alike, as in notebook 05; then a small and a large one that
    are trained ten times as long, with augmentation: the last is the course's own."""
    alike = {name: replace(generalist(seed), student=name) for name in SIZES}
    return alike | {"cnn-4, 6,000 steps": replace(TEACHER, student="cnn-4"), LARGE: TEACHER}


def gap_arms(seed: int) -> dict[str, Recipe]:
    """The student under each of them."""
    return {name: ladder(seed, (), "direct", teacher=name)[-1] for name in gap_teachers(seed)}


def of_labels(seed: int, network: str) -> Recipe:
    """A network with the images and the schedule of an assistant, on its labels alone.

    The schedule is the student's; with the larger learning rate of other teachers the paper's sum
    of soft terms ends in chance. No teacher shares its seed with a student.
    """
    return Recipe(student=network, seed=3000 + seed, schedule=SHORT)


def ladder(
    seed: int,
    assistants: tuple[str, ...],
    way: str,
    *,
    teacher: str = LARGE,
    student: str = STUDENT,
    sources: DenselyGuidedKD | None = None,
) -> Ladder:
    """The recipes of a ladder: the teacher, assistants with its images, the student with its
    own."""
    top = gap_teachers(seed)[teacher]
    last = replace(small_student(seed), student=student)
    names = (top.student, *assistants, student)
    return climb(names, way, base=of_labels(seed, student), top=top, last=last, sources=sources)


def rival_arms(seed: int) -> dict[str, Recipe]:
    """The student under networks of an assistant's size and training that had no teacher
    themselves."""
    alone = small_student(seed)
    return {
        size: replace(alone, teacher=of_labels(seed, size), method=HintonKD())
        for size in ASSISTANTS[LARGE]
    }


def share_arms(seed: int) -> dict[tuple[str, str], Recipe]:
    """Who has how many images? One assistant, cnn-4, with the student's 2,000 images instead of
    all; and a student with all images. Keys: who differs, and the way."""
    few, names = small_student(seed), (TEACHER.student, "cnn-4", STUDENT)
    many = replace(few, transfer=ALL_IMAGES)
    found = {("student with all images", "hard labels"): many}
    for way in ("direct", *WAYS[:2]):
        for who, base, last in (
            ("assistant with few images", few, few),
            ("student with all images", of_labels(seed, STUDENT), many),
        ):
            found[who, way] = climb(names, way, base=base, top=TEACHER, last=last)[-1]
    return found


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
    """Three assistants under the large teacher: what belongs to the method, and what to its
    scale."""
    full = ASSISTANTS[LARGE]

    def dense(**how: object) -> Recipe:
        return ladder(seed, full, "dense", sources=DenselyGuidedKD(**how))[-1]

    def stochastic(**how: object) -> Recipe:
        return ladder(seed, full, "stochastic", sources=DenselyGuidedKD(**how))[-1]

    alone = small_student(seed)
    return {
        "hard labels": alone,
        "smoothed labels": smoothed(alone, 0.4),
        "direct": ladder(seed, (), "direct")[-1],
        "chain": ladder(seed, full, "chain")[-1],
        "dense": dense(),
        "dense, mean": dense(mean=True),
        "dense, label once": dense(labels_once=True),
        **{f"survival {p}": stochastic(survival=p) for p in SURVIVALS},
        "one of four removed": stochastic(removed=1),
    }


def kind_teachers() -> dict[str, Recipe]:
    """One network each for all seeds: the transformer, a plain CNN of its accuracy, trained on the
    same images and views, and the course's own teacher."""
    short = replace(TEACHER, student="cnn-4", schedule=Schedule(steps=250))
    return {"transformer": TRANSFORMER, RIVAL: short, "ResNet-20": TEACHER}


def kind_arms(seed: int) -> dict[str, Recipe]:
    """The student on labels, and under each of them."""
    alone = small_student(seed)
    taught = {
        name: replace(alone, teacher=t, method=HintonKD()) for name, t in kind_teachers().items()
    }
    return {"hard labels": alone} | taught


SQUARE, ROW, BOTH = "cnn-4", "cnn-4-1xn", "cnn-4-both"


def row_ladder(seed: int, assistants: tuple[str, ...], way: str) -> Ladder:
    """From N×N filters to a student of 1×N filters of the same depth."""
    return ladder(seed, assistants, way, teacher=SQUARE, student=ROW)


def row_arms(seed: int) -> dict[str, Recipe]:
    """The student of 1×N filters with and without an assistant; its N×N twin on the same labels."""
    alone = replace(small_student(seed), student=ROW)
    teacher, row, _ = row_ladder(seed, (ROW,), "chain")
    return {
        "N×N filters, hard labels": replace(alone, student=SQUARE),
        "hard labels": alone,
        "smoothed labels": smoothed(alone, 0.4),
        "direct": row_ladder(seed, (), "direct")[-1],
        "both branches, chain": row_ladder(seed, (BOTH,), "chain")[-1],
        "both branches, and the teacher": row_ladder(seed, (BOTH,), "dense")[-1],
        "N×N assistant, and the teacher": row_ladder(seed, (SQUARE,), "dense")[-1],
        "1×N assistant, and the teacher": row_ladder(seed, (ROW,), "dense")[-1],
        "mean of the teacher and a 1×N network": replace(
            alone, teacher=Mean((teacher, row)), method=HintonKD()
        ),
    }


EXPERIMENTS = (
    gap_arms,
    rival_arms,
    ladder_arms,
    share_arms,
    ablation_arms,
    row_arms,
    kind_arms,
)  # seed → {name: student}
