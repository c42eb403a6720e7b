"""Small files in the formats of the published data sets, and what a loader must make of them."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat
from torchvision.datasets import CIFAR10, CIFAR100, SVHN

from kd_helpers.data import cifar, published
from kd_helpers.data.published import PublishedFile

CIFAR = {"cifar-10": CIFAR10, "cifar-100": CIFAR100}
WORDS = "n00001740\tentity\nn01443537\tgoldfish, Carassius auratus\nn02124075\tEgyptian cat\n"


def publish(monkeypatch, name: str, folder: Path) -> Path:
    """From now on the small files in the folder are the published ones; the path of the first."""
    paths = [folder / name / file.name for file in published.FILES[name]]
    monkeypatch.setitem(published.FILES, name, [as_published(path) for path in paths])
    for part, path in zip(("train", "test"), paths, strict=False):
        if name == "svhn":
            md5 = hashlib.md5(path.read_bytes()).hexdigest()
            monkeypatch.setitem(SVHN.split_list, part, ["", path.name, md5])
    if name in CIFAR:
        publish_members(monkeypatch, CIFAR[name], paths[0])
    return paths[0]


def publish_pixels(monkeypatch, name: str, classes: list[str], *parts: np.ndarray) -> None:
    """From now on these are the pixels (N, 32, 32, 3) of a CIFAR data set, class by class."""

    def sha(content) -> bytes:
        return hashlib.sha256(content).digest()

    ordered = [sha(part.tobytes()).hex() for part in parts]
    unordered = [sha(b"".join(sorted(sha(image.tobytes()) for image in part))) for part in parts]
    whole = sha(json.dumps(classes).encode()).hex()
    pixels = cifar.Pixels(whole, *ordered, *(one.hex() for one in unordered))
    monkeypatch.setitem(cifar.PIXELS, name, pixels)


def as_published(path: Path) -> PublishedFile:
    """The file at `path`, as if its authors had published exactly that, beside where it is."""
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    return PublishedFile(path.name, len(content), sha256, path.as_uri())


def publish_members(monkeypatch, reader: type, archive: Path) -> None:
    """Tell torchvision the checksums of the pickles in an archive."""
    with tarfile.open(archive) as tar:
        contents = {Path(m.name).name: tar.extractfile(m).read() for m in tar.getmembers()}
    md5s = {name: hashlib.md5(content).hexdigest() for name, content in contents.items()}
    for files in ("train_list", "test_list"):
        new = [[name, md5s[name]] for name, _ in getattr(reader, files)]
        monkeypatch.setattr(reader, files, new)
    monkeypatch.setitem(reader.meta, "md5", md5s[reader.meta["filename"]])


def pictures(labels: list[int], seed: int) -> np.ndarray:
    """Random images (N, 3, 32, 32) uint8, one for each label."""
    return np.random.default_rng(seed).integers(0, 256, (len(labels), 3, 32, 32), np.uint8)


def write_cifar(folder: Path, name: str, labels: list[int], test_labels: list[int]) -> None:
    """The archive of CIFAR-10 or CIFAR-100; the training images have seed 0, the others 1."""
    reader, images = CIFAR[name], pictures(labels, 0)
    key = "labels" if name == "cifar-10" else "fine_labels"
    members = {
        reader.meta["filename"]: {
            reader.meta["key"]: [f"class {k}" for k in range(1 + max(labels))]
        }
    }
    for n, (member, _) in enumerate(reader.train_list):
        part = slice(n * len(labels) // len(reader.train_list), None)
        part = slice(part.start, (n + 1) * len(labels) // len(reader.train_list))
        members[member] = {"data": images[part].reshape(-1, 3072), key: labels[part]}
    test = pictures(test_labels, 1).reshape(-1, 3072)
    members[reader.test_list[0][0]] = {"data": test, key: test_labels}
    pack(folder / name / reader.filename, reader.base_folder, members)


def pack(path: Path, folder: str, members: dict[str, object]) -> None:
    """Write pickles of the members to a .tar.gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, member in members.items():
            content = pickle.dumps(member, 2)
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def write_svhn(folder: Path, labels: list[int], test_labels: list[int]) -> None:
    """The two .mat files: X (32, 32, 3, N), y (N, 1), the digit 0 stored as 10."""
    (folder / "svhn").mkdir(parents=True, exist_ok=True)
    for seed, (part, some) in enumerate((("train", labels), ("test", test_labels))):
        digits = np.array([label or 10 for label in some], np.uint8)[:, None]
        images = pictures(some, seed).transpose(2, 3, 1, 0)
        path = folder / "svhn" / f"{part}_32x32.mat"
        savemat(path, {"X": images, "y": digits}, do_compression=True)


def colour(number: int) -> tuple[int, int, int]:
    """Colours that are at least 8 apart, so that JPEG cannot mix them up; the first is grey."""
    return (8, 8, 8) if number == 0 else (8 * number, 250 - 8 * number, 128)


def jpeg(number: int) -> bytes:
    """A picture of one colour, 64x64."""
    content = io.BytesIO()
    grey = Image.new("L", (64, 64), 8)
    picture = grey if number == 0 else Image.new("RGB", (64, 64), colour(number))
    picture.save(content, "JPEG", quality=100, subsampling=0)
    return content.getvalue()


def write_tiny_imagenet(folder: Path, counts: dict[str, int], test: list[str]) -> None:
    """A zip file with `counts[wnid]` training pictures, numbered on; so are those of `test`."""
    (folder / "tiny-imagenet-200").mkdir(parents=True, exist_ok=True)
    names = [f"train/{wnid}/images/{wnid}_{n}.JPEG" for wnid in counts for n in range(counts[wnid])]
    names += [f"val/images/val_{n}.JPEG" for n in range(len(test))]
    files = {name: jpeg(number) for number, name in enumerate(names)}
    files["wnids.txt"] = "".join(f"{wnid}\n" for wnid in counts)
    files["words.txt"] = WORDS
    files["val/val_annotations.txt"] = "".join(
        f"val_{n}.JPEG\t{wnid}\t0\t0\t63\t63\n" for n, wnid in enumerate(test)
    )
    files["test/images/test_0.JPEG"] = jpeg(0)
    with zipfile.ZipFile(folder / "tiny-imagenet-200/tiny-imagenet-200.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(f"tiny-imagenet-200/{name}", content)
