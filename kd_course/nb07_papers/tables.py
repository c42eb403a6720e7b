"""The papers' numbers, `data/paper_tables`: each with its source and how sure it is."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CERTAINTIES = ("read", "quoted", "derived", "not found")
# In the repository, also where $KD_DATA names another folder for the data sets.
FOLDER = Path(__file__).resolve().parents[2] / "data" / "paper_tables"


@dataclass(frozen=True)
class PaperNumber:
    """One published number."""

    paper: str
    table: str  # or figure or section; empty where unknown
    setting: str  # networks and data set
    method: str
    value: float | None  # None where the paper's number could not be found
    unit: str
    source: str  # where it was read
    certainty: str  # "read" in the paper, "quoted" by others, "derived" from these, "not found"

    def __post_init__(self) -> None:
        is_sure = self.certainty in CERTAINTIES and self.source
        if not is_sure or (self.value is None) != (self.certainty == "not found"):
            raise ValueError(
                f"got {self}; expected a source, one of {', '.join(CERTAINTIES)}, and no value "
                "just where it was not found"
            )


def tables() -> list[str]:
    """The names of all tables, one a paper."""
    return sorted(path.stem for path in FOLDER.glob("*.csv"))


def paper_numbers(name: str) -> list[PaperNumber]:
    """All numbers of a paper.

    Raises:
        ValueError: an unknown name, or a row that is not complete.
    """
    if name not in tables():
        raise ValueError(f"got {name!r}; expected one of {', '.join(tables())}")
    return read(FOLDER / f"{name}.csv")


def read(path: Path) -> list[PaperNumber]:
    with path.open(newline="", encoding="utf-8") as file:
        return [number_of(**row) for row in csv.DictReader(file)]


def number_of(value: str, **facts: Any) -> PaperNumber:
    return PaperNumber(value=float(value) if value else None, **facts)


def printed(
    paper: str,
    table: str,
    setting: str,
    method: str,
    unit: str = "% right",
    of: Iterable[str] = ("",),
) -> tuple[PaperNumber, ...]:
    """The one number of a paper that stands there, for each setting; `{}` is one `of` these.

    Raises:
        ValueError: there is none, or more than one.
    """
    numbers = []
    for one in of:
        wanted = (table, setting.format(one), method, unit)
        rows = paper_numbers(paper)
        found = [n for n in rows if (n.table, n.setting, n.method, n.unit) == wanted]
        if len(found) != 1:
            told = f"got {wanted} of {paper}, which stands there {len(found)} times"
            raise ValueError(f"{told}; expected once")
        numbers += found
    return tuple(numbers)
