"""Many runs in one folder that people can read: a table, two files of arrays, weights, checksums.

| file | content |
| --- | --- |
| `runs.csv` | a row a run, sorted by arm and seed: its recipe and its measures |
| `history.npz` | the course of each training; the i-th entry of an array is of the i-th row |
| `answers.npz` | predicted classes of the test images, confusion matrix and scores of each class |
| `weights/ARM-seedN.safetensors` | weights and logits, where they are kept |
| `SHA256SUMS` | for `sha256sum -c SHA256SUMS` |
"""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kd_helpers.experiments.recipe import Recipe
from kd_helpers.runtime.files import DamagedFile, write_atomically
from kd_helpers.runtime.plain import Plain, family

FORMAT = 3  # of a record; raise it when old records can no longer be read
GET_BACK = "Get it back with `git checkout -- data/runs`, or delete it to train again"
TABLE, HISTORY, ANSWERS = "runs.csv", "history.npz", "answers.npz"
SUMS, ABOUT = "SHA256SUMS", "README.md"
SCORES = ("precision", "recall", "f1")  # of each class
# Columns beside those of the recipe: name → (type, unit or range, meaning). A dot leads into the
# record: test.accuracy is record["test"]["accuracy"].
COLUMNS: dict[str, tuple[Callable[[str], Any], str, str]] = {
    "hash": (str, "", "names the run: twelve hexadecimal digits of the SHA-256 of its recipe"),
    "arm": (str, "", "name of the arm of the experiment"),
    "recipe": (json.loads, "JSON", "the recipe; `Recipe.from_record` gives it back"),
    "format": (int, "", "version of the record"),
    "input.num_classes": (int, "", "outputs of the network"),
    "input.in_channels": (int, "", "channels of an image"),
    "input.image_size": (int, "pixels", "width and height of an image"),
    "test.accuracy": (float, "0 to 1", "share of the test images answered rightly"),
    "test.nll": (float, "nats", "mean negative log-likelihood of the test labels"),
    "test.calibration_error": (float, "0 to 1", "expected calibration error, 15 bins"),
    "test.macro.precision": (float, "0 to 1", "mean precision of the classes"),
    "test.macro.recall": (float, "0 to 1", "mean recall of the classes"),
    "test.macro.f1": (float, "0 to 1", "mean F1 score of the classes"),
    "val.accuracy": (float, "0 to 1", "share of the validation images answered rightly"),
    "parameters": (int, "", "trained numbers of the network"),
    "multiply_adds": (int, "", "multiply-adds for one image"),
    "bytes": (int, "bytes", "size of the weights in float32, as a safetensors file"),
    "latency.1.median_ms": (float, "ms", "time of a forward pass of 1 image, in float32"),
    "latency.1.iqr_ms": (float, "ms", "interquartile range of these times"),
    "latency.1.repeats": (int, "", "passes that were timed"),
    "latency.1.device": (str, "", "where they were timed"),
    "latency.256.median_ms": (float, "ms", "time of a forward pass of 256 images, in float32"),
    "latency.256.iqr_ms": (float, "ms", "interquartile range of these times"),
    "latency.256.repeats": (int, "", "passes that were timed"),
    "latency.256.device": (str, "", "where they were timed"),
    "seconds": (float, "s", "time of the training"),
    "resumed": (int, "", "how often it was cut off and went on"),
    "date": (str, "year-month-day", "when it was trained"),
    "device": (str, "", "where it was trained"),
    "precision": (str, "", "number format of the training, and why"),
    "steps": (str, "", "on a GPU: plain or recorded steps, and why"),
    "versions.torch": (str, "", "version of PyTorch"),
    "kept": (str.split, "", "tensors in the weights file"),
    "weights": (str, "", "the weights file, if any"),
    "sha256": (str, "", "SHA-256 of the weights file"),
}
ARRAYS = """
`history.npz`: `step` (runs, reports), 0 where there is no further report; every other array of the
same shape is a term of the loss, the mean over the steps since the report before, NaN where a run
has no such term.

`answers.npz`: `predictions` (runs, images), the predicted class of every test image, in the order \
of
the published file; `confusion` (runs, K, K), row: true class, column: predicted class;
`precision`, `recall`, `f1` (runs, K), from 0 to 1.
"""


class RunError(RuntimeError):
    """A stored run does not have what is asked for, or is damaged."""


class DamagedRun(RunError, DamagedFile):
    """A file of a stored run is cut short, altered, or belongs to another recipe."""

    def __init__(self, path: Path, words: str) -> None:
        super().__init__(f"{path}: {words}")
        self.path = path


class NewerRun(RunError):
    """A run was stored by a newer version of this package."""

    def __init__(self, path: Path, form: int) -> None:
        super().__init__(
            f"{path}: a record of format {form}; this version of kd_helpers reads format {FORMAT}. "
            "Update kd_helpers, or move the file away to train again"
        )


# Reading


@functools.lru_cache(maxsize=8)
def folders_in(root: Path, changed: int) -> list[Path]:
    """The packed folders in a folder; changed: when it was, so that a new one is noticed."""
    return sorted(
        path for path in root.iterdir() if (path / TABLE).is_file() or (path / SUMS).is_file()
    )


class PackedRuns(NamedTuple):
    """The files of a packed folder, in memory."""

    rows: dict[str, tuple[int, dict[str, str]]]  # hash → place in the table, row
    history: dict[str, np.ndarray]
    answers: dict[str, np.ndarray]


def open_folder(folder: Path) -> PackedRuns:
    """The runs of a packed folder; its files are read and checked once, and when they change.

    Raises:
        DamagedRun: one of them is missing, cut short or altered.
        NewerRun: they are of a newer format than this package.
    """
    paths = [folder / name for name in (TABLE, SUMS)]
    return _open(folder, tuple(p.stat().st_mtime_ns if p.is_file() else 0 for p in paths))


@functools.lru_cache(maxsize=32)
def _open(folder: Path, changed: tuple[int, ...]) -> PackedRuns:
    table, *arrays = checked_files(folder, (TABLE, HISTORY, ANSWERS))
    rows = list(csv.DictReader(io.StringIO(table.decode(), newline="")))
    if rows and int(rows[0]["format"]) > FORMAT:
        raise NewerRun(folder / TABLE, int(rows[0]["format"]))
    history, answers = (dict(np.load(io.BytesIO(a), allow_pickle=False)) for a in arrays)
    return PackedRuns({row["hash"]: (i, row) for i, row in enumerate(rows)}, history, answers)


def checked_files(folder: Path, names: Iterable[str]) -> list[bytes]:
    """The content of files that are what SHA256SUMS says."""
    paths = [folder / name for name in (SUMS, *names)]
    sums, *content = [path.read_bytes() if path.is_file() else b"" for path in paths]
    lines = [line.partition("  ") for line in sums.decode(errors="replace").splitlines()]
    expected = {name: found for found, _, name in lines}
    for path, found in zip(paths[1:], content, strict=True):
        if expected.get(path.name) != hashlib.sha256(found).hexdigest():
            raise DamagedRun(
                path,
                f"expected the file of which {SUMS} speaks, found another one "
                f"({len(found):,} bytes). {GET_BACK}",
            )
    return content


def record_of(packed: PackedRuns, name: str) -> tuple[dict, np.ndarray]:
    """The record of the run with this hash, and its predictions (N,) uint8."""
    place, row = packed.rows[name]
    record = nested({k: parse(row[k]) for k, (parse, _, _) in COLUMNS.items() if row.get(k)})
    del record["arm"]
    record.setdefault("kept", [])
    latency = record.get("latency", {})
    record["latency"] = [{"batch_size": int(size)} | of for size, of in latency.items()]
    reports = np.count_nonzero(packed.history["step"][place])
    record["history"] = {
        name: values[place, :reports].tolist()
        for name, values in packed.history.items()
        if not np.isnan(values[place, 0])
    }
    classes = record["input"]["num_classes"]
    scores = {name: packed.answers[name][place, :classes].tolist() for name in SCORES}
    confusion = packed.answers["confusion"][place, :classes, :classes]
    record["test"] |= {"per_class": scores, "confusion": confusion.tolist()}
    return record, packed.answers["predictions"][place, : confusion.sum()]


def nested(flat: dict[str, object]) -> dict:
    """{"a.b": 1, "a.c": 2} → {"a": {"b": 1, "c": 2}}."""
    whole: dict = {}
    for name, value in flat.items():
        *parts, last = name.split(".")
        inner = whole
        for part in parts:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return whole


# Writing


@dataclass(frozen=True)
class Packing:
    """A run to pack: its arm's name, recipe, record, predictions (N,), and weights file if any."""

    arm: str
    recipe: Recipe
    record: dict
    predictions: np.ndarray
    weights: bytes = b""

    @property
    def file_name(self) -> str:
        return f"weights/{slug(self.arm)}-seed{self.recipe.seed}.safetensors"


def write_folder(folder: Path, runs: Iterable[Packing]) -> None:
    """Write a packed folder; the checksums go last, so that a crash before them is noticed.

    Files that are already what they should be are not touched, weights of no run are removed.
    Nothing is done where there are no runs.

    Raises:
        ValueError: two runs of one arm have the same seed, or a record has an unknown number.
    """
    if not (runs := sorted(runs, key=lambda run: (run.arm, run.recipe.seed))):
        return
    files = {run.file_name: run.weights for run in runs if run.weights}
    if len({run.file_name for run in runs}) < len(runs):
        raise ValueError(f"{folder}: got two runs of one arm with the same seed")
    rows = [row_of(run) for run in runs]
    files[TABLE] = table_of(rows)
    files[HISTORY] = arrays_of(history_arrays([run.record["history"] for run in runs]))
    files[ANSWERS] = arrays_of(answer_arrays(runs))
    files[ABOUT] = about(folder.name, rows).encode()
    sums = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)]
    files[SUMS] = "".join(sums).encode()
    for name, content in files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            write_atomically(path, content)
    for path in (folder / "weights").glob("*"):
        if f"weights/{path.name}" not in files:
            path.unlink()


def row_of(run: Packing) -> dict[str, object]:
    """The row of a run: names and measures, and every field of the recipe."""
    record = {k: v for k, v in run.record.items() if k not in ("history", "sha256", "recipe")}
    record["latency"] = {
        str(of["batch_size"]): {k: v for k, v in of.items() if k != "batch_size"}
        for of in record.get("latency", ())
    }
    record["test"] = {
        k: v for k, v in record["test"].items() if k not in ("per_class", "confusion")
    }
    flat = flattened(record) | {
        "arm": run.arm,
        "recipe": json.dumps(run.record["recipe"], separators=(",", ":"), ensure_ascii=False),
        "kept": " ".join(record["kept"]),
        "weights": run.file_name if run.weights else "",
        "sha256": hashlib.sha256(run.weights).hexdigest() if run.weights else "",
    }
    if unknown := flat.keys() - COLUMNS.keys():
        raise ValueError(f"expected a description in COLUMNS of {', '.join(sorted(unknown))}")
    first = {"hash": flat["hash"], "arm": run.arm}
    return first | recipe_columns(run.recipe) | {k: flat[k] for k in COLUMNS if k in flat}


def flattened(whole: dict, prefix: str = "") -> dict[str, object]:
    """The reverse of `nested`."""
    flat: dict[str, object] = {}
    for name, value in whole.items():
        inside = isinstance(value, dict)
        flat |= flattened(value, f"{prefix}{name}.") if inside else {f"{prefix}{name}": value}
    return flat


def recipe_columns(part: Plain, prefix: str = "") -> dict[str, object]:
    """Every field of a recipe, defaults too, parts by dotted names; other recipes as hashes."""
    flat: dict[str, object] = {}
    for field in fields(part):
        name, value = f"{prefix}{field.name}", getattr(part, field.name)
        if hasattr(value, "hash"):
            flat[name] = value.hash
        elif isinstance(value, Plain):
            if family(value) is not type(value):  # one of several methods or teams
                flat[name] = type(value).__name__
            flat |= recipe_columns(value, f"{name}.")
        elif isinstance(value, tuple):
            hashes = [getattr(item, "hash", "") for item in value]
            flat[name] = " ".join(hashes) if all(hashes) else json.dumps(value)
        else:
            flat[name] = value
    return flat


def table_of(rows: Sequence[dict[str, object]]) -> bytes:
    """Rows as CSV; the columns are those of all rows, in order of appearance."""
    names = dict.fromkeys(name for row in rows for name in row)
    # The measures last: a part that only some recipes have does not stand behind them.
    measures = [name for name in COLUMNS if name in names and name not in ("hash", "arm")]
    columns = [name for name in names if name not in measures] + measures
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def history_arrays(histories: Sequence[dict[str, list]]) -> dict[str, np.ndarray]:
    names = dict.fromkeys(name for history in histories for name in history)
    return {
        name: stacked([h.get(name, []) for h in histories], 0 if name == "step" else np.nan)
        for name in names
    }


def answer_arrays(runs: Sequence[Packing]) -> dict[str, np.ndarray]:
    tests = [run.record["test"] for run in runs]
    return {
        "predictions": stacked([run.predictions for run in runs], np.uint8(255)),
        "confusion": stacked([test["confusion"] for test in tests], 0),
        **{name: stacked([test["per_class"][name] for test in tests], np.nan) for name in SCORES},
    }


def stacked(parts: Sequence, fill: object) -> np.ndarray:
    """Arrays of different sizes as one, filled up at the ends: (runs, largest size…)."""
    arrays = [np.asarray(part, dtype=np.asarray(fill).dtype) for part in parts]
    whole = np.full((len(arrays), *np.max([a.shape for a in arrays], axis=0)), fill)
    for row, array in zip(whole, arrays, strict=True):
        row[tuple(map(slice, array.shape))] = array
    return whole


def arrays_of(arrays: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def about(title: str, rows: Sequence[dict[str, object]]) -> str:
    """The README of a packed folder."""
    lines = [f"| `{k}` | {unit} | {words} |" for k, (_, unit, words) in COLUMNS.items()]
    return "\n".join(
        [
            f"# Stored runs: {title}\n\nWritten by `kd runs --pack`. {len(rows)} runs. "
            "All of them:\n",
            "```python",
            "import pandas as pd",
            "from pathlib import Path",
            'pd.concat(map(pd.read_csv, Path("data/runs").glob("*/runs.csv")))',
            "```\n\n`runs.csv`, a row a run:\n",
            "| column | unit or range | what |\n| --- | --- | --- |",
            *lines,
            "| all others | | the recipe, field by field; of another recipe (a teacher) its hash |",
            ARRAYS,
        ]
    )


def slug(arm: str) -> str:
    """A name for a file: "decoupled, β = 8" → "decoupled-beta-8"."""
    for sign, word in {"×": "x", "β": "beta", "α": "alpha", "ε": "eps", "%": "percent"}.items():
        arm = arm.replace(sign, word)
    plain = unicodedata.normalize("NFKD", arm).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9.+]+", "-", plain).strip("-")
