"""The stored result of a recipe: find it, check it, write it. No pickle, no half-written file.

A training writes two files, `HASH.json` (the record) and `HASH.safetensors` (tensors); what ships
is packed, a folder of many runs that people can read too (`packed`).
"""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import nn

from kd_helpers.data.remarks import few
from kd_helpers.experiments.packed import (
    FORMAT,
    GET_BACK,
    DamagedRun,
    NewerRun,
    Packing,
    RunError,
    folders_in,
    open_folder,
    record_of,
    write_folder,
)
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.models.towers import make_network
from kd_helpers.runtime.files import set_aside, write_atomically
from kd_helpers.runtime.folders import run_folders

PREDICTIONS = "predictions"  # name of the tensor


@dataclass(frozen=True)
class Run:
    """A stored result: the record (numbers), the predictions and, where kept, weights and logits.

    `record["kept"]` says which tensors are stored: "weights", "test_logits", "train_logits".
    """

    recipe: Recipe
    record: dict
    folder: Path  # of single files, or a packed one
    predictions: torch.Tensor = field(compare=False, repr=False)  # (N,) uint8 or int16

    @property
    def path(self) -> Path:
        """The file with its tensors, which need not be there if none are kept."""
        return self.folder / self.record.get("weights", f"{self.recipe.hash}.safetensors")

    @property
    def accuracy(self) -> float:
        """Accuracy on the test images, in percent."""
        return 100 * self.record["test"]["accuracy"]

    @property
    def classes(self) -> int:
        """How many classes the network tells apart."""
        return self.record["input"]["num_classes"]

    @property
    def has_weights(self) -> bool:
        """Whether the weights are stored beside the record."""
        return "weights" in self.record["kept"] and self.path.is_file()

    def answers(self) -> torch.Tensor:
        """The class that the network answers to each test image, (N,) int64."""
        return self.predictions.long()

    def tensors(self) -> dict[str, torch.Tensor]:
        """The stored tensors, after checking that the file is the one that the record speaks of."""
        if not self.record["kept"]:
            raise RunError(
                f"{self.path}: expected the weights of run {self.recipe.hash} ({self.recipe}): "
                "this run keeps its record only. Train it again, with "
                'train_recipe(recipe, folder=run_folders()[-1], keep=("weights", "test_logits"))'
            )
        return {k: v for k, v in read_tensors(self.path, self.record).items() if k != PREDICTIONS}

    def model(self, device: torch.device | str = "cpu") -> nn.Module:
        """The trained network, in evaluation mode."""
        stored = self.tensors().items()
        weights = {k[len("weights.") :]: v for k, v in stored if k.startswith("weights.")}
        if not weights:
            raise RunError(f"run {self.recipe.hash} ({self.recipe}) keeps no weights")
        model = make_network(self.recipe.student, self.recipe.towers, **self.record["input"])
        model.load_state_dict(weights)
        return model.to(device).eval()

    def logits(self, split: str) -> torch.Tensor:
        """Answers to the "train" or "test" images, (N, K) float32, stored in half precision."""
        if f"{split}_logits" not in self.record["kept"]:
            raise RunError(
                f"run {self.recipe.hash} ({self.recipe}) keeps no answers to the {split} images; "
                f"it has {', '.join(self.record['kept'])}. Use predict(run.model(), images)"
            )
        return self.tensors()[f"{split}_logits"].float()


def read_tensors(path: Path, record: dict) -> dict[str, torch.Tensor]:
    """The tensors that a record vouches for.

    Raises:
        DamagedRun: the file is gone, or another one.
    """
    content = path.read_bytes() if path.is_file() else b""
    found = hashlib.sha256(content).hexdigest()
    if found != record["sha256"]:
        raise DamagedRun(
            path,
            f"expected SHA-256 {record['sha256']}, found {found} ({len(content):,} bytes): the "
            f"file is missing, cut short or altered. {GET_BACK}",
        )
    return load(content)


def find(recipe: Recipe, *, mend: bool = False) -> Run | None:
    """The stored run of a recipe, or None; one that keeps its weights goes before another.

    Args:
        mend: check the tensors too; name what is damaged on stderr and move it aside, so that the
            run can be trained again. A packed folder is left as it is, and none of its runs used.

    Raises:
        DamagedRun: without `mend`, and where no undamaged run was found.
        NewerRun: it was stored by a newer version of this package; it is left alone.
    """
    found: list[Run] = []
    problems: list[RunError] = []
    for look, folder in places():
        try:
            run = look(folder, recipe)
            if run and mend and run.record["kept"]:
                read_tensors(run.path, run.record)
            found += [run] if run else []
        except RunError as problem:
            if mend and isinstance(problem, DamagedRun):
                put_away(problem, folder, recipe)
            else:
                problems.append(problem)
    if problems and not found:
        raise problems[0]
    return next((run for run in found if run.has_weights), found[0] if found else None)


def find_by_hash(beginning: str) -> Run:
    """The stored run whose hash begins so.

    Raises:
        ValueError: there is none, or there are several.
        DamagedRun: a file of it is damaged.
    """
    found: dict[str, Path] = {}  # hash → folder
    for look, folder in places():
        single = look is read_run
        names = [p.stem for p in folder.glob("*.json")] if single else open_folder(folder).rows
        found |= {name: folder for name in names if name.startswith(beginning)}
    if len(found) != 1 or not beginning:
        raise ValueError(
            f"got {beginning!r}; expected the beginning of one run's hash, found "
            f"{few(sorted(found), 5) or 'none'}: `kd runs` lists the course's, "
            f"{run_folders()[-1]} holds your own"
        )
    ((name, folder),) = found.items()
    path = folder / f"{name}.json"
    record = (
        {"recipe": recipe_in(path)} if path.is_file() else record_of(open_folder(folder), name)[0]
    )
    run = find(Recipe.from_record(record))
    if run is None:
        raise DamagedRun(path, f"expected the record of run {name}, found that of another")
    return run


def recipe_in(path: Path) -> Any:
    """The recipe in the record of a single run, as plain data."""
    try:
        return json.loads(path.read_text())["recipe"]
    except (ValueError, KeyError, TypeError) as problem:
        raise DamagedRun(path, f"expected the record of a run ({problem}). {GET_BACK}") from problem


def places() -> Iterator[tuple[Callable[..., Run | None], Path]]:
    """Where a run may be, as (how to look there, folder), what ships first."""
    for root in run_folders():
        yield read_run, root
        if root.is_dir():
            for folder in folders_in(root, root.stat().st_mtime_ns):
                yield read_packed, folder


def read_packed(folder: Path, recipe: Recipe) -> Run | None:
    """The run of a recipe in a packed folder, or None."""
    packed = open_folder(folder)
    if recipe.hash not in packed.rows:
        return None
    record, predictions = record_of(packed, recipe.hash)
    if record["recipe"] != recipe.to_plain():
        raise DamagedRun(folder, f"expected the record of {recipe}, found {record['recipe']}")
    return Run(recipe, record, folder, torch.from_numpy(predictions))


def read_run(folder: Path, recipe: Recipe) -> Run | None:
    """The same for a run in two files of its own."""
    path = folder / f"{recipe.hash}.safetensors"
    if not path.with_suffix(".json").is_file():
        return None
    record = read_record(folder, recipe)
    return Run(recipe, record, folder, read_tensors(path, record)[PREDICTIONS])


def read_record(folder: Path, recipe: Recipe) -> dict:
    """The record in the file `HASH.json`.

    Raises:
        DamagedRun: the file is something else, was altered, or is the record of another recipe.
        NewerRun: its format is newer than this package.
    """
    path = folder / f"{recipe.hash}.json"
    try:
        record = json.loads(path.read_text())
        told, found = record.pop("checksum", None), checksum(record)
        what, form = record["recipe"], int(record["format"])
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise DamagedRun(
            path, f"expected the record of a run, found something else ({problem}). {GET_BACK}"
        ) from problem
    if form > FORMAT:
        raise NewerRun(path, form)
    if what != recipe.to_plain() or form < FORMAT:
        raise DamagedRun(
            path,
            f"expected the record of {recipe.to_plain()} (format {FORMAT}), found {what} "
            f"(format {form}). Delete it to train again",
        )
    if told != found:
        raise DamagedRun(
            path,
            f"expected a record with checksum {told}, found {found}: it was altered. {GET_BACK}",
        )
    return record


def checksum(record: dict) -> str:
    """SHA-256 of a record's content; a changed number does not go unnoticed."""
    text = json.dumps(record, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def put_away(problem: DamagedRun, folder: Path, recipe: Recipe) -> None:
    """Move the damaged file of a single run aside, and its other file, which alone is of no use."""
    if folder not in run_folders():
        warn_once(f"{problem}. Until then what it holds is not used, but trained again.")
        return
    set_aside(problem.path, problem)
    for path in (folder / f"{recipe.hash}.json", folder / f"{recipe.hash}.safetensors"):
        if path.is_file() and path != problem.path:
            set_aside(path, f"{path}: it belongs to that file")


@functools.cache
def warn_once(words: str) -> None:
    print(f"warning: {words}", file=sys.stderr)


def store(
    folder: Path,
    recipe: Recipe,
    record: dict,
    tensors: dict[str, torch.Tensor],
    predictions: torch.Tensor,
) -> None:
    """Write tensors, then the record that vouches for them; each file whole or not at all.

    Args:
        tensors: what to keep, "weights.NAME", "test_logits", "train_logits"; may be empty.
        predictions: classes (N,), from 0 to 32,767.
    """
    small = torch.uint8 if record["input"]["num_classes"] <= 256 else torch.int16
    content = save(tensors | {PREDICTIONS: predictions.to(small).cpu()})
    record["kept"] = kept(tensors)
    record["sha256"] = hashlib.sha256(content).hexdigest()
    write_atomically(folder / f"{recipe.hash}.safetensors", content)
    text = json.dumps(record | {"checksum": checksum(record)}, separators=(",", ":"))
    write_atomically(folder / f"{recipe.hash}.json", (text + "\n").encode())


def kept(tensors: dict[str, torch.Tensor]) -> list[str]:
    """ "weights.conv.weight", "test_logits" → "test_logits", "weights"."""
    return sorted({name.split(".")[0] for name in tensors})


def pack(
    folder: Path,
    wanted: Iterable[tuple[str, Recipe, tuple[str, ...]]],
    fresh: Path,
    again: Collection[Recipe] = (),
) -> list[Recipe]:
    """Merge single runs into a packed folder; the recipes that were merged.

    Args:
        wanted: (arm's name, recipe, tensors to keep) of all runs that belong there; no others stay.
        fresh: folder of the single runs. They are taken where none is packed yet,
        again: or where they are to replace the packed one.
    """
    packings, merged = [], []
    for arm, recipe, keep in wanted:
        run = read_packed(folder, recipe) if folder.is_dir() and recipe not in again else None
        if run is None or not set(keep) <= set(run.record["kept"]):
            new = read_run(fresh, recipe)
            merged += [recipe] if new else []
            run = new or run
        if run:
            packings.append(packing(arm, run, keep))
    write_folder(folder, packings)
    return merged


def packing(arm: str, run: Run, keep: Iterable[str]) -> Packing:
    """A run as it is packed, with those of its tensors that are to be kept."""
    wanted = set(keep) & set(run.record["kept"])
    tensors = run.tensors() if wanted else {}
    tensors = {k: v for k, v in tensors.items() if k.split(".")[0] in wanted}
    record = run.record | {"kept": kept(tensors)}
    return Packing(
        arm, run.recipe, record, run.predictions.numpy(), save(tensors) if tensors else b""
    )
