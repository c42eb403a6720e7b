"""The papers' numbers: one row a number in `data/paper_tables`, with its source and how sure it
is."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

CERTAINTIES = ("read", "quoted", "derived", "not found")


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


def folder() -> Path:
    """In the repository, also where $KD_DATA names another folder for the data sets."""
    return Path(__file__).resolve().parents[2] / "data" / "paper_tables"


def tables() -> list[str]:
    """The names of all tables, one a paper."""
    return sorted(path.stem for path in folder().glob("*.csv"))


def paper_numbers(name: str) -> list[PaperNumber]:
    """All numbers of a paper.

    Raises:
        ValueError: an unknown name, or a row that is not complete.
    """
    if name not in tables():
        raise ValueError(f"got {name!r}; expected one of {', '.join(tables())}")
    return read(folder() / f"{name}.csv")


def read(path: Path) -> list[PaperNumber]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    columns = [field.name for field in fields(PaperNumber)]
    if rows[:1] != [columns]:
        raise ValueError(f"{path}: got the columns {rows[:1]}; expected {columns}")
    return [parse(row, f"{path}, line {line}") for line, row in enumerate(rows[1:], start=2)]


def parse(row: Sequence[str], place: str) -> PaperNumber:
    expected = len(fields(PaperNumber))
    if len(row) != expected:
        raise ValueError(f"{place}: got {len(row)} columns; expected {expected}")
    paper, table, setting, method, value, unit, source, certainty = row
    if certainty not in CERTAINTIES or (value == "") != (certainty == "not found") or not source:
        raise ValueError(
            f"{place}: got value={value!r}, source={source!r}, certainty={certainty!r}; expected a "
            f"source, one of {', '.join(CERTAINTIES)}, and no value just where it was not found"
        )
    return PaperNumber(
        paper, table, setting, method, float(value) if value else None, unit, source, certainty
    )
