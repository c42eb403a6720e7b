"""Weights as people keep them: safetensors, or torch.save's files, in which no code is run."""

from __future__ import annotations

import tarfile
import zipfile
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch.serialization import get_unsafe_globals_in_checkpoint

from kd_helpers.data.remarks import few

# Where trainers put the weights; moving averages first, as timm does, since they are better.
NESTS = (
    *("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model"),
    *("module", "net", "network", "weights"),
)
ENDINGS = (".safetensors", ".pth", ".pt", ".ckpt", ".bin")


class WeightsError(ValueError):
    """A file of weights cannot be used, or does not fit the network."""


def read_weights(path: str | Path) -> tuple[dict[str, torch.Tensor], str]:
    """The tensors of one network by name, on the processor, and where in the file they were.

    Raises:
        WeightsError: there is no such file, it is damaged, holds several networks or none, or could
            run code.
    """
    path = Path(path)
    check_file(path)
    if is_safetensors(path):
        try:
            return load_file(path), ""
        except SafetensorError as problem:
            raise damaged(path, problem) from problem
    return one_network(path, read_torch(path))


def read_notes(path: str | Path) -> dict[str, str]:
    """What a safetensors file says about itself; nothing of other files."""
    if not is_safetensors(Path(path)):
        return {}
    with safe_open(path, "pt") as file:
        return file.metadata() or {}


def check_file(path: Path) -> None:
    if path.is_dir():
        inside = sorted(file.name for file in path.iterdir() if file.suffix in ENDINGS)
        has = f"it has {', '.join(inside[:5])}" if inside else "it has none"
        raise WeightsError(f"{path}: got a folder; expected one file of weights: {has}")
    if not path.is_file():
        raise WeightsError(f"{path}: found no file; expected {', '.join(ENDINGS)}")
    if tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            raise archive_error(path, archive.getnames())
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as zipped:
            names = zipped.namelist()
        if any(name.endswith("constants.pkl") for name in names):
            raise WeightsError(
                f"{path}: got a TorchScript program; expected weights alone: save the network's "
                "state_dict()"
            )
        if not any(name.endswith("data.pkl") for name in names):
            raise archive_error(path, names)


def archive_error(path: Path, names: list[str]) -> WeightsError:
    inside = ", ".join([name for name in names if Path(name).suffix][:5]) or "no files"
    return WeightsError(
        f"{path}: got an archive of {len(names)} entries ({inside}); expected one file of weights: "
        "unpack it and choose one"
    )


def is_safetensors(path: Path) -> bool:
    """By its first bytes: eight with a length, then JSON."""
    with open(path, "rb") as file:
        return path.suffix == ".safetensors" or file.read(9)[8:] == b"{"


def read_torch(path: Path) -> object:
    # Training scripts, timm's too, keep their options so: a bag of names and values.
    with torch.serialization.safe_globals([Namespace]):
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as problem:  # of many kinds, for damaged files
            wanted = wanted_code(path, problem)
            if not wanted:
                raise damaged(path, problem) from problem
            raise WeightsError(
                f"{path}: got a file that needs code to be read ({wanted}), which could do "
                "anything, so it was not read; expected weights alone: where it comes from, save "
                "model.state_dict()"
            ) from None


def wanted_code(path: Path, problem: Exception) -> str:
    """What a pickle wanted to run, found without running it."""
    try:
        return few(get_unsafe_globals_in_checkpoint(path), 3)
    except Exception:  # the old format, without a list
        _, _, told = str(problem).partition("GLOBAL ")
        return told.split(" ")[0]


def damaged(path: Path, problem: Exception) -> WeightsError:
    # PyTorch goes on with the advice to read it all the same.
    told = str(problem).split(". ")[0].splitlines()[:1] or [type(problem).__name__]
    return WeightsError(
        f"{path}: found {path.stat().st_size:,} bytes that cannot be read as weights ({told[0]}); "
        "expected a whole safetensors file, or one of torch.save: copy or download it again"
    )


def one_network(path: Path, content: object, at: str = "") -> tuple[dict[str, torch.Tensor], str]:
    """The tensors of the one network in what a file holds."""
    held = content if isinstance(content, Mapping) else {}
    nests = {key: part for key, part in held.items() if tensors_in(part)}
    key = next((name for name in NESTS if name in nests), None)
    if key:
        return one_network(path, nests[key], f"{at}.{key}" if at else key)
    if tensors := tensors_of(held):
        return tensors, at
    if nests:
        raise WeightsError(
            f"{path}: got a file of several parts ({', '.join(map(str, nests))}); expected one "
            "network: save the part that is the teacher in a file of its own"
        )
    told = f"a {type(content).__name__}" + (f" with {', '.join(map(str, held))}" if held else "")
    raise WeightsError(f"{path}: got {told}, without tensors; expected the weights of a network")


def tensors_of(held: Mapping) -> dict[str, torch.Tensor]:
    return {str(key): value for key, value in held.items() if isinstance(value, torch.Tensor)}


def tensors_in(part: object) -> bool:
    """Whether a part of a file holds a network's tensors, at any depth."""
    return isinstance(part, Mapping) and bool(
        tensors_of(part) or any(tensors_in(inner) for inner in part.values())
    )
