"""The museum of notebook 08: choose a fault, guess what it costs, switch it on, see how it
shows."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from html import escape

import ipywidgets as widgets
import numpy as np

from kd_course.nb08_faults.exhibits import Exhibit
from kd_course.nb08_faults.tables import Arm
from kd_helpers.experiments.compare import paired_verdict
from kd_helpers.widgets import svg
from kd_helpers.widgets.explorer import Explorer

NO_GUESS = "guess first"
GUESSES = (NO_GUESS, "costs more than 1 point", "costs less than 1 point", "nothing, or it helps")
RIGHT, WRONG = "without the fault", "with the fault"
COLOURS = {RIGHT: svg.BLUE, WRONG: svg.RED}
RED_WORDS = "#a84300"  # the palette's red is too pale for words
CODE = "background:#f6f6f6;color:#222;padding:8px;border-radius:6px;overflow-x:auto"
SIZE = {"width": 350, "height": 240}  # of a picture


def build_museum_explorer(
    exhibits: Sequence[Exhibit],
    find: Callable[[Exhibit], tuple[Arm, Arm]],
    outcome: Callable[..., str],
) -> Explorer:
    """Walk through the faults: code, guess, then curves, gradients, accuracies and the assertion.

    Args:
        find: exhibit → (arm with the fault, arm without it).
        outcome: (exhibit, is_on=…) → what its assertion says.
    """
    by_title = {f"{i}. {exhibit.title}": exhibit for i, exhibit in enumerate(exhibits, start=1)}
    find, outcome = functools.cache(find), functools.cache(outcome)

    def render(exhibit: str, guess: str, fault: bool) -> str:
        chosen = by_title[exhibit]
        parts = [story(chosen)]
        if guess == NO_GUESS:
            return "".join([*parts, svg.sentence("Guess what it costs, then switch it on.")])
        arms = find(chosen)
        parts.append(pictures(arms, fault))
        if fault:
            parts.append(svg.sentence(answer_to(guess, arms)))
        return "".join([*parts, assertion(chosen, outcome(chosen, is_on=fault))])

    controls = {
        "exhibit": widgets.Dropdown(options=list(by_title), description="exhibit"),
        "guess": widgets.Dropdown(options=GUESSES, description="your guess"),
        "fault": widgets.Checkbox(value=False, description="switch the fault on", indent=False),
    }
    hint = (
        "read the two lines of code, guess what the fault costs, then switch it on. Which picture "
        "shows it: the loss, the gradients, or the accuracy alone?"
    )
    return Explorer(controls, render, hint=hint)


def story(exhibit: Exhibit) -> str:
    """What went wrong, in words and code, and where."""
    lines = [
        f"<span style='color:{colour}'>{sign} {escape(code)}</span>"
        for colour, sign, code in ((RED_WORDS, "-", exhibit.wrong), (svg.BLUE, "+", exhibit.right))
    ]
    look = "style='color:inherit;text-decoration:underline' target='_blank'"
    links = ", ".join(
        f"<a href='{escape(link, quote=True)}' {look}>"
        f"{escape(link.removeprefix('https://github.com/'))}</a>"
        for link in exhibit.links
    )
    code = f"<pre style='{CODE};line-height:1.5;margin:6px 0'>{chr(10).join(lines)}</pre>"
    found = f"<div style='font-size:13px'>Found in: {links}</div>"
    return svg.sentence(exhibit.story) + code + found


def pictures(arms: tuple[Arm, Arm], fault: bool) -> str:
    """Loss, gradient ratio and accuracies side by side; the faulty arm only where it is on."""
    named = {RIGHT: arms[1]} | ({WRONG: arms[0]} if fault else {})
    parts = [loss_curves(named)]
    if all(arm.ratio is not None for arm in arms):
        parts.append(ratio_curves(named))
    known = [score for arm in arms for score in arm.accuracies]  # the scale is that of both arms
    dots = svg.score_dots(
        {
            f"{n}: mean {np.mean(a.accuracies):.2f}": dict(enumerate(a.accuracies))
            for n, a in named.items()
        },
        list(COLOURS.values()),
        title="Test accuracy, %, one dot a seed",
        x_range=(np.floor(min(known)), np.ceil(max(known))),
    )
    return svg.side_by_side(*parts, dots)


def loss_curves(named: Mapping[str, Arm]) -> str:
    values = np.concatenate([arm.loss for arm in named.values()])
    plane = svg.Plane(
        (0, 600), (0.0 - round_up(-values.min()), round_up(max(values.max(), 0.1))), **SIZE
    )
    series = {name: (arm.steps, arm.loss) for name, arm in named.items()}
    return svg.curves(series, COLOURS, plane, title="Loss in training", x="step", y="loss")


def ratio_curves(named: Mapping[str, Arm]) -> str:
    """On a logarithmic scale, from a ten-thousandth to ten thousand."""
    series = {
        name: (arm.steps, np.log10(np.clip(arm.ratio, 1e-4, 1e4))) for name, arm in named.items()
    }
    words = {"title": "Soft gradient ÷ hard gradient", "x": "step", "y": "power of 10"}
    return svg.curves(series, COLOURS, svg.Plane((0, 600), (-4, 4), **SIZE), **words)


def round_up(value: float) -> float:
    """To one digit; 0 for a negative number."""
    step = 10.0 ** np.floor(np.log10(max(value, 1e-6)))
    return float(np.ceil(max(value, 0.0) / step) * step)


def answer_to(guess: str, arms: tuple[Arm, Arm]) -> str:
    """The verdict over the seeds, and whether the guess was right."""
    verdict = paired_verdict(arms[0].accuracies, arms[1].accuracies)
    true = GUESSES[1] if verdict.mean < -1 else GUESSES[2] if verdict.mean < 0 else GUESSES[3]
    told = "right" if guess == true else "not so"
    return f"With the fault: {verdict}. You guessed “{guess}”: {told}."


def assertion(exhibit: Exhibit, said: str) -> str:
    """The source of the assertion and what it says now."""
    sign = "✗" if said.startswith("fails") else "✓"
    told = f"{sign} The assertion <b>{escape(said)}</b>"
    source = escape(inspect.getsource(exhibit.check))
    return (
        f"<div style='font-size:14px;margin-top:8px'>{told}</div><pre style='{CODE}'>{source}</pre>"
    )
