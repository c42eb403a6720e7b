"""The museum of notebook 08: choose a fault, guess what it costs, switch it on, see how it
shows."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
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
WIDTH = 350  # of each picture


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
    arms, said = {}, {}  # what was looked at already

    def render(exhibit: str, guess: str, fault: bool) -> str:
        chosen = by_title[exhibit]
        parts = [story(chosen)]
        if guess == NO_GUESS:
            return "".join([*parts, svg.sentence("Guess what it costs, then switch it on.")])
        if exhibit not in arms:
            arms[exhibit] = find(chosen)
        if (exhibit, fault) not in said:
            said[exhibit, fault] = outcome(chosen, is_on=fault)
        parts.append(pictures(arms[exhibit], fault))
        if fault:
            parts.append(svg.sentence(answer_to(guess, arms[exhibit])))
        return "".join([*parts, assertion(chosen, said[exhibit, fault])])

    controls = {
        "exhibit": widgets.Dropdown(
            options=list(by_title), description="exhibit", layout={"width": "400px"}
        ),
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
    code = (
        f"<pre style='line-height:1.5;margin:6px 0'><span style='color:{svg.RED}'>- {escape(exhibit.wrong)}</span>\n"
        f"<span style='color:{svg.BLUE}'>+ {escape(exhibit.right)}</span></pre>"
    )
    links = ", ".join(
        f"<a href='{escape(link, quote=True)}' target='_blank' style='color:{svg.BLUE};text-decoration:underline'>{escape(link.removeprefix('https://github.com/'))}</a>"
        for link in exhibit.links
    )
    found = f"<div style='font-size:13px'>Found in: {links}</div>"
    return svg.sentence(exhibit.story) + code + found


def pictures(arms: tuple[Arm, Arm], fault: bool) -> str:
    """Loss, gradient ratio and accuracies side by side; the faulty arm only where it is on."""
    named = {RIGHT: arms[1]} | ({WRONG: arms[0]} if fault else {})
    parts = [loss_curves(named)]
    if all(arm.ratio is not None for arm in arms):
        parts.append(ratio_curves(named))
    return legend(named) + svg.side_by_side(*parts, dots(named, arms))


def legend(named: dict[str, Arm]) -> str:
    """The colours of all three pictures."""
    marks = "".join(
        f"<span style='color:{COLOURS[name]};margin-right:18px'>&#9632; {name}</span>"
        for name in named
    )
    return f"<div style='font-size:14px;margin-top:8px'>{marks}</div>"


def loss_curves(named: dict[str, Arm]) -> str:
    values = np.concatenate([arm.loss for arm in named.values()])
    low, high = min(0.0, values.min()), max(values.max(), 0.1)
    series = {name: (arm.steps, arm.loss) for name, arm in named.items()}
    return svg.curves(
        series,
        title="Loss in training",
        x_label="step",
        y_label="loss",
        colours=COLOURS,
        x_range=(0, 600),
        y_range=(round_down(low), round_up(high)),
        width=WIDTH,
        height=240,
        named=False,
    )


def ratio_curves(named: dict[str, Arm]) -> str:
    """On a logarithmic scale, from a ten-thousandth to ten thousand."""
    series = {
        name: (arm.steps, np.log10(np.clip(arm.ratio, 1e-4, 1e4))) for name, arm in named.items()
    }
    return svg.curves(
        series,
        title="Soft gradient ÷ hard gradient",
        x_label="step",
        y_label="power of 10",
        colours=COLOURS,
        x_range=(0, 600),
        y_range=(-4, 4),
        width=WIDTH,
        height=240,
        named=False,
    )


def round_up(value: float) -> float:
    step = 10.0 ** np.floor(np.log10(max(abs(value), 1e-6)))
    return float(np.ceil(value / step) * step)


def round_down(value: float) -> float:
    return -round_up(-value) if value < 0 else 0.0


def dots(named: dict[str, Arm], arms: tuple[Arm, Arm]) -> str:
    """Test accuracy of every seed, a row for each arm; the scale is that of both arms."""
    scores = [score for arm in arms for score in arm.accuracies]
    low, high = np.floor(min(scores)), np.ceil(max(scores))
    left, right, top, row = 16, 16, 40, 56

    def px(score: float) -> float:
        return left + (score - low) / max(high - low, 1) * (WIDTH - left - right)

    parts = [
        svg.text(0, 14, "Test accuracy, %, one dot a seed", size=13, extra="font-weight='bold'")
    ]
    for i, (name, arm) in enumerate(named.items()):
        y = top + row * i + 24
        parts.append(svg.text(left, y - 16, f"{name}: mean {np.mean(arm.accuracies):.2f}"))
        parts += [
            f"<circle cx='{px(score):.1f}' cy='{y}' r='6' fill='{COLOURS[name]}' fill-opacity='0.6'/>"
            for score in arm.accuracies
        ]
    base = top + 2 * row + 16
    parts.append(
        f"<line x1='{left}' x2='{WIDTH - right}' y1='{base}' y2='{base}' stroke='#8c8c8c'/>"
    )
    for tick in np.linspace(low, high, 5):
        parts.append(svg.text(px(tick), base + 16, f"{tick:g}", anchor="middle", size=11))
    return svg.svg(WIDTH, 240, "Test accuracy of every seed", "".join(parts))


def answer_to(guess: str, arms: tuple[Arm, Arm]) -> str:
    """The verdict over the seeds, and whether the guess was right."""
    verdict = paired_verdict(arms[0].accuracies, arms[1].accuracies)
    true = GUESSES[1] if verdict.mean < -1 else GUESSES[2] if verdict.mean < 0 else GUESSES[3]
    return f"With the fault: {verdict}. You guessed “{guess}”: {'right' if guess == true else 'not so'}."


def assertion(exhibit: Exhibit, said: str) -> str:
    """The source of the assertion and what it says now."""
    source = escape(inspect.getsource(exhibit.check))
    colour = svg.RED if said.startswith("fails") else svg.GREEN
    return (
        f"<div style='font-size:14px;margin-top:8px'>The assertion <b style='color:{colour}'>{escape(said)}</b></div>"
        f"<pre style='background:#f6f6f6;padding:8px;overflow-x:auto'>{source}</pre>"
    )
