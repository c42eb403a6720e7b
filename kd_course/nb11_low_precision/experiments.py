"""The recipes of the stored runs of notebook 11: a student in few bits.

How the settings were chosen, on validation images: data/README.md.
"""

from __future__ import annotations

from dataclasses import replace

from kd_course.nb02_hinton.experiments import taught
from kd_course.nb11_low_precision.together import Together
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods import HintonKD
from kd_helpers.training.schedules import Schedule

IMAGES = 2_000  # labelled images, all that a student sees
WIDTHS = ("int8", "int4", "ternary")  # of the weights; activations have 8 bits in all three
WHOLE = Schedule(steps=300, batch_size=64, learning_rate=0.1)
FIRST, AFTER = replace(WHOLE, steps=200), replace(WHOLE, steps=100)  # of scheme C
LABELS, TAUGHT, TUNED = "labels", "distilled", "distilled, lowered, tuned"
BESIDE, BEFORE = "twin beside", "twin before"


def student(seed: int, width: str = "", schedule: Schedule = WHOLE) -> Recipe:
    """cnn-2 on its labels alone. width: of WIDTHS; "" for float32."""
    name = f"cnn-2-{width}" if width else "cnn-2"
    return Recipe(name, seed=seed, transfer=TransferSet(images=IMAGES), schedule=schedule)


def float_arms(seed: int) -> dict[str, Recipe]:
    """The student in float32, on labels and taught by the course's teacher."""
    return {LABELS: student(seed), TAUGHT: taught(student(seed))}


def low_arms(seed: int) -> dict[tuple[str, str], Recipe]:
    """At each width: labels alone, and Apprentice's schemes B and C, each with 300 steps in all."""
    arms = {}
    first = taught(student(seed, schedule=FIRST))
    for width in WIDTHS:
        alone = student(seed, width)
        arms[width, LABELS], arms[width, TAUGHT] = alone, taught(alone)
        arms[width, TUNED] = replace(taught(student(seed, width, AFTER)), start=first)
    return arms


def together_arms(seed: int) -> dict[str, Recipe]:
    """Scheme A and its control: the student's float32 twin teaches while it learns, or after it."""
    alone = student(seed, "ternary")
    return {
        BESIDE: replace(alone, teacher=Together(), method=HintonKD()),
        BEFORE: replace(alone, teacher=student(seed), method=HintonKD()),
    }
