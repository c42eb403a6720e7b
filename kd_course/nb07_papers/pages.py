"""What a reproduction looks like: a table in Markdown, a CSV file, a figure, one HTML page."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Sequence
from html import escape

from matplotlib.axes import Axes

from kd_course.nb07_papers.rows import Line, Reproduction
from kd_course.nb07_papers.tables import PaperNumber
from kd_helpers.widgets.figures import new_figure, tidy
from kd_helpers.widgets.show import png
from kd_helpers.widgets.svg import BLUE, GREY, ORANGE

HEADS = ("row", "unit", "ours", "95 % interval", "n", "against", "verdict")
STYLE = (
    "body{font-family:sans-serif;max-width:70em;margin:2em auto;padding:0 1em;line-height:1.5}"
    "table{border-collapse:collapse}td,th{border-bottom:1px solid #ddd;padding:4px 8px;text-align:left}"
    "div{overflow-x:auto}img{max-width:100%}"
)


def cells(reproduction: Reproduction, line: Line) -> list[str]:
    """A line of the table as text: title, the paper's numbers, then ours. Empty where unknown."""
    row = line.row
    paper = row.paper or (None,) * len(reproduction.columns)
    interval = line.interval
    return [
        row.title,
        *(said(number, row.unit) for number in paper),
        row.unit,
        "" if line.mean is None else f"{line.mean:.2f}",
        "" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}",
        str(len(line.values)) if line.values else "",
        row.against,
        verdict_words(line),
    ]


def verdict_words(line: Line) -> str:
    """The verdict, with the unit of what is counted; differences of percentages are points."""
    words = str(line.verdict or "")
    return words if line.row.unit.startswith("%") else words.replace("points", line.row.unit)


def said(number: PaperNumber | None, unit: str) -> str:
    """A published number; with its unit where that is not the row's, marked where it was not
    read."""
    if number is None or number.value is None:
        return ""
    other = "" if number.unit == unit else f" {number.unit}"
    return f"{number.value:g}{other}" + (
        "" if number.certainty == "read" else f" ({number.certainty})"
    )


def heads(reproduction: Reproduction) -> list[str]:
    first, *rest = HEADS
    return [first, *(f"paper: {column}" for column in reproduction.columns), *rest]


def markdown(reproduction: Reproduction, lines: Sequence[Line]) -> str:
    """The table, with the verdict in short."""
    width = len(heads(reproduction)) - 1
    rows = [heads(reproduction), [":--"] + ["--:"] * (width - 2) + [":--"] * 2]
    rows += [cells(reproduction, line) for line in lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def as_csv(reproduction: Reproduction, lines: Sequence[Line]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads(reproduction))
    writer.writerows(cells(reproduction, line) for line in lines)
    return text.getvalue()


def as_html(reproduction: Reproduction, lines: Sequence[Line]) -> str:
    """One page that needs nothing else: what differs, the figure, the table."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads(reproduction))
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells(reproduction, line)) + "</tr>"
        for line in lines
    )
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{escape(reproduction.title)}</title>"
        f"<meta name='viewport' content='width=device-width'><style>{STYLE}</style>"
        f"<h1>{escape(reproduction.title)}</h1><p>{escape(reproduction.differs)}</p>"
        f"{figure_of(lines)}<div><table><tr>{head}</tr>{body}</table></div></html>\n"
    )


def figure_of(lines: Sequence[Line]) -> str:
    """The differences as an image tag; nothing where no row is compared with another."""
    compared = [line for line in lines if line.verdict]
    if not compared:
        return ""
    figure, (ax,) = new_figure(9, 1.2 + 0.38 * len(compared))
    draw_differences(ax, lines)
    words = "; ".join(f"{line.row.title}: {verdict_words(line)}" for line in compared)
    data = base64.b64encode(png(figure)).decode()
    return f"<p><img alt='{escape(words, quote=True)}' src='data:image/png;base64,{data}'></p>"


def draw_differences(ax: Axes, lines: Sequence[Line]) -> Axes:
    """For each row that is compared with another: our difference with its 95 % interval, and the
    paper's differences, in points. The scales of paper and course are not the same; signs can
    be."""
    by_title = {line.row.title: line for line in lines}
    compared = [line for line in lines if line.verdict]
    for place, line in enumerate(compared):
        verdict = line.verdict
        named = {"label": "here, 95 % interval"} if not place else {}
        ax.errorbar(
            verdict.mean,
            place,
            xerr=[[verdict.mean - verdict.low], [verdict.high - verdict.mean]],
            fmt="o",
            color=BLUE,
            capsize=3,
            **named,
        )
        gains = paper_gains(line, by_title[line.row.against])
        ax.plot(gains, [place - 0.25] * len(gains), "D", color=ORANGE, markersize=5)
    if any(paper_gains(line, by_title[line.row.against]) for line in compared):
        ax.plot([], [], "D", color=ORANGE, markersize=5, label="paper")
    ax.axvline(0, color=GREY, linewidth=1)
    ax.set_yticks(range(len(compared)), [line.row.title for line in compared], fontsize=9)
    ax.set_ylim(len(compared) - 0.5, -0.7)
    ax.legend(frameon=False, fontsize=9)
    units = {"points" if line.row.unit.startswith("%") else line.row.unit for line in compared}
    return tidy(ax, x=f"difference to the row it is compared with, {' or '.join(sorted(units))}")


def paper_gains(line: Line, other: Line) -> list[float]:
    """What the paper's numbers differ by, where it has both and in one unit."""
    pairs = zip(line.row.paper, other.row.paper, strict=False)
    return [
        a.value - b.value
        for a, b in pairs
        if a and b and None not in (a.value, b.value) and a.unit == b.unit
    ]


def agreement(line: Line, other: Line) -> str:
    """Whether our difference to the other row has the sign of the paper's; "" where the paper does
    not compare the two, where its settings do not agree among themselves, or where we have no
    verdict."""
    signs = {(gain > 0) - (gain < 0) for gain in paper_gains(line, other)}
    if not line.verdict or len(signs) != 1:
        return ""
    if line.verdict.low <= 0 <= line.verdict.high:
        return "not clear here"
    return "same sign" if signs == {1 if line.verdict.mean > 0 else -1} else "other sign"


def agreements(lines: Sequence[Line]) -> dict[str, str]:
    """Title of a row → its agreement, for the rows that the paper compares as we do."""
    by_title = {line.row.title: line for line in lines}
    compared = [line for line in lines if line.row.against]
    found = {x.row.title: agreement(x, by_title[x.row.against]) for x in compared}
    return {title: word for title, word in found.items() if word}
