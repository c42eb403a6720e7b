"""What trainings take on this device: multiply-adds that are counted, a rate that is measured."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from kd_course.nb07_papers.ladders import CLASSES, IMAGES
from kd_helpers.data.splits import Split
from kd_helpers.experiments.metrics import count_multiply_adds
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods import CrossEntropy
from kd_helpers.models.towers import make_network
from kd_helpers.runtime.device import describe, pick_device
from kd_helpers.training.loop import History, training_reports
from kd_helpers.training.recorded import TIMED, WARM_UP
from kd_helpers.training.schedules import Schedule

SECONDS = 10.0  # of the measurement


@dataclass(frozen=True)
class Estimate:
    """Of some trainings on this device."""

    multiply_adds: float  # of all of them
    seconds: dict[Recipe, float]  # of each, where it has the device to itself

    @property
    def hours(self) -> float:
        return sum(self.seconds.values()) / 3600

    def __str__(self) -> str:
        return (
            f"{len(self.seconds)} trainings, {self.multiply_adds:.2g} multiply-adds; at "
            f"{self.multiply_adds / self.hours / 3600e9:.1f} billion a second, measured for "
            f"{SECONDS:.0f} s on {describe(pick_device())}, about {in_words(self.hours)}"
        )

    def checked(self, done: Collection[Recipe], hours: float) -> str:
        """What was estimated for these trainings and what they took, all of them together."""
        expected = sum(self.seconds[recipe] for recipe in done) / 3600
        left = (self.hours - expected) * hours / expected
        return (
            f"estimated {in_words(expected)} for {len(done)}, taken {in_words(hours)} "
            f"({hours / expected - 1:+.0%}); about {in_words(left)} left"
        )


def in_words(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.1f} minutes"


def estimate(missing: Sequence[Recipe], seconds: float = SECONDS) -> Estimate:
    """Every kind of network is measured for its share of the work: small ones are slower."""
    works = {recipe: work(recipe) for recipe in missing}
    shares = sum(map(Counter, works.values()), Counter())
    total = shares.total()
    rates = {kind: measured_rate(kind, seconds * n / total) for kind, n in shares.items()}
    times = {r: sum(n / rates[kind] for kind, n in of.items()) for r, of in works.items()}
    return Estimate(total, times)


def kind_of(recipe: Recipe) -> Recipe:
    """What the speed of a step depends on, as a recipe without a teacher. With a small learning
    rate: what learns random labels fast ends in numbers so small that a processor slows down, which
    no real training does."""
    schedule = Schedule(batch_size=recipe.schedule.batch_size, learning_rate=1e-3)
    network = {name: getattr(recipe, name) for name in ("student", "dataset", "towers", "special")}
    return Recipe(**network, schedule=schedule)


def work(recipe: Recipe) -> dict[Recipe, float]:
    """Multiply-adds of a training, by kind of network.

    Forward and backward of a step count three times its forward multiply-adds; a teacher's answers
    to new pictures once, at most one for each picture of the training.
    """
    pictures = recipe.schedule.steps * recipe.schedule.batch_size
    images = recipe.transfer.images or IMAGES.get(recipe.dataset, 54_000)
    asked = min(pictures, images * recipe.augmentation.slots)
    found = Counter({kind_of(recipe): 3 * pictures * multiply_adds(recipe)})
    for teacher in recipe.teachers:
        found[kind_of(teacher)] += asked * multiply_adds(teacher)
    return dict(found)


def shape_of(recipe: Recipe) -> tuple[int, int, int]:
    other = {"fashion-mnist": (1, 28, 28), "tiny-imagenet-200": (3, 64, 64)}
    return other.get(recipe.dataset, (3, 32, 32))


def classes_of(recipe: Recipe) -> int:
    return len(recipe.special) + 1 if recipe.special else CLASSES.get(recipe.dataset, 10)


def network_of(recipe: Recipe) -> torch.nn.Module:
    channels, size, _ = shape_of(recipe)
    given = {"num_classes": classes_of(recipe), "in_channels": channels, "image_size": size}
    return make_network(recipe.student, recipe.towers, **given)


def multiply_adds(recipe: Recipe) -> int:
    """Of one picture, forward."""
    return count_multiply_adds(network_of(recipe), shape_of(recipe))


def measured_rate(
    kind: Recipe, seconds: float = SECONDS, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Multiply-adds a second of the loop's own steps, recorded ones where it prefers them, on
    random pictures; at least one report after the first, which is not counted."""
    reports = reports_of(kind)
    history = next(reports)  # always the same object
    before, start = history.taken, clock()
    for _ in reports:
        if clock() - start >= seconds:
            break
    steps, taken = history.taken - before, max(clock() - start, 1e-9)
    return 3 * kind.schedule.batch_size * steps * multiply_adds(kind) / taken


def reports_of(kind: Recipe) -> Iterator[History]:
    """Of a training on random pictures, longer than anybody measures.

    On a GPU a report waits for all steps before it, so there are many between two, and before the
    first one the loop has chosen how it takes them (`training.recorded`).
    """
    device, size = pick_device(), 4 * kind.schedule.batch_size
    pictures = torch.randint(256, (size, *shape_of(kind)), dtype=torch.uint8, device=device)
    return training_reports(
        network_of(kind),
        Split(pictures, torch.arange(size, device=device) % classes_of(kind)),
        method=CrossEntropy(),
        schedule=replace(kind.schedule, steps=20_000),
        report_every=1 if device.type == "cpu" else 2 * (WARM_UP + 2 * TIMED),
    )
