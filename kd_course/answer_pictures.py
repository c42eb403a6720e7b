"""The picture of a right answer: its numbers beside those of common mistakes, on one scale."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import torch

from kd_helpers.widgets import svg

WIDTH, HEIGHT, ABOVE = 190, 96, 18  # of a chart in pixels; room for a number
MOST, LARGEST = 3, 5  # mistakes shown; how many times as large they may be
STYLE = "background: #fff; color: #222; padding: 8px; border-radius: 6px; font: 14px sans-serif"
Value = torch.Tensor | float


def beside_mistakes(right: torch.Tensor, mistakes: Mapping[str, Value]) -> str:
    """HTML of a chart for the answer and one for each of up to three mistakes.

    A number is one bar, a table the bars of the row in which most mistakes show, a square one (who
    teaches whom) a pattern. Shown are mistakes of the same shape and size that can be seen; empty
    where there are none.
    """
    right = rows_of(right)
    of_all = {words: rows_of(torch.as_tensor(value)) for words, value in mistakes.items()}
    fitting = {words: value for words, value in of_all.items() if can_be_drawn(value, right)}
    if not fitting:
        return ""
    differs = torch.stack([(value != right).any(dim=1) for value in fitting.values()])
    row = int(differs.sum(dim=0).argmax())
    seen = [words for words, value in fitting.items() if can_be_drawn(value[row], right[row])]
    if not seen:
        return ""
    chosen = {"your answer": right} | {words: fitting[words] for words in seen[:MOST]}
    whole = right.shape[0] == right.shape[1] > 1
    cards = cards_of({words: v if whole else v[row] for words, v in chosen.items()})
    title = (
        f"Your answer beside common mistakes{', one row' if len(right) > 1 and not whole else ''}"
    )
    return (
        f"<div style='{STYLE}'><b>{title}</b><div style='display: flex; flex-wrap: wrap; "
        f"gap: 8px 20px'>{cards}</div></div>"
    )


def rows_of(value: torch.Tensor) -> torch.Tensor:
    """(R, n): a number is one row of one, a list one row, of more axes the last one stays."""
    return value.detach().double().reshape(-1, value.shape[-1] if value.dim() else 1)


def can_be_drawn(value: torch.Tensor, right: torch.Tensor) -> bool:
    """Whether it fits beside the right one, on the same scale, and looks different."""
    if value.shape != right.shape or not value.isfinite().all() or not value.numel():
        return False
    return bool(value.abs().max() <= LARGEST * right.abs().max()) and not torch.equal(value, right)


def cards_of(values: Mapping[str, torch.Tensor]) -> str:
    low = min(0.0, *(float(value.min()) for value in values.values()))
    high = max(0.0, *(float(value.max()) for value in values.values()))
    colours = [svg.BLUE] + [svg.GREY] * len(values)
    return "".join(
        card(words, value, low, high, colour)
        for (words, value), colour in zip(values.items(), colours, strict=False)
    )


def card(words: str, value: torch.Tensor, low: float, high: float, colour: str) -> str:
    draw = pattern if value.dim() == 2 else columns
    chart = svg.svg(WIDTH, HEIGHT, words, draw(value, low, (high - low) or 1.0, colour))
    return f"<div style='width: {WIDTH}px'>{chart}<div>{escape(words)}</div></div>"


def columns(values: torch.Tensor, low: float, span: float, colour: str) -> str:
    """Bars up or down from the line of 0; one alone has its number."""
    tall, step = HEIGHT - ABOVE, WIDTH / len(values)
    zero = ABOVE + tall * (1 + low / span)
    parts = [
        svg.rect(
            i * step + step / 8,
            zero - max(value, 0.0) / span * tall,
            step * 3 / 4,
            abs(value) / span * tall,
            colour,
        )
        for i, value in enumerate(values.tolist())
    ]
    above = zero - max(0.0, float(values[0])) / span * tall - 4
    number = svg.text(WIDTH / 2, above, f"{float(values[0]):.4g}", anchor="middle")
    return "".join([*parts, svg.line(0, zero, WIDTH, zero, svg.BLACK), number * (len(values) == 1)])


def pattern(values: torch.Tensor, low: float, span: float, colour: str) -> str:
    """A square for each number of the table, the larger the darker."""
    side = HEIGHT / len(values)
    return "".join(
        svg.rect(j * side, i * side, side - 1, side - 1, colour, f"fill-opacity='{shade:.2f}'")
        for i, row in enumerate(((values - low) / span * 0.9 + 0.1).tolist())
        for j, shade in enumerate(row)
    )
