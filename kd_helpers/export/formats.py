"""The kinds of file, by the ending of the name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from kd_helpers.export import onnx_file, torch_files, weights
from kd_helpers.export.deployed import Deployed, Loaded
from kd_helpers.runtime.files import DamagedFile


class Unexportable(RuntimeError):
    """PyTorch cannot write a network in a format."""


@dataclass(frozen=True)
class Format:
    """A kind of file."""

    write: Callable[[Deployed, Path], None]
    load: Callable[[Path, nn.Module], Loaded]  # the network: of the same architecture
    check_place: Callable[[Path], None] = lambda path: None


TORCHSCRIPT = Format(torch_files.write_script, torch_files.load_script)
FORMATS = {
    ".onnx": Format(onnx_file.write, onnx_file.load),
    ".pt2": Format(torch_files.write_export, torch_files.load_export),
    ".ts": TORCHSCRIPT,
    ".torchscript": TORCHSCRIPT,
    ".safetensors": Format(weights.write, weights.load, weights.check_place),
}


def format_of(path: Path, int8: bool = False) -> Format:
    """The format of a file.

    Raises:
        ValueError: there is none for this ending, or none in int8.
    """
    if path.suffix not in FORMATS:
        raise ValueError(
            f"got {path.name!r}; expected a name that ends in {', '.join(FORMATS)}: the ending "
            "tells the format"
        )
    if int8 and path.suffix != ".onnx":
        raise ValueError(f"got int8 and {path.name!r}; expected a name that ends in .onnx")
    return FORMATS[path.suffix]


def write(deployed: Deployed, path: Path) -> None:
    """Write a network in the format that the file's name tells.

    Raises:
        Unexportable: PyTorch cannot.
    """
    try:
        format_of(path).write(deployed, path)
    except (ImportError, OSError):
        raise
    except Exception as problem:  # whatever goes wrong in a stranger's network
        raise Unexportable(
            f"PyTorch cannot write {deployed.about.network} as {path.suffix}; expected a network "
            "that does the same whatever the images show and however many there are. PyTorch "
            f"says: {words_of(problem)}"
        ) from problem


def load(path: Path, network: nn.Module) -> Loaded:
    """Open a file in its own runtime; network: of the same architecture.

    Raises:
        DamagedFile: the runtime cannot read it.
    """
    try:
        return format_of(path).load(path, network)
    except (ImportError, FileNotFoundError):
        raise
    except Exception as problem:  # each runtime has its own
        raise DamagedFile(
            f"{path}: expected a {path.suffix} file; {words_of(problem)}"
        ) from problem


def words_of(problem: Exception) -> str:
    """The first line of what a library says."""
    return next(iter(str(problem).splitlines()), type(problem).__name__)
