"""A guess before the answer: the answer stays folded until the reader commits to one.

Nothing is sent or stored: a guess lives as long as the page. Without scripts (GitHub, a notebook
that is not trusted yet) the question is there with its answer folded below it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from kd_helpers.widgets.alive import live
from kd_helpers.widgets.still import png

HERE = Path(__file__).parent
LONG = 15  # rows of a table, above which it is folded once more


@dataclass(frozen=True)
class Guess:
    """Display it as the last value of a cell; `guess_one` and the others below make it.

    Args:
        facts: what the script asks for and compares with. told: the right answer in words.
        answer: a figure, a table, text, or several of them in a tuple: what stays hidden.
    """

    question: str
    facts: dict[str, Any]
    told: str
    answer: Any = ()

    def _repr_html_(self) -> str:
        options = "".join(f"<li>{escape(option)}</li>" for option in self.facts.get("options", ()))
        asked = f'<p class="question"><b>Guess:</b> {escape(self.question)}</p><ul>{options}</ul>'
        told = f'<p class="told">{escape(self.told)}</p>{html_of(self.answer)}'
        folded = f"<details><summary>Show the answer</summary>{told}</details>"
        box = f'<div><section class="kd-guess">{asked}{folded}</section></div>'
        return live(box, HERE / "guess.js", self.facts | {"question": self.question})

    def __repr__(self) -> str:
        return f"Guess: {self.question} Answer: {self.told}"


@dataclass(frozen=True)
class Tally:
    """How the guesses of this notebook turned out, counted in the page."""

    def _repr_html_(self) -> str:
        words = "Run the notebook, and your guesses are counted here."
        return live(f'<div><p class="kd-tally">{words}</p></div>', HERE / "tally.js", {})

    def __repr__(self) -> str:
        return "The guesses of this notebook, counted."


def guess_one(question: str, options: Sequence[str], right: str, answer: Any = ()) -> Guess:
    """Choose one of several.

    Raises:
        ValueError: `right` is none of the options.
    """
    if right not in options:
        raise ValueError(f"expected one of the options {list(options)} as right, got {right!r}")
    facts = {"kind": "one", "options": list(options), "right": right}
    return Guess(question, facts, f"{right}.", answer)


def guess_number(
    question: str, right: float, tolerance: float, unit: str = "", answer: Any = ()
) -> Guess:
    """Type a number; within the tolerance it counts as right, within three times that as close."""
    told = f"{right:,.1f}".removesuffix(".0") + f" {unit}".rstrip()
    facts = {"kind": "number", "right": float(right), "tolerance": tolerance, "unit": unit}
    return Guess(question, facts | {"told": told}, f"It is {told}.", answer)


def guess_order(question: str, options: Sequence[str], right: Sequence[str], answer: Any) -> Guess:
    """Put the options in order, which begin as given; right: the same, in the measured order.

    Raises:
        ValueError: `right` has other names than the options.
    """
    if sorted(right) != sorted(options):
        raise ValueError(f"expected the options {list(options)} in their order, got {list(right)}")
    facts = {"kind": "order", "options": list(options), "right": list(right)}
    told = "; ".join(f"{place}. {name}" for place, name in enumerate(right, start=1))
    return Guess(question, facts, f"{told}.", answer)


def guess_tally() -> Tally:
    """The last line of a notebook: so many guesses were right."""
    return Tally()


def html_of(answer: Any) -> str:
    """What a cell would show for it, as HTML: a figure, several, text, or anything else."""
    if isinstance(answer, tuple):
        return "".join(map(html_of, answer))
    if isinstance(answer, Figure):
        picture = base64.b64encode(png(answer)).decode()
        alt = escape(str(answer.get_label()))
        return f'<p><img alt="{alt}" src="data:image/png;base64,{picture}"></p>'
    if isinstance(answer, str):
        return f"<p>{escape(answer)}</p>"
    written = getattr(answer, "_repr_html_", lambda: None)() or f"<pre>{escape(repr(answer))}</pre>"
    folded = f"<details><summary>All numbers, in a table</summary>{written}</details>"
    return folded if written.count("<tr") > LONG else written
