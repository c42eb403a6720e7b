"""`kd export`: a stored run's network as a file for another program."""

from __future__ import annotations

import argparse
from pathlib import Path

from kd_helpers.runtime.folders import out_dir


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `kd export`."""
    add = parser.add_argument
    add("hash", help="of a stored run, or the first digits of it; `kd runs` lists them")
    add("--to", metavar="FORMAT", help="onnx, pt2, ts, torchscript or safetensors (onnx)")
    add("--int8", action="store_true", help="weights and activations of eight bits, of onnx only")
    add("--out", metavar="PATH", help="where the file goes (out/exports/HASH/student.FORMAT)")
    add("--train", action="store_true", help="train it again first where only its record is kept")


def run(chosen: argparse.Namespace) -> int:
    """Write the file and print how it compares."""
    import kd_course.catalogue  # noqa: F401  # the methods of all chapters, which runs may name
    from kd_helpers.experiments.run import run_with_weights
    from kd_helpers.experiments.store import RunError, find_by_hash
    from kd_helpers.export import export

    found = find_by_hash(chosen.hash)
    path = path_of(chosen, found.recipe.hash)
    if not found.has_weights and not chosen.train:
        raise RunError(
            f"run {found.recipe.hash} ({found.recipe}) keeps its record only; `kd export "
            f"{found.recipe.hash} --train` trains it again first, which took "
            f"{found.record['seconds']:.0f} s"
        )
    print(f"run {found.recipe.hash}: {found.recipe}", flush=True)
    print(export(run_with_weights(found.recipe), path, int8=chosen.int8))
    return 0


def path_of(chosen: argparse.Namespace, name: str) -> Path:
    """Where the file goes; a run has a folder of its own, since a config.json may lie beside it.

    Raises:
        ValueError: --to and --out name two formats.
    """
    ending = f".{chosen.to or 'onnx'}"
    if not chosen.out:
        end = f"-int8{ending}" if chosen.int8 else ending
        return out_dir() / "exports" / name / f"student{end}"
    path = Path(chosen.out)
    if chosen.to and path.suffix != ending:
        raise ValueError(f"got --to {chosen.to} and --out {path}; expected a name with {ending}")
    return path
