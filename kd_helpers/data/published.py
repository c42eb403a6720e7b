"""The data sets of the papers, read by torchvision from the files that their authors published.

No file is opened before its SHA-256 was found to be that of the published one. This matters most
for CIFAR, whose archives consist of pickles: torchvision unpickles them, which would run any code
that another file holds.

torchvision is imported inside functions: it takes a second, and the course's own data do without.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from kd_helpers.data import cifar
from kd_helpers.data.cifar import Parts
from kd_helpers.data.splits import DataError, Split


@dataclass(frozen=True)
class PublishedFile:
    """A file as its authors published it: name, size in bytes, SHA-256, and where."""

    name: str
    bytes: int
    sha256: str
    url: str


TORONTO = "https://www.cs.toronto.edu/~kriz"
HOUSE_NUMBERS = "http://ufldl.stanford.edu/housenumbers"
FILES = {
    "cifar-10": (
        PublishedFile(
            "cifar-10-python.tar.gz",
            170_498_071,
            "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            f"{TORONTO}/cifar-10-python.tar.gz",
        ),
    ),
    "cifar-100": (
        PublishedFile(
            "cifar-100-python.tar.gz",
            169_001_437,
            "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
            f"{TORONTO}/cifar-100-python.tar.gz",
        ),
    ),
    "svhn": (
        PublishedFile(
            "train_32x32.mat",
            182_040_794,
            "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
            f"{HOUSE_NUMBERS}/train_32x32.mat",
        ),
        PublishedFile(
            "test_32x32.mat",
            64_275_384,
            "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
            f"{HOUSE_NUMBERS}/test_32x32.mat",
        ),
    ),
    "tiny-imagenet-200": (
        PublishedFile(
            "tiny-imagenet-200.zip",
            248_100_043,
            "6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821",
            "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
        ),
    ),
}


def obtain(name: str, root: Path) -> list[Path]:
    """The published files of a data set, checked: in root/name, else in root, else downloaded."""
    return [fetch(file, root / name, root) for file in FILES[name]]


def fetch(file: PublishedFile, folder: Path, other: Path) -> Path:
    """The checked file in `folder` or in the `other` one; if it is in neither, from its authors.

    Raises:
        DataError: the file is not the published one (it stays as it is), it could not be
            downloaded, or KD_OFFLINE is set.
    """
    places = (folder / file.name, other / file.name)
    path = next((path for path in places if path.exists()), None) or download(file, folder)
    check(path, file.sha256, f"Delete it to have it downloaded, or put {file.url} in its place")
    return path


def download(file: PublishedFile, folder: Path) -> Path:
    """The file from its authors; it gets its name when all of it is there and right."""
    path = folder / file.name
    try:
        if os.environ.get("KD_OFFLINE", "0") not in ("", "0"):
            raise OSError("KD_OFFLINE is set, so nobody was asked for it")
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(file.url, str(path), hash_prefix=file.sha256)
    except (OSError, HTTPException, RuntimeError) as problem:
        raise DataError(
            f"{path}: found no file, and got none ({problem}): put {file.name} "
            f"({file.bytes / 1e6:.1f} MB, published at {file.url}) into {folder}, or set KD_DATA "
            f"to a data folder that has {folder.name}/{file.name}"
        ) from problem
    return path


def check(path: Path, sha256: str, advice: str) -> None:
    """Raise DataError unless the file at `path` is there and has this SHA-256."""
    if not path.is_file():
        raise DataError(f"{path}: expected a file, found none. {advice}")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DataError(
            f"{path}: expected SHA-256 {sha256}, found {found} ({len(content):,} bytes): the file "
            f"is cut short or altered, and was not used. {advice}"
        )


def load_cifar(name: str, root: Path) -> Parts:
    """CIFAR-10 or CIFAR-100 (fine labels): 50,000 + 10,000 images, (N, 3, 32, 32).

    From the first of these that is in root/name or in root: the published archive, the folder that
    torchvision unpacks, and for CIFAR-100 an .npz of arrays; else the archive is downloaded.
    """
    places, archive = (root / name, root), FILES[name][0].name
    if any((place / archive).exists() for place in places):
        return cifar.from_archive(name, obtain(name, root)[0])
    unpacked = {"cifar-10": "cifar-10-batches-py", "cifar-100": "cifar-100-python"}[name]
    for place in places:
        if (place / unpacked).is_dir():
            return cifar.from_unpacked(name, place)
        if (place / f"{name}.npz").exists():
            return cifar.from_npz(name, place / f"{name}.npz")
    return cifar.from_archive(name, obtain(name, root)[0])


def load_reencoded(root: Path) -> Parts:
    """A copy of CIFAR-10 in which 111 of the 60,000 images are JPEG re-encodings."""
    places = [folder / "cifar-10.npz" for folder in (root / "cifar-10", root)]
    for path in places:
        if path.exists():
            return cifar.from_npz(cifar.REENCODED, path)
    raise DataError(
        f"{places[0]}: found no file. {cifar.REENCODED} is one certain copy of CIFAR-10, which "
        'nobody publishes; load_dataset("cifar-10") gets the published images, and they can be '
        "trained on and compared"
    )


def load_svhn(root: Path) -> Parts:
    """SVHN, cropped digits: 73,257 + 26,032 images, (N, 3, 32, 32); the label is the digit."""
    from torchvision.datasets import SVHN

    read = [SVHN(path.parent, path.name.split("_")[0]) for path in obtain("svhn", root)]
    train, test = (
        Split(torch.from_numpy(part.data).contiguous(), torch.from_numpy(part.labels))
        for part in read
    )
    return list("0123456789"), train, test


def load_tiny_imagenet(root: Path) -> Parts:
    """Tiny ImageNet: 100,000 images (N, 3, 64, 64) in the order of their paths; the 10,000 that
    were published for validation are the test split. Decoding takes about half a minute."""
    [path] = obtain("tiny-imagenet-200", root)
    with zipfile.ZipFile(path) as archive:
        wnids = sorted(lines(archive, "wnids.txt"))
        words = dict(line.split("\t", 1) for line in lines(archive, "words.txt"))
        train = [n for n in sorted(archive.namelist()) if "/train/" in n and n.endswith(".JPEG")]
        notes = [line.split("\t") for line in lines(archive, "val/val_annotations.txt")]
        test = [f"tiny-imagenet-200/val/images/{note[0]}" for note in notes]
        return (
            [words[wnid].split(",")[0].strip() for wnid in wnids],
            decode(archive, train, [wnids.index(name.split("/")[2]) for name in train]),
            decode(archive, test, [wnids.index(note[1]) for note in notes]),
        )


def lines(archive: zipfile.ZipFile, name: str) -> list[str]:
    return archive.read(f"tiny-imagenet-200/{name}").decode(errors="replace").splitlines()


def decode(archive: zipfile.ZipFile, names: list[str], labels: list[int]) -> Split:
    """The JPEG files of these names as images (N, 3, 64, 64); the grey ones become colour."""
    images = np.empty((len(names), 64, 64, 3), np.uint8)
    for row, name in enumerate(names):
        images[row] = np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB"))
    return Split(torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), torch.tensor(labels))


LOADERS: dict[str, Callable[[Path], Parts]] = {
    "cifar-10": partial(load_cifar, "cifar-10"),
    "cifar-100": partial(load_cifar, "cifar-100"),
    cifar.REENCODED: load_reencoded,
    "svhn": load_svhn,
    "tiny-imagenet-200": load_tiny_imagenet,
}
