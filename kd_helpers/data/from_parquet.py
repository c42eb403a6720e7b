"""Images in Parquet files, as the Hugging Face hub publishes data sets: pictures as files inside a
table, with the names of the classes in its head."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kd_helpers.data.folder_layout import SPLIT_NAMES
from kd_helpers.data.from_arrays import as_labels
from kd_helpers.data.pictures import FITTED, Shape, check_room, left_out, progress, read_pictures
from kd_helpers.data.remarks import few, say
from kd_helpers.data.splits import PARTS, DataError, Dataset
from kd_helpers.data.three_splits import arrange, keep_rows

ROWS = 1000  # read at a time, so that the files of all pictures are never in memory together


def from_parquet(
    path: str | os.PathLike,
    *,
    size: int,
    channels: int = 3,
    fit: str = "crop",
    image: str | None = None,
    label: str | None = None,
    seed: int = 0,
    skip_problems: bool = False,
) -> Dataset:
    """A data set from a Parquet file, or from all in a folder, whose names say the split:
    train-00000-of-00002.parquet, test/0000.parquet.

    Args:
        path: the file, or the folder.
        image, label: the columns, found by type and name where not given. An image is
            {bytes, path}, or bytes; a label is a number with names in the head of the file, a
            number, or a word. A row without a label (null, or -1) cannot be used.
        size, channels, fit, seed, skip_problems: as in `image_folder`.

    Raises:
        ModuleNotFoundError: pyarrow is not installed.
        DataError: there is no such file or column; rows that cannot be used, in one list; and
            what `image_folder` refuses.
    """
    shape = Shape(size, channels, fit)
    path = Path(path).expanduser()
    tables = [open_table(file, part, image, label) for file, part in parquet_files(path)]
    rows = [(table, row) for table in tables for row in range(table.file.metadata.num_rows)]
    check_room(len(rows), shape)
    images, words, problems = read_tables(tables, len(rows), shape)
    told = {f"{rows[n][0].path.name}, row {rows[n][1]}": why for n, why in problems.items()}
    missing = left_out(path, len(rows), told, skip_problems)
    usable = [n for n in range(len(rows)) if n not in problems]
    labels = as_labels([words[n] for n in usable], path.stem)
    parts, names = [rows[n][0].part for n in usable], tables[0].names
    dataset, notes = arrange(path.stem, keep_rows(images, usable), labels, parts, seed, names)
    say(dataset, [FITTED[fit], *notes, *missing])
    return dataset


def read_tables(
    tables: Sequence[Table], count: int, shape: Shape
) -> tuple[np.ndarray, list[Any], dict[int, str]]:
    """Images (N, C, size, size), labels (N), and for some of them why they cannot be used."""
    images = np.empty((count, shape.channels, shape.size, shape.size), np.uint8)
    words: list[Any] = []
    problems: dict[int, str] = {}
    with progress("decoding", count) as bar:
        for pictures, some in (batch for table in tables for batch in table.batches()):
            start = len(words)
            images[start : start + len(some)], unread = read_pictures(pictures, shape, bar)
            problems |= {start + n: "no label" for n, word in enumerate(some) if word is None}
            problems |= {start + n: why for n, why in unread.items()}
            words += some
    return images, words, problems


@dataclass(frozen=True)
class Table:
    """An open Parquet file: which split it is of, its two columns, and the classes' names."""

    path: Path
    part: str
    file: Any
    image: str
    label: str
    names: list[str] | None

    def batches(self) -> Iterator[tuple[list[bytes], list[Any]]]:
        """The files of some pictures, and their labels: names where these are known, else what
        stands there; None where there is none."""
        for batch in self.file.iter_batches(ROWS, columns=[self.image, self.label]):
            pictures = batch.column(self.image).to_pylist()
            contents = [cell["bytes"] if isinstance(cell, dict) else cell for cell in pictures]
            labels = batch.column(self.label).to_pylist()
            yield [content or b"" for content in contents], [self.named(cell) for cell in labels]

    def named(self, cell: Any) -> Any:
        if cell is None or cell == -1:  # how the hub writes hidden labels
            return None
        if self.names is None or isinstance(cell, str):
            return cell
        return self.names[cell] if 0 <= cell < len(self.names) else f"number {cell}"


def parquet_files(path: Path) -> list[tuple[Path, str]]:
    """The files, each with its split; a single one is of training images."""
    if path.is_file():
        return [(path, "train")]
    files = sorted(path.rglob("*.parquet"))
    found = [(file, part_of(file.relative_to(path).as_posix())) for file in files]
    found.sort(key=lambda pair: PARTS.index(pair[1]))
    if not found or found[0][1] != "train":
        raise DataError(
            f"{path}: found {few([file.name for file in files]) or 'no Parquet files'}; expected "
            "one whose name or folder says train, such as train-00000-of-00001.parquet"
        )
    return found


def part_of(name: str) -> str:
    """The split that a path names; where it names none, the images are for training."""
    words = re.split(r"[^a-z]+", name.lower())
    return next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), "train")


def open_table(path: Path, part: str, image: str | None, label: str | None) -> Table:
    try:
        import pyarrow.parquet as parquet
        from pyarrow.lib import ArrowException
    except ModuleNotFoundError as problem:
        raise ModuleNotFoundError(
            "pyarrow reads Parquet files and is not installed: pip install 'kd-helpers[parquet]'"
        ) from problem
    try:
        file = parquet.ParquetFile(path)
    except (OSError, ArrowException) as problem:
        raise DataError(f"{path}: expected a Parquet file ({problem})") from problem
    schema, named = file.schema_arrow, class_names(file.schema_arrow.metadata or {})
    pictures = [field.name for field in schema if "binary" in str(field.type)]
    image = pick(path, "image", image, schema.names, [pictures, ["image", "img"]])
    label = pick(path, "label", label, schema.names, [list(named), ["label", "labels"]])
    return Table(path, part, file, image, label, named.get(label))


def class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """The columns of the hub's type ClassLabel, each with the names of its numbers."""
    about = json.loads(metadata.get(b"huggingface", b"{}"))
    features = about.get("info", {}).get("features", {})
    return {
        column: feature["names"]
        for column, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
    }


def pick(
    path: Path, what: str, given: str | None, columns: list[str], likely: list[list[str]]
) -> str:
    """The column that was given, or the only one of those that are likely by type or by name.

    Raises:
        DataError: there is no such column, or there are several.
    """
    if given in columns:
        return given
    choices = [[name for name in names if name in columns] for names in likely]
    for found in choices:
        if given is None and len(found) == 1:
            return found[0]
    raise DataError(
        f"{path}: found the columns {few(columns)}; expected one of {what}s: say which, as in "
        f'{what}="{columns[0] if columns else what}"'
    )
