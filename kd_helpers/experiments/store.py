"""The stored result of a recipe: read it, check it, write it. No pickle, no half-written file."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import nn

from kd_helpers.experiments.recipe import Recipe
from kd_helpers.models.towers import make_network
from kd_helpers.runtime.files import DamagedFile, set_aside, write_atomically

FORMAT = 2  # of the record; raise it when old records can no longer be read


GET_BACK = "Get it back with `git checkout -- data/runs`, or delete it to train again"


class RunError(RuntimeError):
    """A stored run does not have what is asked for, or is damaged."""


class DamagedRun(RunError, DamagedFile):
    """A file of a stored run is cut short, altered, or belongs to another recipe."""

    def __init__(self, path: Path, words: str) -> None:
        super().__init__(f"{path}: {words}")
        self.path = path


@dataclass(frozen=True)
class Run:
    """A stored result: the record (numbers) and, where kept, weights and answers."""

    recipe: Recipe
    record: dict
    folder: Path

    @property
    def accuracy(self) -> float:
        """Accuracy on the test images, in percent."""
        return 100 * self.record["test"]["accuracy"]

    @property
    def has_tensors(self) -> bool:
        """Whether weights or answers are stored beside the record, and the record vouches for
        them."""
        return (
            "sha256" in self.record and (self.folder / f"{self.recipe.hash}.safetensors").is_file()
        )

    def tensors(self) -> dict[str, torch.Tensor]:
        """The stored tensors, after checking that the file is the one that the record speaks of."""
        path = self.folder / f"{self.recipe.hash}.safetensors"
        if not self.has_tensors:
            raise RunError(
                f"{path}: expected the weights of run {self.recipe.hash} ({self.recipe}): this run "
                "keeps its record only. Train it again, with "
                'train_recipe(recipe, folder=run_folders()[-1], keep=("weights", "test_logits"))'
            )
        content = path.read_bytes()
        self._check(content)
        return load(content)

    def answers(self) -> torch.Tensor:
        """The class that the network answers to each test image, (N,) int64.

        From the record; for a record of before answers went into it, from its stored test logits.
        """
        packed = self.record["test"].get("answers")
        if packed is None and self.has_tensors and "test_logits" in self.tensors():
            return self.logits("test").argmax(dim=1)
        if packed is None:
            raise RunError(
                f"run {self.recipe.hash} ({self.recipe}) was recorded without its answers; train it "
                "again, with train_recipe(recipe, folder=run_folders()[-1])"
            )
        raw = zlib.decompress(base64.b64decode(packed))
        return torch.frombuffer(bytearray(raw), dtype=torch.uint8).long()

    def check(self) -> None:
        """Raise DamagedRun unless the stored tensors, if any, are those that the record speaks
        of."""
        path = self.folder / f"{self.recipe.hash}.safetensors"
        if "sha256" in self.record and path.is_file():
            self._check(path.read_bytes())

    def _check(self, content: bytes) -> None:
        found, expected = hashlib.sha256(content).hexdigest(), self.record["sha256"]
        if found != expected:
            raise DamagedRun(
                self.folder / f"{self.recipe.hash}.safetensors",
                f"expected SHA-256 {expected}, found {found} ({len(content):,} bytes): the file is "
                f"cut short or altered. {GET_BACK}",
            )

    def model(self, device: torch.device | str = "cpu") -> nn.Module:
        """The trained network, in evaluation mode."""
        prefix, stored = "weights.", self.tensors().items()
        weights = {k.removeprefix(prefix): v for k, v in stored if k.startswith(prefix)}
        if not weights:
            raise RunError(f"run {self.recipe.hash} ({self.recipe}) keeps no weights")
        model = make_network(self.recipe.student, self.recipe.towers, **self.record["input"])
        model.load_state_dict(weights)
        return model.to(device).eval()

    def logits(self, split: str) -> torch.Tensor:
        """Answers to the "train" or "test" images, (N, K) float32: the stored half-precision
        ones."""
        tensors = self.tensors()
        if f"{split}_logits" not in tensors:
            raise RunError(
                f"run {self.recipe.hash} ({self.recipe}) keeps no answers to the {split} images; it "
                f"has {', '.join(sorted({name.split('.')[0] for name in tensors}))}. "
                "Use predict(run.model(), images)"
            )
        return tensors[f"{split}_logits"].float()


def pack(answers: torch.Tensor) -> str:
    """Class numbers (N,) from 0 to 255 as text for a record; `Run.answers` unpacks them."""
    raw = answers.to(torch.uint8).cpu().numpy().tobytes()
    return base64.b64encode(zlib.compress(raw, 9)).decode()


def read_record(path: Path, recipe: Recipe) -> dict:
    """The record of a recipe.

    Raises:
        DamagedRun: the file is something else, was altered, or is the record of another recipe.
    """
    try:
        record = json.loads(path.read_text())
        told, found = record.pop("checksum", None), checksum(record)
        matches = record["recipe"] == recipe.to_plain() and record["format"] == FORMAT
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise DamagedRun(
            path, f"expected the record of a run, found something else ({problem}). {GET_BACK}"
        ) from problem
    if not matches:
        raise DamagedRun(
            path,
            f"expected the record of {recipe.to_plain()} (format {FORMAT}), found "
            f"{record['recipe']} (format {record['format']}). Delete it to train again",
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


def set_run_aside(folder: Path, recipe: Recipe, problem: DamagedRun) -> None:
    """Move a damaged file away; the other file of the run alone would be of no use, so it goes
    too."""
    set_aside(problem.path, problem)
    for path in (folder / f"{recipe.hash}.json", folder / f"{recipe.hash}.safetensors"):
        if path.is_file() and path != problem.path:
            set_aside(path, f"{path}: it belongs to that file")


def store(folder: Path, recipe: Recipe, record: dict, tensors: dict[str, torch.Tensor]) -> None:
    """Write tensors, then the record that vouches for them; each file whole or not at all."""
    path = folder / f"{recipe.hash}.safetensors"
    if tensors:
        content = save(tensors)
        record["sha256"] = hashlib.sha256(content).hexdigest()
        write_atomically(path, content)
    else:
        path.unlink(missing_ok=True)
    write_record(folder, recipe, record)


def write_record(folder: Path, recipe: Recipe, record: dict) -> None:
    """Write the record of a run, whole or not at all."""
    text = json.dumps(record | {"checksum": checksum(record)}, separators=(",", ":"))
    write_atomically(folder / f"{recipe.hash}.json", (text + "\n").encode())
