"""The command `kd reproduce --list`: each figure and table of each paper, and how it stands here.

Everything is derived: the figures and tables from `data/paper_tables`, the command from the rows
that have their numbers, the status from the stored runs. Nothing is trained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kd_course.nb07_papers.pages import agreements, gains_of
from kd_course.nb07_papers.reproduce import LAPTOP, SCALES
from kd_course.nb07_papers.rows import Line, Reproduction, Row, lines_of
from kd_course.nb07_papers.tables import PaperNumber, paper_numbers, tables
from kd_helpers.experiments.run import load_run
from kd_helpers.teachers import Team

UNKNOWN, NOT_RUN, RUN = "number unknown", "not run", "run, not compared"
LEGEND = f"""
reproduced: every difference that the paper has, too, has its sign here
differs: one of them has the other sign
not clear: no other sign, but of one or more the interval here holds 0
{RUN}: there is nothing to compare, or a team has to be asked, which the command does"""


@dataclass(frozen=True)
class Entry:
    """A figure or table, and one way to it; `command` is empty where there is none."""

    place: str
    command: str
    status: str


def listing(seeds: Sequence[int]) -> str:
    """One line for each entry, and what the words mean."""
    found = entries(seeds)
    wide = [max(len(getattr(e, name)) for e in found) for name in ("place", "command")]
    lines = [f"{e.place:{wide[0]}}  {e.command:{wide[1]}}  {e.status}" for e in found]
    return "\n".join([*lines, LEGEND])


def entries(seeds: Sequence[int]) -> list[Entry]:
    """Every figure and table, once for each command that has its numbers; last, what has none."""
    made = {
        f"kd reproduce {name}" + (f" --scale {scale}" if of_scale is not LAPTOP else ""): make()
        for scale, of_scale in SCALES.items()
        for name, make in of_scale.items()
    }
    words = {command: words_of(reproduction, seeds) for command, reproduction in made.items()}
    found = [
        e for place, numbers in places().items() for e in of_place(place, numbers, made, words)
    ]
    without = {f"kd reproduce {name}" for name in LAPTOP} - {e.command for e in found}
    return found + [Entry(made[c].title, c, UNKNOWN) for c in sorted(without)]


def of_place(
    place: str,
    numbers: Sequence[PaperNumber],
    made: Mapping[str, Reproduction],
    words: Mapping[str, Mapping[str, str]],
) -> Iterator[Entry]:
    """words: of each command, as in `words_of`."""
    if all(number.value is None for number in numbers):
        about = (command for command, r in made.items() if numbers[0].paper in r.title)
        yield Entry(place, next(about, ""), UNKNOWN)
        return
    rows = {c: [x for x in r.rows if x.ours and {*x.paper} & {*numbers}] for c, r in made.items()}
    for command in [c for c in made if rows[c]]:
        found = [words[command].get(row.title) for row in rows[command]]
        yield Entry(place, command, status_of(found))
    if not any(rows.values()):
        yield Entry(place, "", NOT_RUN)


def places() -> dict[str, list[PaperNumber]]:
    """Paper and table or figure → its numbers."""
    found: dict[str, list[PaperNumber]] = {}
    for number in (number for name in tables() for number in paper_numbers(name)):
        found.setdefault(f"{number.paper}, {number.table}".removesuffix(", "), []).append(number)
    return found


def words_of(reproduction: Reproduction, seeds: Sequence[int]) -> Mapping[str, str]:
    """Title of each row whose runs are stored → its agreement with the paper, or RUN."""
    stored = {row.title: row for row in reproduction.rows if is_stored(row, seeds)}
    single = {title for title, row in stored.items() if not is_team(row)}
    gains = gains_of([Line(row) for row in reproduction.rows])
    pairs = [(t, stored[t].against) for t, gain in gains.items() if gain and t in single]
    asked = {title for pair in pairs if pair[1] in single for title in pair}
    rows = (x if x.title in asked else replace(x, ours=None) for x in reproduction.rows)
    agreed = agreements(lines_of(replace(reproduction, rows=tuple(rows)), seeds))
    return {title: agreed.get(title, RUN) for title in stored}


def is_stored(row: Row, seeds: Sequence[int]) -> bool:
    return bool(row.ours) and all(load_run(one) for seed in seeds for one in row.recipes(seed))


def is_team(row: Row) -> bool:
    return row.ours is not None and isinstance(row.ours(0), Team)


def status_of(words: Sequence[str | None]) -> str:
    """Of a table, from its rows'; None for a row that is not run."""
    signs = Counter(word for word in words if word not in (None, RUN))
    if not signs:
        return RUN if any(words) else NOT_RUN
    head = "differs" if "other sign" in signs else "not clear"
    head = "reproduced" if {*signs} == {"same sign"} else head
    return f"{head} ({', '.join(f'{n} {word}' for word, n in signs.items())})"
