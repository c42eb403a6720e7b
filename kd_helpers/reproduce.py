"""The command `kd reproduce`: a paper's numbers beside ours, at laptop or at paper scale."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from kd_helpers.device import describe, pick_device
from kd_helpers.files import write_atomically
from kd_helpers.folders import out_dir
from kd_helpers.metrics import count_multiply_adds
from kd_helpers.paper_ladders import CLASSES, IMAGES
from kd_helpers.recipes import Recipe
from kd_helpers.reproduction_pages import as_csv, as_html, markdown
from kd_helpers.reproductions import Line, Reproduction, lines_of
from kd_helpers.reproductions_ladders import benchmark, dgkd, rows, takd
from kd_helpers.reproductions_laptop import (
    damicantonio,
    fukuda,
    hinton_ensemble,
    hinton_missing_class,
    hinton_regulariser,
    mismatched,
    navarrete,
    uste,
)  # fmt: skip
from kd_helpers.reproductions_paper import PAPER, WITHOUT
from kd_helpers.runs import load_run
from kd_helpers.schedules import Schedule, make_optimiser
from kd_helpers.sweeps import sweep, teachers_of
from kd_helpers.teachers import Batch
from kd_helpers.teams import loss_of
from kd_helpers.towers import make_network
from kd_helpers.training import train_step

SCALES = ("laptop", "paper")
LAPTOP = {
    make.__name__.replace("_", "-"): make
    for make in (
        hinton_regulariser, hinton_missing_class, hinton_ensemble, navarrete, damicantonio, fukuda,
        mismatched, uste, takd, dgkd, benchmark, rows,
    )
}  # fmt: skip
SECONDS = 10.0  # of the measurement


def find(name: str, scale: str) -> Reproduction:
    """The reproduction of that name.

    Raises:
        ValueError: an unknown name; a paper whose data cannot be had, with the reason.
    """
    if name not in LAPTOP:
        raise ValueError(f"got {name!r}; expected one of {', '.join(LAPTOP)}")
    if scale == "laptop":
        return LAPTOP[name]()
    if name in WITHOUT:
        raise ValueError(f"{name} has no paper scale: {WITHOUT[name]}")
    return PAPER[name]()


def names() -> list[str]:
    """One line for each reproduction: its name, its scales, its title."""
    lines = []
    for name, make in LAPTOP.items():
        scales = "laptop" if name in WITHOUT else "laptop, paper"
        lines.append(f"{name:22} {scales:14} {make().title}")
    return lines


def reproduce(
    name: str, *, scale: str = "laptop", seeds: int = 5, yes: bool = False,
    dask: str | None = None, ask: Callable[[str], str] = input,
) -> list[Line] | None:  # fmt: skip
    """Print the table and write `out/reproduce/NAME.html` and `.csv`; train what is missing.

    Before it trains it says how long that takes on this device, and asks.

    Returns:
        The lines, or None where the answer was no.
    """
    reproduction = find(name, scale)
    missing = missing_runs(reproduction, range(seeds))
    if missing:
        print(estimate(missing))
        if not yes and ask("go on? [y/N] ").strip().lower() not in ("y", "yes"):
            print("nothing was trained")
            return None
        train(missing, dask)
    lines = lines_of(reproduction, range(seeds))
    print(f"# {reproduction.title}\n\n{reproduction.differs}\n\n{markdown(reproduction, lines)}\n")
    write(reproduction, lines, scale)
    return lines


def missing_runs(reproduction: Reproduction, seeds: Iterable[int]) -> list[Recipe]:
    """All runs that are not stored, teachers first, each once."""
    wanted = [recipe for seed in seeds for recipe in reproduction.recipes(seed)]
    students = [recipe for recipe in wanted if load_run(recipe) is None]
    stages = [*teachers_of(students), students]
    every = dict.fromkeys(recipe for stage in stages for recipe in stage)
    return [recipe for recipe in every if load_run(recipe) is None]


def train(missing: list[Recipe], dask: str | None) -> None:
    """What was trained is kept: after an interruption the same command goes on."""
    for number, outcome in enumerate(sweep(missing, dask=dask), start=1):
        said = outcome.problem or f"{outcome.accuracy:.2f} %"
        print(f"{number} of {len(missing)}: {said}  {outcome.recipe}", flush=True)
        if outcome.problem:
            raise RuntimeError(f"{outcome.recipe}: {outcome.problem}")


def write(reproduction: Reproduction, lines: list[Line], scale: str) -> None:
    ending = "" if scale == "laptop" else "-paper"
    for kind, make in (("html", as_html), ("csv", as_csv)):
        path = out_dir() / "reproduce" / f"{reproduction.name}{ending}.{kind}"
        write_atomically(path, make(reproduction, lines).encode())
        print(f"wrote {path}")


# What it will take


@dataclass(frozen=True)
class Estimate:
    """Of some trainings on this device."""

    runs: int
    multiply_adds: float  # of all of them
    rate: float  # multiply-adds a second, measured

    @property
    def hours(self) -> float:
        return self.multiply_adds / self.rate / 3600

    def __str__(self) -> str:
        return (
            f"{self.runs} trainings, {self.multiply_adds:.2g} multiply-adds; at "
            f"{self.rate / 1e9:.1f} billion a second, measured for {SECONDS:.0f} s on "
            f"{describe(pick_device())}, about {self.hours:.1f} hours"
        )


def estimate(missing: list[Recipe]) -> Estimate:
    """Forward and backward of a step count three times its forward multiply-adds; a teacher's answers
    to new pictures once, at most one for each picture of the training."""
    costly = max(missing, key=multiply_adds)
    return Estimate(len(missing), sum(map(work, missing)), measured_rate(costly))


def shape_of(recipe: Recipe) -> tuple[int, int, int]:
    if recipe.dataset == "fashion-mnist":
        return (1, 28, 28)
    return (3, 64, 64) if recipe.dataset == "tiny-imagenet-200" else (3, 32, 32)


def network_of(recipe: Recipe) -> torch.nn.Module:
    channels, size, _ = shape_of(recipe)
    given = {"in_channels": channels, "image_size": size}
    classes = len(recipe.special) + 1 if recipe.special else CLASSES.get(recipe.dataset, 10)
    return make_network(recipe.student, recipe.towers, num_classes=classes, **given)


def multiply_adds(recipe: Recipe) -> int:
    """Of one picture, forward."""
    return count_multiply_adds(network_of(recipe), shape_of(recipe))


def work(recipe: Recipe) -> float:
    """Multiply-adds of a training."""
    pictures = recipe.schedule.steps * recipe.schedule.batch_size
    images = recipe.transfer.images or IMAGES.get(recipe.dataset, 54_000)
    asked = min(pictures, images * recipe.views.slots)
    return 3 * pictures * multiply_adds(recipe) + asked * sum(map(multiply_adds, recipe.teachers))


def measured_rate(recipe: Recipe, seconds: float = SECONDS, clock: Callable[[], float] = time.perf_counter) -> float:  # fmt: skip
    """Multiply-adds a second in real steps of the loop, on random pictures; the first is not counted.

    With a small learning rate: what learns random labels fast ends in numbers so small that a
    processor slows down, which no real training does.
    """
    device, size = pick_device(), recipe.schedule.batch_size
    student = network_of(recipe).to(device).train()
    plain = Recipe(schedule=Schedule(batch_size=size, learning_rate=1e-3))
    optimiser, _ = make_optimiser(student, plain.schedule)
    rows = torch.arange(size, device=device)
    pictures = torch.rand(size, *shape_of(recipe), device=device)
    batch = Batch(pictures, rows % 10, rows, torch.zeros_like(rows))
    step = lambda: train_step(student, batch, None, loss_of(plain), optimiser)["loss"].item()  # noqa: E731
    step()
    start, steps = clock(), 0
    while (now := clock() - start) < seconds or not steps:
        step()
        steps += 1
    return 3 * size * steps * multiply_adds(recipe) / max(clock() - start, now, 1e-9)
