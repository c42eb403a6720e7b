"""Load a data set by name, as uint8 tensors on one device, with fixed splits. No worker
processes."""

from __future__ import annotations

import gzip
import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import torch

from kd_helpers.data.splits import DataError, Dataset, Split, hold_out, last_of_each_class
from kd_helpers.runtime.folders import data_dir

__all__ = ["DataError", "Dataset", "Split", "data_dir", "last_of_each_class", "load_dataset"]

FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

# The four files as published by the authors of Fashion-MNIST: SHA-256 of the gzip file.
FASHION_FILES = {
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
VALIDATION_PER_CLASS = 600


def load_dataset(
    name: str, device: torch.device | str = "cpu", root: Path | None = None
) -> Dataset:
    """Load a data set by name; every call gives the same splits.

    | name | images | training + validation + test | published by |
    | --- | --- | --- | --- |
    | fashion-mnist | (N, 1, 28, 28) | 54,000 + 6,000 + 10,000 | Xiao, Rasul and Vollgraf 2017 |
    | cifar-10 | (N, 3, 32, 32) | 45,000 + 5,000 + 10,000 | Krizhevsky 2009 |
    | cifar-100 | (N, 3, 32, 32) | 45,000 + 5,000 + 10,000, fine labels | Krizhevsky 2009 |
    | svhn | (N, 3, 32, 32) | 65,937 + 7,320 + 26,032 | Netzer et al. 2011 |
    | tiny-imagenet-200 | (N, 3, 64, 64) | 90,000 + 10,000 + 10,000 | Le and Yang 2015 |

    Validation is the last tenth of each class (rounded down) in the published training part, in
    the order of its file: 600 images a class of Fashion-MNIST, 500 of CIFAR-10, 50 of CIFAR-100
    and of Tiny ImageNet (there in the order of the file names). The test split is the published
    one; of Tiny ImageNet, whose test images have no labels, it is the published validation part.

    Fashion-MNIST comes with the course. The others are downloaded at the first call unless their
    files are there; `data/README.md` says which files, and where they may lie.

    Args:
        name: as above.
        device: where the tensors live for the whole run.
        root: the folder that holds the data set's folder; `data/` of the repository by default.

    Returns:
        Three splits: images uint8 in 0..255, labels int64.

    Raises:
        ValueError: the name is unknown. DataError: a file is missing, cut short or altered, or
            could not be downloaded.
    """
    if name not in LOADERS:
        raise ValueError(f"unknown data set {name!r}; known: {', '.join(LOADERS)}")
    return LOADERS[name](Path(root) if root else data_dir(), torch.device(device))


def load_fashion_mnist(root: Path, device: torch.device) -> Dataset:
    raw = {
        file: read_idx(root / "fashion-mnist" / file, sha) for file, sha in FASHION_FILES.items()
    }
    published, test = (
        Split(
            torch.from_numpy(raw[f"{part}-images-idx3-ubyte.gz"]).unsqueeze(1).to(device),
            torch.from_numpy(raw[f"{part}-labels-idx1-ubyte.gz"]).long().to(device),
        )
        for part in ("train", "t10k")
    )
    held_out = last_of_each_class(published.labels, VALIDATION_PER_CLASS)
    return Dataset("fashion-mnist", FASHION_CLASSES, *hold_out(published, held_out), test)


def load_paper_data(name: str, root: Path, device: torch.device) -> Dataset:
    from kd_helpers.data import cifar_svhn as paper_data  # only now: most readers never need it

    return paper_data.LOADERS[name](root, device)


def read_idx(path: Path, sha256: str) -> np.ndarray:
    """Read a gzipped IDX file of bytes, after checking that it is the published file."""
    advice = (
        "Get the published file back with `git checkout -- data/fashion-mnist`, "
        "or set KD_DATA to a folder that has it."
    )
    if not path.is_file():
        raise DataError(f"{path}: expected a file, found none. {advice}")
    packed = path.read_bytes()
    found = hashlib.sha256(packed).hexdigest()
    if found != sha256:
        raise DataError(
            f"{path}: expected SHA-256 {sha256}, found {found} ({len(packed):,} bytes): "
            f"the file is cut short or altered. {advice}"
        )
    content = gzip.decompress(packed)
    dimensions = content[3]  # IDX: two zero bytes, the type (8 = uint8), the number of dimensions
    shape = np.frombuffer(content, ">i4", count=dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape).copy()


LOADERS = {
    "fashion-mnist": load_fashion_mnist,
    "cifar-10": partial(load_paper_data, "cifar-10"),
    "cifar-100": partial(load_paper_data, "cifar-100"),
    "svhn": partial(load_paper_data, "svhn"),
    "tiny-imagenet-200": partial(load_paper_data, "tiny-imagenet-200"),
}
