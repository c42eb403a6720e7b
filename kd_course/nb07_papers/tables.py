"""The papers' numbers, `data/paper_tables`: each with its source and how sure it is."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

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
        rows = list(csv.DictReader(file))
    values = [float(row["value"]) if row["value"] else None for row in rows]
    return [PaperNumber(**row | {"value": v}) for row, v in zip(rows, values, strict=True)]


def printed(
    paper: str,
    table: str,
    setting: str,
    method: str,
    *,
    unit: str = "% right",
    of: tuple[str, ...] = ("",),
) -> tuple[PaperNumber, ...]:
    """The one number of a paper that stands there, for each of the settings: `{}` is one `of` them.

    Raises:
        ValueError: there is none, or more than one.
    """
    return tuple(the_number(paper, (table, setting.format(one), method, unit)) for one in of)


def the_number(paper: str, wanted: tuple[str, str, str, str]) -> PaperNumber:
    found = [n for n in paper_numbers(paper) if (n.table, n.setting, n.method, n.unit) == wanted]
    if len(found) != 1:
        raise ValueError(
            f"got {wanted} of {paper}, which stands there {len(found)} times; expected once"
        )
    return found[0]
