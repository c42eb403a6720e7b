"""Load a data set by name: uint8 tensors on one device, fixed splits, no worker processes."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from kd_helpers.data import own, published
from kd_helpers.data.splits import DataError, Dataset, Split, hold_out, last_of_each_class
from kd_helpers.runtime.folders import data_dir

__all__ = ["DataError", "Dataset", "Split", "data_dir", "last_of_each_class", "load_dataset"]

FASHION_CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)

# The four files as published by the authors of Fashion-MNIST: SHA-256 of the gzip file.
FASHION_SUMS = {
    "train-images-idx3": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
FASHION_FILES = {f"{name}-ubyte.gz": sha256 for name, sha256 in FASHION_SUMS.items()}


def load_dataset(
    name: str, device: torch.device | str = "cpu", root: Path | None = None
) -> Dataset:
    """Load a data set by name; every call gives the same splits.

    | name | images | training + validation + test | published by |
    | --- | --- | --- | --- |
    | fashion-mnist | (N, 1, 28, 28) | 54,000 + 6,000 + 10,000 | Xiao, Rasul and Vollgraf 2017 |
    | cifar-10 | (N, 3, 32, 32) | 45,000 + 5,000 + 10,000 | Krizhevsky 2009 |
    | cifar-100 | (N, 3, 32, 32) | 45,000 + 5,000 + 10,000, fine labels | Krizhevsky 2009 |
    | cifar-10-reencoded | (N, 3, 32, 32) | the same, 111 images re-encoded | nobody: a copy |
    | svhn | (N, 3, 32, 32) | 65,937 + 7,320 + 26,032 | Netzer et al. 2011 |
    | tiny-imagenet-200 | (N, 3, 64, 64) | 90,000 + 10,000 + 10,000 | Le and Yang 2015 |

    Validation is the last tenth of each class (rounded down) in the published training part, in
    the order of its file: 600 images a class of Fashion-MNIST, 500 of CIFAR-10, 50 of CIFAR-100
    and of Tiny ImageNet (there in the order of the file names). CIFAR's images come class by
    class. The test split is the published one; of Tiny ImageNet, whose test images have no
    labels, it is the published validation part.

    Fashion-MNIST comes with the course. The others are downloaded at the first call unless their
    files are there; `data/README.md` says which files, and where they may lie.

    Args:
        name: as above, or the key of a data set of one's own, "own:…".
        device: where the tensors live for the whole run.
        root: the folder that holds the data set's folder; `data/` of the repository by default.

    Returns:
        Three splits: images uint8 in 0..255, labels int64.

    Raises:
        ValueError: the name is unknown. DataError: a file is missing, cut short or altered, or
            could not be downloaded.
    """
    check_name(name)
    if name.startswith(own.OWN):
        return own.load(name).to(device)
    classes, whole, test = LOADERS[name](Path(root) if root else data_dir())
    train, val = hold_out(whole, last_of_each_class(whole.labels))
    return Dataset(name, tuple(classes), train, val, test, key=name).to(device)


def check_name(name: str) -> None:
    """Raise ValueError unless `load_dataset` knows what is meant."""
    if name not in LOADERS and not str(name).startswith(own.OWN):
        raise ValueError(
            f"unknown data set {name!r}; known: {', '.join(LOADERS)}; for images of your own give "
            "the object that image_folder(…) or from_arrays(…) makes"
        )


def key_of(data: str | Dataset) -> str:
    """What names a data set in a recipe; one of one's own is kept in `out/data` for it."""
    if isinstance(data, Dataset):
        return data.key or own.keep(data).key
    check_name(data)
    return data


def load_fashion_mnist(root: Path) -> published.Parts:
    """Fashion-MNIST: 60,000 + 10,000 images, (N, 1, 28, 28), in the order of their files."""
    images, labels, test_images, test_labels = (
        read_idx(root / "fashion-mnist" / name, sha256) for name, sha256 in FASHION_FILES.items()
    )
    train = Split(images.unsqueeze(1), labels.long())
    return list(FASHION_CLASSES), train, Split(test_images.unsqueeze(1), test_labels.long())


def read_idx(path: Path, sha256: str) -> torch.Tensor:
    """Read a gzipped IDX file of bytes, after checking that it is the published file."""
    advice = (
        "Get the published file back with `git checkout -- data/fashion-mnist`, "
        "or set KD_DATA to a folder that has it."
    )
    published.check(path, sha256, advice)
    content = gzip.decompress(path.read_bytes())
    dimensions = content[3]  # IDX: two zero bytes, the type (8 = uint8), the number of dimensions
    shape = np.frombuffer(content, ">i4", count=dimensions, offset=4)
    pixels = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
    return torch.from_numpy(pixels.reshape(shape).copy())


LOADERS: dict[str, Callable[[Path], published.Parts]] = {
    "fashion-mnist": load_fashion_mnist,
    **published.LOADERS,
}
