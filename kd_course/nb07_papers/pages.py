"""What a reproduction looks like: a table (Markdown, CSV), a figure (SVG, PDF), one HTML page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kd_course.nb07_papers.rows import Line, Reproduction
from kd_course.nb07_papers.tables import PaperNumber
from kd_helpers.widgets.figures import described, new_figure, tidy
from kd_helpers.widgets.still import png
from kd_helpers.widgets.svg import BLUE, GREY, ORANGE

STYLE = (
    "body{font-family:sans-serif;max-width:70em;margin:2em auto;padding:0 1em;line-height:1.5}"
    "table{border-collapse:collapse}"
    "td,th{border-bottom:1px solid #ddd;padding:4px 8px;text-align:left}"
    "div{overflow-x:auto}img{max-width:100%}"
)


def table(reproduction: Reproduction, lines: Sequence[Line]) -> pd.DataFrame:
    """The table as text: titles, the paper's numbers, then ours. Empty where unknown."""
    return pd.DataFrame([cells(reproduction, line) for line in lines], dtype=object)


def cells(reproduction: Reproduction, line: Line) -> dict[str, str]:
    row, interval = line.row, line.interval
    paper = row.paper or (None,) * len(reproduction.columns)
    return {
        "row": row.title,
        **{
            f"paper: {column}": said(number, row.unit)
            for column, number in zip(reproduction.columns, paper, strict=True)
        },
        "unit": row.unit,
        "ours": "" if line.mean is None else f"{line.mean:.2f}",
        "95 % interval": "" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}",
        "n": str(len(line.values) or ""),
        "against": row.against,
        "verdict": verdict_words(line),
    }


def verdict_words(line: Line) -> str:
    """The verdict, with the unit of what is counted; differences of percentages are points."""
    return str(line.verdict or "").replace("points", points_of(line))


def points_of(line: Line) -> str:
    return "points" if line.row.unit.startswith("%") else line.row.unit


def said(number: PaperNumber | None, unit: str) -> str:
    """A published number; with its unit where that is not the row's, marked where it was not
    read."""
    if number is None or number.value is None:
        return ""
    other = "" if number.unit == unit else f" {number.unit}"
    mark = "" if number.certainty == "read" else f" ({number.certainty})"
    return f"{number.value:g}{other}{mark}"


def markdown(reproduction: Reproduction, lines: Sequence[Line]) -> str:
    """The table; the row's title and the last two columns are words, the others numbers."""
    frame = table(reproduction, lines)
    sides = [":--", *["--:"] * (len(frame.columns) - 3), ":--", ":--"]
    rows = [frame.columns, sides, *frame.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def as_csv(reproduction: Reproduction, lines: Sequence[Line]) -> str:
    return table(reproduction, lines).to_csv(index=False, lineterminator="\n")


def html_table(reproduction: Reproduction, lines: Sequence[Line]) -> str:
    with pd.option_context("display.max_colwidth", None):
        return table(reproduction, lines).to_html(index=False, border=0)


def as_html(reproduction: Reproduction, lines: Sequence[Line]) -> str:
    """One page that needs nothing else: what differs, the figure, the table."""
    title, differs = escape(reproduction.title), escape(reproduction.differs)
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>"
        f"<meta name='viewport' content='width=device-width'><style>{STYLE}</style>"
        f"<h1>{title}</h1><p>{differs}</p>{image_of(lines)}"
        f"<div>{html_table(reproduction, lines)}</div></html>\n"
    )


def image_of(lines: Sequence[Line]) -> str:
    """The differences as an image tag; nothing where no row is compared with another."""
    if not is_compared(lines):
        return ""
    figure, words = difference_figure(lines)
    data = base64.b64encode(png(figure)).decode()
    return f"<p><img alt='{escape(words)}' src='data:image/png;base64,{data}'></p>"


def is_compared(lines: Sequence[Line]) -> bool:
    return any(line.verdict for line in lines)


def as_figure(lines: Sequence[Line], kind: str) -> bytes:
    """The differences as a file; kind: "svg" or "pdf"."""
    file = io.BytesIO()
    difference_figure(lines)[0].savefig(file, format=kind, bbox_inches="tight")
    return file.getvalue()


def difference_figure(lines: Sequence[Line]) -> tuple[Figure, str]:
    """The figure of the differences, and the same in words."""
    compared = [line for line in lines if line.verdict]
    figure, (ax,) = new_figure(9, 1.2 + 0.38 * len(compared))
    draw_differences(ax, lines)
    words = "; ".join(f"{line.row.title}: {verdict_words(line)}" for line in compared)
    return described(figure, words), words


def draw_differences(ax: Axes, lines: Sequence[Line]) -> Axes:
    """For each row that is compared with another: our difference with its 95 % interval, and the
    paper's differences, in points. The scales of paper and course are not the same; signs can
    be."""
    compared = [line for line in lines if line.verdict]
    ours = [line.verdict for line in compared if line.verdict]
    gains = gains_of(lines)
    papers = [(gain, y - 0.25) for y, line in enumerate(compared) for gain in gains[line.row.title]]
    means, places = [v.mean for v in ours], range(len(ours))
    ends = [[v.mean - v.low for v in ours], [v.high - v.mean for v in ours]]
    label = "here, 95 % interval"
    ax.errorbar(means, places, xerr=ends, fmt="o", color=BLUE, capsize=3, label=label)
    if papers:
        ax.plot(*zip(*papers, strict=True), "D", color=ORANGE, markersize=5, label="paper")
    ax.axvline(0, color=GREY, linewidth=1)
    ax.set_yticks(places, [line.row.title for line in compared], fontsize=9)
    ax.set_ylim(len(compared) - 0.5, -0.7)
    ax.legend(frameon=False, fontsize=9)
    units = " or ".join(sorted({points_of(line) for line in compared}))
    return tidy(ax, x=f"difference to the row it is compared with, {units}")


def gains_of(lines: Sequence[Line]) -> dict[str, list[float]]:
    """Title of a row that is compared with another → the paper's differences."""
    by_title = {line.row.title: line for line in lines}
    compared = (line for line in lines if line.row.against)
    return {x.row.title: paper_gains(x, by_title[x.row.against]) for x in compared}


def paper_gains(line: Line, other: Line) -> list[float]:
    """What the paper's numbers differ by, where it has both and in one unit."""
    pairs = zip(line.row.paper, other.row.paper, strict=False)
    both = [(a, b) for a, b in pairs if a and b and a.unit == b.unit]
    return [a.value - b.value for a, b in both if a.value is not None and b.value is not None]


def agreement(line: Line, gains: Sequence[float]) -> str:
    """Whether our difference to the other row has the sign of the paper's; "" where the paper does
    not compare the two, where its settings do not agree among themselves, or where we have no
    verdict."""
    signs = {(gain > 0) - (gain < 0) for gain in gains}
    if not line.verdict or len(signs) != 1:
        return ""
    if line.verdict.low <= 0 <= line.verdict.high:
        return "not clear here"
    return "same sign" if signs == {1 if line.verdict.mean > 0 else -1} else "other sign"


def agreements(lines: Sequence[Line]) -> dict[str, str]:
    """Title of a row → its agreement, for the rows that the paper compares as we do."""
    by_title = {line.row.title: line for line in lines}
    found = {title: agreement(by_title[title], gains) for title, gains in gains_of(lines).items()}
    return {title: word for title, word in found.items() if word}
