"""A folder of pictures with the faults of real ones. It is made from Fashion-MNIST's test images,
which the course's teacher has not seen."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from kd_helpers.data.datasets import load_dataset
from kd_helpers.data.folder_layout import scan
from kd_helpers.runtime.folders import out_dir

# A class of the folder → the labels of Fashion-MNIST in it: the owner's classes are not the
# teacher's. Its shirts are T-shirts too, its shoes of all kinds.
CLASSES = {"coats": (4,), "dresses": (3,), "knitwear": (2,), "shirts": (0, 6), "shoes": (5, 7, 9)}
COUNTS = {  # pictures of each class; there is no dress to be tested on
    "train": {"coats": 180, "dresses": 70, "knitwear": 140, "shirts": 320, "shoes": 90},
    "test": {"coats": 90, "knitwear": 70, "shirts": 150, "shoes": 50},
    "more": {"coats": 40, "dresses": 10, "knitwear": 30, "shirts": 60, "shoes": 20},
}
BROKEN = "train/shirts/IMG_0040.png"
ORIGINAL, COPY = "test/coats/IMG_0007.png", "train/coats/IMG_0181.png"
SIZES = (28, 56)
SAVED_AT = 1_700_000_000  # seconds since 1970: the same files in the same state are decoded once


def place() -> Path:
    """Where the notebook keeps all that it makes."""
    return out_dir() / "own-pictures"


def make_folder() -> Path:
    """The folder `pictures`: train/CLASS/*.png and test/CLASS/*.png. One that is there stays."""
    path = place() / "pictures"
    if path.is_dir():
        return path
    files = {name: png(picture) for name, picture in draw_pictures("train", "test").items()}
    files[BROKEN] = files[BROKEN][: len(files[BROKEN]) // 2]
    files[COPY] = files[ORIGINAL]
    return write_folder(path, files)


def some_picture(folder: Path) -> Path:
    """A file of the folder, from test/ where there is one."""
    files = scan(folder).files
    return folder / next((file for file in files if file.part == "test"), files[0]).path


def draw_pictures(*parts: str) -> dict[str, Image.Image]:
    """PART/CLASS/IMG_NNNN.png → the picture, the same ones in every call."""
    test = load_dataset("fashion-mnist").test
    labels, random, drawn = test.labels.numpy(), np.random.default_rng(10), {}
    for name, own in CLASSES.items():
        rows = iter(random.permutation(np.flatnonzero(np.isin(labels, own))).tolist())
        for part, counts in COUNTS.items():
            for number in range(1, counts.get(name, 0) + 1):
                picture = photographed(test.images[next(rows), 0].numpy(), random)
                drawn[f"{part}/{name}/IMG_{number:04}.png"] = picture
    return {path: picture for path, picture in drawn.items() if path.split("/")[0] in parts}


def photographed(image: np.ndarray, random: np.random.Generator) -> Image.Image:
    """An image (28, 28) as a picture of the folder: grey or in a colour, small or large."""
    picture = Image.fromarray(image)
    colour, side = random.uniform(0.4, 1.0, 3), int(random.choice(SIZES))
    if random.random() < 0.5:
        picture = Image.fromarray((image[:, :, None] * colour).astype(np.uint8))
    return picture.resize((side, side), Image.Resampling.BILINEAR)


def png(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, format="png")
    return content.getvalue()


def write_folder(path: Path, files: Mapping[str, bytes | Path]) -> Path:
    """Write a folder beside its place, then put it there whole; one that is there stays.

    Args:
        files: path below the folder → its content, or the file that it is the same as.
    """
    if path.is_dir():
        return path
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    shutil.rmtree(draft, ignore_errors=True)
    for name, content in files.items():
        file = draft / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copy2(content, file)
        else:
            file.write_bytes(content)
            os.utime(file, (SAVED_AT, SAVED_AT))
    try:
        draft.rename(path)
    except OSError:  # another process was faster
        shutil.rmtree(draft)
    return path
