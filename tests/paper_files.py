"""Small files in the formats of the published data sets, and what a loader must make of them."""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from kd_helpers.data.downloads import PublishedFile

WNIDS = ("n02124075", "n01443537", "n07920052")  # in the order of wnids.txt, not of the labels
WORDS = "n00001740\tentity\nn01443537\tgoldfish, Carassius auratus\nn02124075\tEgyptian cat\nn07920052\tespresso\n"
UINT8 = (
    b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNN" + b"J\xff\xff\xff\xff" * 2 + b"K\x00tb"
)


def as_published(path: Path) -> PublishedFile:
    """The file at `path`, as if its authors had published exactly that."""
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    return PublishedFile(path.name, len(content), sha256, (f"http://127.0.0.1:9/{path.name}",))


def md5_of(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def pictures(labels: list[int], seed: int) -> np.ndarray:
    """Random images (N, 3, 32, 32) uint8, one for each label."""
    return np.random.default_rng(seed).integers(0, 256, (len(labels), 3, 32, 32), np.uint8)


def split_of(labels) -> tuple[list[int], list[int]]:
    """Rows for training and for validation: the last tenth of each class, counted one by one."""
    labels = list(labels)
    left = {label: labels.count(label) // 10 for label in labels}
    val = []
    for row in reversed(range(len(labels))):
        if left[labels[row]]:
            left[labels[row]] -= 1
            val.insert(0, row)
    return [row for row in range(len(labels)) if row not in val], val


def python_2_pickle(value) -> bytes:
    """What Python 2 pickled with protocol 2; Python 3 writes byte strings in another way."""
    return b"\x80\x02" + python_2_value(value) + b"."


def python_2_value(value) -> bytes:
    if isinstance(value, bytes):
        short = len(value) < 256
        return (
            b"U" + bytes([len(value)]) if short else b"T" + struct.pack("<i", len(value))
        ) + value
    if isinstance(value, int):
        return b"K" + bytes([value]) if value < 256 else b"J" + struct.pack("<i", value)
    if isinstance(value, list):
        return b"](" + b"".join(map(python_2_value, value)) + b"e"
    if isinstance(value, dict):
        pairs = (python_2_value(key) + python_2_value(item) for key, item in value.items())
        return b"}(" + b"".join(pairs) + b"u"
    shape = b"(" + b"".join(map(python_2_value, value.shape)) + b"t"
    begin = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    return begin + b"(K\x01" + shape + UINT8 + b"\x89" + python_2_value(value.tobytes()) + b"tb"


def batch(images: np.ndarray, **lists) -> bytes:
    names = [f"picture_{row}.png".encode() for row in range(len(images))]
    content = {b"batch_label": b"testing batch 1 of 1", b"data": images.reshape(len(images), -1)}
    lists = {key.encode(): list(values) for key, values in lists.items()}
    return python_2_pickle({**content, **lists, b"filenames": names})


def pack(path: Path, folder: str, members: dict[str, bytes]) -> Path:
    """Write members to a .tar.gz, last one first, as the published order is not that of the
    names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo(f"{folder}/readme.html"))
        for name, content in reversed(members.items()):
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def cifar_10(labels: list[int], test_labels: list[int]) -> dict[str, bytes]:
    """The members of the archive; the training images (seed 0) in five batches, test seed 1."""
    images, size = pictures(labels, 0), len(labels) // 5
    parts = [slice(start, start + size) for start in range(0, len(labels), size)]
    members = {
        f"data_batch_{n}": batch(images[part], labels=labels[part])
        for n, part in enumerate(parts, 1)
    }
    members["test_batch"] = batch(pictures(test_labels, 1), labels=test_labels)
    names = [b"plane", b"car", b"bird"]
    meta = {b"num_cases_per_batch": 10_000, b"label_names": names, b"num_vis": 3072}
    return {**members, "batches.meta": python_2_pickle(meta)}


def cifar_100(labels: list[int], test_labels: list[int]) -> dict[str, bytes]:
    """The same for CIFAR-100, whose pictures have a fine and a coarse label."""
    train, test = (
        batch(pictures(some, seed), coarse_labels=[19 - s for s in some], fine_labels=some)
        for seed, some in enumerate((labels, test_labels))
    )
    meta = {b"fine_label_names": [b"apple", b"baby"], b"coarse_label_names": [b"fruit", b"people"]}
    return {"train": train, "test": test, "meta": python_2_pickle(meta)}


def house_numbers(path: Path, labels: list[int], seed: int) -> Path:
    """A .mat file: X (32, 32, 3, N), y (N, 1), the digit 0 stored as 10."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digits = np.array([label or 10 for label in labels], np.uint8)[:, None]
    images = pictures(labels, seed).transpose(2, 3, 1, 0)
    savemat(path, {"X": images, "y": digits}, do_compression=True)
    return path


def colour(number: int) -> tuple[int, int, int]:
    """Colours that are at least 8 apart, so that JPEG cannot mix them up."""
    return 8 * (number % 30), 250 - 8 * (number % 30), 8 * (number // 30)


def jpeg(number: int, mode: str = "RGB") -> bytes:
    """A picture of one colour, 64x64; a grey one with mode "L"."""
    content = io.BytesIO()
    filling = colour(number) if mode == "RGB" else colour(number)[0]
    Image.new(mode, (64, 64), filling).save(content, "JPEG", quality=100, subsampling=0)
    return content.getvalue()


def tiny_imagenet(path: Path, counts: dict[str, int], test: list[str], grey: str) -> list[int]:
    """A zip file with `counts[wnid]` training pictures; returns their numbers in sorted order.

    The pictures are numbered as they are written; the test pictures get 60, 61 and so on.
    The training picture with the name `grey` is a grey one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [f"{wnid}_{n}.JPEG" for wnid, count in counts.items() for n in range(count)]
    with zipfile.ZipFile(path, "w") as archive:

        def add(name: str, content: str | bytes) -> None:
            archive.writestr(f"tiny-imagenet-200/{name}", content)

        add("wnids.txt", "".join(f"{wnid}\n" for wnid in counts))
        add("words.txt", WORDS)
        for number, name in enumerate(names):
            mode = "L" if name == grey else "RGB"
            add(f"train/{name.split('_')[0]}/images/{name}", jpeg(number, mode))
        for wnid in counts:
            add(f"train/{wnid}/{wnid}_boxes.txt", f"{wnid}_0.JPEG\t0\t0\t63\t63\n")
        for number, _ in enumerate(test):
            add(f"val/images/val_{number}.JPEG", jpeg(60 + number))
        notes = [f"val_{n}.JPEG\t{wnid}\t0\t0\t63\t63\n" for n, wnid in enumerate(test)]
        add("val/val_annotations.txt", "".join(notes))
        add("test/images/test_0.JPEG", jpeg(0))
    return [names.index(name) for name in sorted(names)]
