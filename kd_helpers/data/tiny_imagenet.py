"""The pictures of Tiny ImageNet: decoded from the archive once, then read from a checked cache."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from kd_helpers.data.splits import DataError

BASE = "tiny-imagenet-200"
SIDE = 64  # pixels

Pictures = tuple[dict[str, torch.Tensor], list[str]]


def decoded(cache: Path, archive_sha256: str, archive: Callable[[], Path]) -> Pictures:
    """Images and labels, and the names of the classes.

    Args:
        cache: the file that keeps the decoded pictures; written if it is not there or damaged.
        archive_sha256: of the archive whose pictures are wanted.
        archive: gives the path of that archive; called only if the cache does not serve.

    Returns:
        "train_images" and "val_images" (N, 3, 64, 64) uint8, "train_labels" and "val_labels" (N,)
        int64; training images in the order of their paths, the others as in val_annotations.txt.
    """
    if cache.exists():
        try:
            return read_cache(cache, archive_sha256)
        except DataError as problem:
            aside = cache.with_name(f"{cache.name}.damaged")
            os.replace(cache, aside)
            warnings.warn(f"{problem}. Moved to {aside.name}, decoding again", stacklevel=2)
    pictures = read_archive(archive())
    write_cache(cache, archive_sha256, pictures)
    return pictures


def read_archive(path: Path) -> Pictures:
    """Read the published zip file without unpacking its 120,000 files."""
    with zipfile.ZipFile(path) as archive:
        label_of = {wnid: label for label, wnid in enumerate(sorted(lines(archive, "wnids.txt")))}
        words = dict(line.partition("\t")[::2] for line in lines(archive, "words.txt"))
        classes = [words[wnid].split(",")[0].strip() for wnid in label_of]
        paths = sorted(n for n in archive.namelist() if n.startswith(f"{BASE}/train/"))
        train = [(p, label_of[p.split("/")[2]]) for p in paths if p.endswith(".JPEG")]
        notes = [line.split("\t") for line in lines(archive, "val/val_annotations.txt")]
        val = [(f"{BASE}/val/images/{note[0]}", label_of[note[1]]) for note in notes]
        print(f"{path.name}: decoding {len(train) + len(val):,} pictures, once", file=sys.stderr)
        return {**decode(archive, "train", train), **decode(archive, "val", val)}, classes


def lines(archive: zipfile.ZipFile, file: str) -> list[str]:
    return archive.read(f"{BASE}/{file}").decode(errors="replace").splitlines()


def decode(
    archive: zipfile.ZipFile, part: str, labelled: list[tuple[str, int]]
) -> dict[str, torch.Tensor]:
    """The JPEG files at these paths as images (N, 3, 64, 64), grey ones as colour, and labels."""
    images = np.empty((len(labelled), 3, SIDE, SIDE), np.uint8)
    for row, (path, _) in enumerate(labelled):
        with Image.open(io.BytesIO(archive.read(path))) as picture:
            images[row] = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
    labels = torch.tensor([label for _, label in labelled], dtype=torch.int64)
    return {f"{part}_images": torch.from_numpy(images), f"{part}_labels": labels}


def read_cache(path: Path, archive_sha256: str) -> Pictures:
    """The kept pictures, if they are those of this archive and not one bit of them has changed."""
    try:
        with safe_open(path, "pt") as file:
            about, names = json.loads((file.metadata() or {}).get("about", "{}")), file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, ValueError) as problem:
        raise DataError(f"{path}: expected decoded pictures, found a file with {problem}") from None
    expected = f"pictures of archive {archive_sha256} with SHA-256 {about.get('sha256')}"
    classes = about.get("classes", [])
    found = f"pictures of archive {about.get('archive')} with SHA-256 {digest(tensors, classes)}"
    if found != expected:
        raise DataError(f"{path}: expected {expected}, found {found}")
    return tensors, classes


def write_cache(path: Path, archive_sha256: str, pictures: Pictures) -> None:
    """Keep the pictures, whole or not at all; where that fails, they are decoded again next
    time."""
    tensors, classes = pictures
    about = {"archive": archive_sha256, "sha256": digest(*pictures), "classes": classes}
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, temporary, {"about": json.dumps(about)})
        temporary.chmod(0o644)  # as other files are; safetensors lets only the owner read
        os.replace(temporary, path)
    except (OSError, SafetensorError) as problem:
        warnings.warn(f"{path}: the decoded pictures could not be kept: {problem}", stacklevel=2)
    finally:
        if temporary.exists():
            temporary.unlink()


def digest(tensors: dict[str, torch.Tensor], classes: list[str]) -> str:
    """SHA-256 of names, shapes and contents."""
    total = hashlib.sha256(json.dumps(classes).encode())
    for name in sorted(tensors):
        total.update(f"{name} {tuple(tensors[name].shape)} {tensors[name].dtype}".encode())
        total.update(tensors[name].reshape(-1).view(torch.uint8).numpy())
    return total.hexdigest()
