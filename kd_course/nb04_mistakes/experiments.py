"""The recipes of the stored runs of notebook 04: teachers that are wrong, and corrections.

How the settings were chosen, on validation images: data/README.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kd_course.nb02_hinton.experiments import LAB, TEACHER
from kd_course.nb03_confidence.experiments import WARM_UP, small_student
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods import (
    RLD,
    DecoupledKD,
    HintonKD,
    MaskMistakes,
    Method,
    ReplaceMistakes,
    SwapMistakes,
    TrustTrueClass,
)

TEACHER_SEED = 1000  # not one of the students': their images would be the teacher's own
HALF = "half trusted"  # α = 0.5 in place of 0.9
CORRECTIONS: dict[str, Method] = {
    "uncorrected": HintonKD(),
    "swap": SwapMistakes(),
    "replace": ReplaceMistakes(),
    "replace, soften": ReplaceMistakes(soften=True),
    "mask": MaskMistakes(),
    "trust": TrustTrueClass(),
}


def wrong_teacher(images: int, label_noise: float = 0.0, noise: str = "symmetric") -> Recipe:
    """A smaller teacher, trained on few or on partly wrong labels."""
    transfer = TransferSet(images=images, label_noise=label_noise, noise=noise)
    return Recipe(student="cnn-4", seed=TEACHER_SEED, transfer=transfer, schedule=LAB)


TEACHERS = {
    "well fitted": TEACHER,
    "600 labels": wrong_teacher(600),
    "20 % random labels": wrong_teacher(12_000, 0.2),
    "50 % random labels": wrong_teacher(12_000, 0.5),
    "20 % pair labels": wrong_teacher(12_000, 0.2, "pair"),
    "40 % pair labels": wrong_teacher(12_000, 0.4, "pair"),
}


def correction_arms(seed: int) -> dict[tuple[str, str], Recipe]:
    """Every teacher × every correction, and the labels alone. Keys: teacher, correction.

    "half trusted" corrects nothing and gives the teacher less weight: a control, for it needs no
    look at the mistakes.
    """
    alone = small_student(seed)
    arms = {("no teacher", "hard labels"): alone}
    for name, teacher in TEACHERS.items():
        for words, method in CORRECTIONS.items():
            arms[name, words] = replace(alone, teacher=teacher, method=method)
        arms[name, HALF] = replace(alone, teacher=teacher, method=HintonKD(kd_weight=0.5))
    return arms


def noisy_label_arms(seed: int) -> dict[str, Recipe]:
    """The student's own labels are wrong too: half of them are random, as the teacher's were."""
    alone = small_student(seed)
    noisy = replace(alone, transfer=replace(alone.transfer, label_noise=0.5))
    teacher = TEACHERS["50 % random labels"]
    return {
        "hard labels": noisy,
        **{
            words: replace(noisy, teacher=teacher, method=CORRECTIONS[words])
            for words in ("uncorrected", "swap", "mask")
        },
    }


def refined_arms(seed: int) -> dict[tuple[str, str], Recipe]:
    """Swapping against leaving out what is ranked above the true class; all else is equal.

    Keys: teacher, way. Where a teacher is right, the three are nearly one method.
    """
    how: dict[str, Any] = {"kd_weight": 0.5, "beta": 2.0, "warm_up": WARM_UP}
    decoupled, alone = DecoupledKD(**how), small_student(seed)
    ways = {"decoupled": decoupled, "swap": SwapMistakes(decoupled), "refined (RLD)": RLD(**how)}
    return {
        (name, way): replace(alone, teacher=TEACHERS[name], method=method)
        for name in ("well fitted", "50 % random labels", "40 % pair labels")
        for way, method in ways.items()
    }
