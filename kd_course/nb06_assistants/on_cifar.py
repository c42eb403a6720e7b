"""Notebook 06's ladders on the papers' own images: plain CNNs on CIFAR-100, 20 passes, one 160.

Networks, optimiser and batch are those of the papers and of their codes: no augmentation, SGD at a
constant 0.01 with plain momentum (`nb07_papers.ladders`). How passes, temperature and weight were
chosen, on validation images: data/README.md. Everything above the student is trained once, with
seed 0, so the seeds tell the students' luck alone.
"""

from __future__ import annotations

from dataclasses import replace

from kd_course.nb02_hinton.experiments import smoothed
from kd_course.nb02_hinton.on_cifar import CIFAR_100, passes
from kd_course.nb02_hinton.on_cifar import TEST_LABELS as LABELS
from kd_helpers.experiments.ladders import climb
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods import DenselyGuidedKD, HintonKD
from kd_helpers.training.schedules import Schedule

PASSES = 20
PLAIN = Schedule(
    steps=passes(PASSES),
    batch_size=128,
    learning_rate=0.01,
    weight_decay=1e-4,
    shape="constant",
    nesterov=False,
)
KD = HintonKD(temperature=10.0, kd_weight=0.5)
# One ladder at the papers' full length, with the T and λ that `nb07_papers.ladders` gives for it.
FULL, FULL_KD = replace(PLAIN, steps=passes(160)), HintonKD(temperature=5.0, kd_weight=0.5)
FULL_SEEDS = (0, 1, 2)
TEST_LABELS = LABELS[CIFAR_100]
TEACHER, STUDENT, MIDDLE = "cnn-10", "cnn-2", ("cnn-8", "cnn-6", "cnn-4")
ALL, DENSE_WAYS = (TEACHER, *MIDDLE), ("chain", "dense", "stochastic")  # above the student


def alone(network: str, seed: int = 0) -> Recipe:
    """A network on its labels."""
    return Recipe(student=network, seed=seed, dataset=CIFAR_100, schedule=PLAIN)


def rungs(
    seed: int, way: str, *above: str, sources: DenselyGuidedKD | None = None
) -> tuple[Recipe, ...]:
    """These networks and below them the student, which alone has the seed."""
    names, last = (*above, STUDENT), alone(STUDENT, seed)
    return climb(names, way, base=alone(STUDENT), last=last, method=KD, sources=sources)


def ladder(seed: int, way: str, *above: str) -> Recipe:
    """The student below these networks."""
    return rungs(seed, way, *above)[-1]


def assistant_arms(seed: int) -> dict[str, Recipe]:
    """The students of TAKD's figure 2 and table 2, with their baselines."""
    student = alone(STUDENT, seed)
    return {
        "hard labels": student,
        "smoothed labels": smoothed(student, 0.1),
        "direct": ladder(seed, "direct", TEACHER),
        **{f"{name}, which nobody taught": ladder(seed, "direct", name) for name in MIDDLE},
        **{f"assistant {name}": ladder(seed, "chain", TEACHER, name) for name in MIDDLE},
    }


def dense_arms(seed: int) -> dict[str, Recipe]:
    """The students of DGKD's table 1: all five networks, in four ways."""
    mean = rungs(seed, "dense", *ALL, sources=DenselyGuidedKD(mean=True))
    return {way: ladder(seed, way, *ALL) for way in DENSE_WAYS} | {"dense, mean": mean[-1]}


def full_arms(seed: int) -> dict[str, Recipe]:
    """TAKD's ladder 10-4-2 after 160 passes; one of `FULL_SEEDS`."""
    student, teacher, assistant = (
        replace(recipe, schedule=FULL)
        for recipe in (alone(STUDENT, seed), alone(TEACHER), alone("cnn-4"))
    )
    assistant = replace(assistant, teacher=teacher, method=FULL_KD)
    return {
        "hard labels": student,
        "direct": replace(student, teacher=teacher, method=FULL_KD),
        "assistant cnn-4": replace(student, teacher=assistant, method=FULL_KD),
    }


def cifar_arms(seed: int) -> dict[str, Recipe]:
    return assistant_arms(seed) | dense_arms(seed)


def cifar_networks() -> dict[str, Recipe]:
    """Every size on its labels alone."""
    return {name: alone(name) for name in (TEACHER, *MIDDLE)}
