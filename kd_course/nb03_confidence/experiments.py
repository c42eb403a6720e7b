"""The recipes of the stored runs of notebook 03: confident logits and the small entries.

How the settings were chosen, on validation images: data/README.md.
"""

from __future__ import annotations

from dataclasses import replace

from kd_course.nb02_hinton.experiments import taught
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods.objective import Lesson
from kd_helpers.training.schedules import Schedule

IMAGES = 2_000  # labelled images, all that a student sees in notebooks 03 and 04
SHORT = Schedule(steps=600, batch_size=64, learning_rate=0.03)
WARM_UP = 0.2  # share of the steps; the paper of decoupled KD warms up for 20 of 240 epochs
STRENGTH = 9.0  # of the soft term with standardised logits, as its authors use
TEMPERATURES = (1.0, 2.0, 4.0, 8.0)
COUNTS = (0, 1, 2, 3, 5)  # of largest entries kept beside the true class
CUT = (1, 3, 5)  # largest entries left out

STANDARDISED = Lesson(standardised=True, strength=STRENGTH)
DECOUPLED = Lesson(compared="decoupled", other_weight=1.0, warm_up=WARM_UP)


def small_student(seed: int) -> Recipe:
    """The student of notebooks 03 and 04 on its labels alone."""
    return Recipe(seed=seed, transfer=TransferSet(images=IMAGES), schedule=SHORT)


def treatment_arms(seed: int) -> dict[str, Recipe]:
    """An arm for each treatment, at the setting of four that was best on validation; controls.

    Two more at a setting of interest: β = 8 of the paper of decoupled KD, with its equal weights of
    labels and soft term, and gates at 0.9, which share the images between them.
    """
    alone = small_student(seed)
    lessons = {
        "FLSW temperatures": Lesson(temperatures="flsw"),
        "CWSM temperatures": Lesson(temperatures="cwsm"),
        "decoupled, β = 1": DECOUPLED,
        "weighted soft labels": Lesson(weights="wsld"),
        "surer than 0.5 only": Lesson(weights="above", threshold=0.5),
        "surer than 0.9 only": Lesson(weights="above", threshold=0.9),
        "less sure than 0.9 only": Lesson(weights="below", threshold=0.9),
        "random entries dropped": Lesson(compared="random", dropped=0.1),
    }
    return {
        "hard labels": alone,
        "smoothed labels": replace(alone, label_smoothing=0.4),
        "virtual teacher": replace(alone, kd_weight=0.9, lesson=Lesson(virtual=0.99)),
        "KD": taught(alone),
        "standardised logits": replace(taught(alone, 1.0), lesson=STANDARDISED),
        **{name: replace(taught(alone), lesson=lesson) for name, lesson in lessons.items()},
        "less sure than 0.99 only": replace(
            taught(alone, 8.0), lesson=Lesson(weights="below", threshold=0.99)
        ),
        "decoupled, β = 8": replace(
            taught(alone, kd_weight=0.5), lesson=replace(DECOUPLED, other_weight=8.0)
        ),
    }


def temperature_arms(seed: int) -> dict[tuple[str, float], Recipe]:
    """Three treatments at four temperatures."""
    lessons = {"KD": Lesson(), "standardised logits": STANDARDISED, "decoupled, β = 1": DECOUPLED}
    return {
        (name, t): replace(taught(small_student(seed), t), lesson=lesson)
        for name, lesson in lessons.items()
        for t in TEMPERATURES
    }


def entry_arms(seed: int) -> dict[tuple[str, int], Recipe]:
    """Which entries teach: the largest with the rest in one bin or dropped, or all but the largest.

    Keys: the kind and its count, of entries kept or left out. "dropped" with 0 or 1 entries would
    leave nothing to compare where the teacher is right.
    """
    base = taught(small_student(seed))
    lessons = {("rest in one bin", k): Lesson(compared="top", count=k) for k in COUNTS}
    lessons |= {
        ("rest dropped", k): Lesson(compared="top", count=k, lump=False) for k in COUNTS if k > 1
    }
    lessons |= {("all but the top", k): Lesson(compared="small", count=k, lump=False) for k in CUT}
    return {key: replace(base, lesson=lesson) for key, lesson in lessons.items()}
