"""The command `kd reproduce`: a paper's numbers beside ours, at a laptop's scale or at its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from kd_course.nb07_papers import laptop, laptop_ladders
from kd_course.nb07_papers.cifar_scale import CIFAR
from kd_course.nb07_papers.costs import Estimate, estimate
from kd_course.nb07_papers.pages import as_csv, as_figure, as_html, is_compared, markdown
from kd_course.nb07_papers.paper_scale import PAPER, WITHOUT
from kd_course.nb07_papers.rows import Line, Reproduction, lines_of
from kd_helpers.experiments.compare import FEWEST_SEEDS
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import load_run
from kd_helpers.experiments.sweep import stages_of, sweep
from kd_helpers.runtime.files import write_atomically
from kd_helpers.runtime.folders import out_dir

LAPTOP = {**laptop.HINTON, **laptop.OTHERS, **laptop_ladders.LADDERS}
SCALES = {"laptop": LAPTOP, "cifar": CIFAR, "paper": PAPER}


def find(name: str, scale: str) -> Reproduction:
    """The reproduction of that name.

    Raises:
        ValueError: an unknown name; a paper whose data cannot be had, with the reason.
    """
    if name not in LAPTOP:
        raise ValueError(f"got {name!r}; expected one of {', '.join(LAPTOP)}")
    if scale == "paper" and name in WITHOUT:
        raise ValueError(f"{name} has no paper scale: {WITHOUT[name]}")
    if name not in SCALES[scale]:
        raise ValueError(f"{name} has no scale {scale}; expected one of {', '.join(scales(name))}")
    return SCALES[scale][name]()


def scales(name: str) -> list[str]:
    return [scale for scale, made in SCALES.items() if name in made]


def names() -> list[str]:
    """One line for each reproduction: its name, its scales, its title."""
    lines = []
    for name, make in LAPTOP.items():
        lines.append(f"{name:22} {', '.join(scales(name)):21} {make().title}")
    return lines


def reproduce(
    name: str,
    *,
    scale: str = "laptop",
    seeds: int = 5,
    yes: bool = False,
    dask: str | None = None,
    ask: Callable[[str], str] = input,
) -> list[Line] | None:
    """Print the table and write `out/reproduce/NAME.html`, `.csv`, and the figure as `.svg` and
    `.pdf`, where rows are compared; train what is missing.

    Before it trains it says how long that takes on this device, and asks.

    Returns:
        The lines, or None where the answer was no.

    Raises:
        RuntimeError: some trainings failed; all others are in the table, which is written first.
    """
    reproduction = find(name, scale)
    if seeds < 1:
        raise ValueError(f"got {seeds} seeds; expected 1 at least, {FEWEST_SEEDS} for a verdict")
    missing, failed = missing_runs(reproduction, range(seeds)), {}
    if missing:
        print(f"{len(missing)} trainings are not stored; measuring what they take here ...")
        expected = estimate(missing)
        print(expected)
        if not yes and not is_yes(ask):
            print("nothing was trained")
            return None
        failed = train(expected, dask)
    reproduction = reproduction.without(failed, range(seeds))
    lines = lines_of(reproduction, range(seeds))
    print(f"# {reproduction.title}\n\n{reproduction.differs}\n\n{markdown(reproduction, lines)}\n")
    if seeds < FEWEST_SEEDS:
        print(f"no verdicts: {seeds} seeds, and {FEWEST_SEEDS} are the fewest for one")
    write(reproduction, lines, scale)
    if failed:
        told = "; ".join(f"{recipe}: {problem}" for recipe, problem in failed.items())
        raise RuntimeError(f"{len(failed)} of {len(missing)} trainings failed: {told}")
    return lines


def is_yes(ask: Callable[[str], str]) -> bool:
    """Nobody there to answer, as in a script without --yes, is a no."""
    try:
        return ask("go on? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def missing_runs(reproduction: Reproduction, seeds: Iterable[int]) -> list[Recipe]:
    """All runs that are not stored, teachers first, each once."""
    wanted = [recipe for seed in seeds for recipe in reproduction.recipes(seed)]
    students = [recipe for recipe in wanted if load_run(recipe) is None]
    return [r for stage in stages_of(students) for r in stage if load_run(r) is None]


def train(expected: Estimate, dask: str | None) -> dict[Recipe, str]:
    """What failed, with the problem. What was trained is kept: after an interruption the same
    command goes on. Each line checks the estimate against all that is done by then."""
    missing, start = [*expected.seconds], time.monotonic()
    done, failed = [], {}
    for number, outcome in enumerate(sweep(missing, dask=dask), start=1):
        said = outcome.problem or f"{outcome.accuracy:.2f} %"
        print(f"{number} of {len(missing)}: {said}  {outcome.recipe}", flush=True)
        if outcome.problem:
            failed[outcome.recipe] = outcome.problem
        else:
            done.append(outcome.recipe)
            print(expected.checked(done, (time.monotonic() - start) / 3600), flush=True)
    return failed


def write(reproduction: Reproduction, lines: list[Line], scale: str) -> None:
    ending = "" if scale == "laptop" else f"-{scale}"
    tables = (("html", as_html), ("csv", as_csv))
    files = {kind: make(reproduction, lines).encode() for kind, make in tables}
    if is_compared(lines):
        files |= {kind: as_figure(lines, kind) for kind in ("svg", "pdf")}
    for kind, content in files.items():
        path = out_dir() / "reproduce" / f"{reproduction.name}{ending}.{kind}"
        write_atomically(path, content)
        print(f"wrote {path}")
