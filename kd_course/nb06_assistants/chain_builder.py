"""The chain builder of notebook 06: assistants in and out, who teaches whom, what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import ipywidgets as widgets
import numpy as np

from kd_course.nb06_assistants.tables import Rung
from kd_helpers.experiments.compare import mean_interval, paired_verdict
from kd_helpers.widgets import svg
from kd_helpers.widgets.explorer import Explorer, tick

Find = Callable[[str, tuple[str, ...], str], tuple[Rung, ...] | None]
WAYS = ("chain", "dense", "stochastic")
WIDTH, BOX, TALL = 820, 122, 62  # of the picture, of a box
HEAD = (
    "<defs><marker id='head' viewBox='0 0 10 10' refX='9' refY='5' markerWidth='8' "
    "markerHeight='8' orient='auto'>"
    f"<path d='M0 0 L10 5 L0 10 z' fill='{svg.BLACK}'/></marker></defs>"
)
NOT_RUN = (
    "This combination was not run: its numbers are not known. `climb` writes its recipes, "
    "`load_or_train` trains them."
)


def build_ladder_explorer(
    find: Find, assistants: Mapping[str, Sequence[str]], student: str
) -> Explorer:
    """Click assistants in and out of teacher → … → student, and choose who teaches whom.

    Args:
        find: (teacher, assistants, way) → its rungs, or None where that was not run; without
            assistants the way is always "direct".
        assistants: teacher → all assistants there are for it, the largest first.
        student: its name. All rungs have at least five seeds, and no two of them one name.
    """
    known: dict[tuple, tuple[Rung, ...]] = {}  # what was not run may be trained meanwhile
    boxes = [f"assistant_{place}" for place in range(max(map(len, assistants.values())))]

    def look_up(*choice: object) -> tuple[Rung, ...] | None:
        if choice not in known and (rungs := find(*choice)):
            known[choice] = rungs
        return known.get(choice)

    def fit(controls: Mapping[str, widgets.Widget]) -> None:
        offered = assistants[controls["teacher"].value]
        for place, box in enumerate(controls[name] for name in boxes):
            box.layout.display = None if place < len(offered) else "none"
            box.description = offered[place] if place < len(offered) else ""

    def render(teacher: str, way: str, **ticked: bool) -> str:
        offered = assistants[teacher]
        chosen = tuple(name for name, box in zip(offered, boxes, strict=False) if ticked[box])
        way = way if chosen else "direct"
        rungs = look_up(teacher, chosen, way)
        names = (teacher, *offered, student)
        picture = render_ladder(names, (teacher, *chosen, student), way, rungs)
        return picture + svg.sentence(in_words(rungs, look_up(teacher, (), "direct"), way))

    controls = {
        "teacher": widgets.Dropdown(options=list(assistants), description="teacher"),
        "way": widgets.ToggleButtons(options=WAYS, description="taught by"),
        **{box: tick() for box in boxes},
    }
    hint = (
        "take the assistants out one by one. Does the student miss them? Then let every larger "
        "network teach every smaller one (dense). How much of the training do the assistants take?"
    )
    return Explorer(controls, render, hint=hint, before_render=fit)


def render_ladder(
    names: Sequence[str], chosen: Sequence[str], way: str, rungs: Sequence[Rung] | None
) -> str:
    """Boxes with names and accuracies from left to right, arrows from teachers to students.

    Args:
        names: of all there could be, from the teacher to the student. chosen: those that take part.
        rungs: their numbers, or None.
    """
    step = (WIDTH - BOX - 10) / max(len(names) - 1, 1)
    at = {name: (i, 5 + step * i) for i, name in enumerate(names)}  # place, left edge
    top = 6 + 38 * (len(names) - 1)  # the arrow from the first box to the last needs so much
    numbers = dict(zip(chosen, rungs or [None] * len(chosen), strict=True))
    dense, student = way in ("dense", "stochastic"), chosen[-1]
    arrows = [
        arrow(at[above], at[below], top, dashed=way == "stochastic" and below == student)
        for j, below in enumerate(chosen)
        for above in chosen[0 if dense else max(j - 1, 0) : j]
    ]
    boxes = [
        box(left, top, name, name in numbers, numbers.get(name)) for name, (_, left) in at.items()
    ]
    title = f"{' → '.join(chosen)}, {way}"
    return svg.svg(WIDTH, top + TALL + 28, title, HEAD + "".join(arrows + boxes))


def arrow(start: tuple[int, float], end: tuple[int, float], top: float, *, dashed: bool) -> str:
    """From one (place, left edge) to another; over the boxes between them where there are some."""
    style = f"fill='none' stroke='{svg.BLACK}' stroke-width='1.6' marker-end='url(#head)'"
    style += " stroke-dasharray='6 4'" if dashed else ""
    (left, right), over = (start[1], end[1]), end[0] - start[0]
    if over == 1:
        y = top + TALL / 2
        return f"<path d='M{left + BOX:.0f} {y:.0f} L{right - 2:.0f} {y:.0f}' {style}/>"
    x1, x2, high = left + 0.7 * BOX, right + (0.2 + 0.06 * over) * BOX, top - 50 * over
    curve = f"C{x1 + 20:.0f} {high} {x2 - 20:.0f} {high} {x2:.0f} {top - 2}"
    return f"<path d='M{x1:.0f} {top} {curve}' {style}/>"


def box(x: float, top: float, name: str, is_in: bool, rung: Rung | None) -> str:
    """A network: name, mean accuracy with its interval, parameters; grey where it takes no part."""
    frame = f"stroke='{svg.BLUE}'" if is_in else "stroke='#cccccc' stroke-dasharray='4 4'"
    lines = [(name, 14 if len(name) < 14 else 10)]
    if rung:
        lines += [(f"{np.mean(rung.accuracies):.2f} %", 14), (interval_of(rung), 10)]
        lines += [(f"{rung.parameters:,} parameters", 10)]
    elif is_in:
        lines += [("not run", 14)]
    how = {"anchor": "middle", "extra": "" if is_in else "opacity='0.5'"}
    written = [
        svg.text(x + BOX / 2, top + y, words, size=size, **how)
        for (words, size), y in zip(lines, (19, 38, 54, TALL + 16), strict=False)
    ]
    drawn = svg.rect(x, top, BOX, TALL, "white", f"rx='6' stroke-width='2' {frame}")
    return drawn + "".join(written)


def interval_of(rung: Rung) -> str:
    if len(set(rung.accuracies)) == 1:
        return "one network"
    low, high = mean_interval(rung.accuracies)
    return f"{low:.2f} to {high:.2f}"


def in_words(rungs: Sequence[Rung] | None, direct: Sequence[Rung] | None, way: str) -> str:
    """The student against the teacher's direct student, and what the trainings took."""
    if rungs is None:
        return NOT_RUN
    scores, seconds = rungs[-1].accuracies, [rung.seconds for rung in rungs]
    said = f"{rungs[-1].name}: {np.mean(scores):.2f} %, {len(scores)} seeds. "
    if way == "direct":
        said += "No assistants: the teacher teaches the student directly. "
    elif direct:
        said += f"Against the teacher alone: {paired_verdict(scores, direct[-1].accuracies)}. "
    said += f"Training took about {sum(seconds[1:]):.0f} s of one thread after the teacher's "
    of_them = f", {sum(seconds[1:-1]):.0f} s of them for the assistants" if seconds[2:] else ""
    return f"{said}{seconds[0]:.0f} s{of_them}."
