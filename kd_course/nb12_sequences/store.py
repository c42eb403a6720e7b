"""Stored lessons: a table, and a file of tensors for each training, all in SHA256SUMS.

`data/runs/nb12_sequences/lessons` ships; what is trained here goes to the same place under `out/`.
A file holds `edits` and `lengths` (2, N) uint8 of the test words, greedily and by beam search, and
where they are kept the weights, in half precision.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load, save

from kd_course.nb12_sequences.error_rates import Errors, phoneme_error_rate, word_error_rate
from kd_helpers.experiments.packed import SUMS, TABLE, checked_files, table_of
from kd_helpers.runtime.files import write_atomically
from kd_helpers.runtime.folders import run_folders

WAYS = ("greedy", "beam")


@dataclass(frozen=True)
class Result:
    """A trained network's errors on the test words, and its weights where they are kept."""

    row: dict[str, str]
    tensors: dict[str, torch.Tensor] = field(repr=False)

    def errors(self, way: str) -> list[Errors]:
        """Of each test word. way: "greedy" or "beam"."""
        place = WAYS.index(way)
        pairs = zip(*(self.tensors[n][place].tolist() for n in ("edits", "lengths")), strict=True)
        return [Errors(*pair) for pair in pairs]

    def phoneme_error_rate(self, way: str) -> float:
        return phoneme_error_rate(self.errors(way))

    def word_error_rate(self, way: str) -> float:
        return word_error_rate(self.errors(way))

    def right(self, way: str) -> np.ndarray:
        """Which test words are wholly right, (N,) bool."""
        return (self.tensors["edits"][WAYS.index(way)] == 0).numpy()

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        """In float32; none where they are not kept."""
        kept = self.tensors.items()
        return {k.removeprefix("weights."): v.float() for k, v in kept if k.startswith("weights.")}


def folders() -> list[Path]:
    return [folder / "nb12_sequences" / "lessons" for folder in run_folders()]


def find(name: str, lesson: str, places: Sequence[Path] | None = None) -> Result | None:
    """The stored result of a lesson, JSON, or None. places: `folders()` if None.

    Raises:
        DamagedRun: a file is not the one that the checksums speak of.
    """
    for folder in folders() if places is None else places:
        row = read_table(folder).get(name, {})
        if row.get("lesson") == lesson:
            return Result(row, load(checked_files(folder, (file_of(name),))[0]))
    return None


def read_table(folder: Path) -> dict[str, dict[str, str]]:
    if not (folder / SUMS).is_file():
        return {}
    (table,) = checked_files(folder, (TABLE,))
    rows = csv.DictReader(io.StringIO(table.decode(), newline=""))
    return {row["name"]: row for row in rows}


def keep(
    folder: Path, row: dict[str, object], tensors: dict[str, torch.Tensor], weights: bool
) -> None:
    """Add a result to a folder; the checksums go last."""
    kept = {k: v for k, v in tensors.items() if weights or not k.startswith("weights.")}
    rows: dict[str, dict] = {**read_table(folder), str(row["name"]): row}
    write_atomically(folder / file_of(str(row["name"])), save(kept))
    write_atomically(folder / TABLE, table_of([rows[name] for name in sorted(rows)]))
    paths = [folder / TABLE, *(folder / file_of(name) for name in sorted(rows))]
    sums = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in paths]
    write_atomically(folder / SUMS, "".join(sums).encode())


def file_of(name: str) -> str:
    return f"{name}.safetensors"


def as_json(plain: object) -> str:
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False)
