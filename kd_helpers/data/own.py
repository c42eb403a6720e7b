"""Images of one's own, kept by their content: any process finds them, wherever they came from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from kd_helpers.data.splits import PARTS, DataError, Dataset, Split
from kd_helpers.runtime.files import replacing
from kd_helpers.runtime.folders import out_dir

OWN = "own:"  # how a key of such a data set starts


def path_of(fingerprint: str) -> Path:
    return out_dir() / "data" / f"{fingerprint}.dataset"


def keep(dataset: Dataset) -> Dataset:
    """Write a data set to `out/data`, unless it is there, and give it the key of its content.

    Raises:
        DiskFull: there is no room for it.
    """
    path = path_of(dataset.fingerprint)
    if not path.is_file():
        splits = {part: getattr(dataset, part) for part in PARTS}
        tensors = {k: (compact(s.images), compact(s.labels)) for k, s in splits.items()}
        with replacing(path) as file:
            torch.save({"name": dataset.name, "classes": list(dataset.classes), **tensors}, file)
    return replace(dataset, key=OWN + dataset.fingerprint)


def compact(tensor: torch.Tensor) -> torch.Tensor:
    """On the processor, and not a view of something larger, which would be stored whole."""
    tensor = tensor.cpu().contiguous()
    small = tensor.untyped_storage().nbytes() == tensor.nbytes
    return tensor if small else tensor.clone()


def load(key: str) -> Dataset:
    """The data set with this key, on the processor; its content is checked against the key.

    Raises:
        DataError: it was never kept here, or the file was altered.
    """
    path = path_of(key.removeprefix(OWN))
    again = "Make it again, with image_folder(…) or from_arrays(…) as before"
    if not path.is_file():
        raise DataError(f"{path}: expected the images of data set {key}, found nothing. {again}")
    try:
        kept = torch.load(path, weights_only=True, mmap=True)
        train, val, test = (Split(*kept[name]) for name in PARTS)
        dataset = Dataset(kept["name"], tuple(kept["classes"]), train, val, test, key)
        found = OWN + dataset.fingerprint
    except Exception as problem:  # PyTorch's reader has many words for a damaged file
        raise DataError(
            f"{path}: expected a stored data set ({problem}). Delete it. {again}"
        ) from problem
    if found != key:
        raise DataError(f"{path}: expected data set {key}, found {found}. Delete it. {again}")
    return dataset
