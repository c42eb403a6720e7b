"""Row h: a folder of 10,000 photographs as JPEG files, read the first and the second time."""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from PIL import Image
from sklearn.datasets import load_sample_images

from kd_helpers.data.image_folder import image_folder

WIDTH, HEIGHT = 500, 375


def folder_of_photographs(count: int = 10_000, size: int = 64) -> dict[str, float]:
    """Seconds of `image_folder`: decoding, then from what is kept; and how many images a second."""
    with TemporaryDirectory() as folder, patch.dict(os.environ, KD_OUT=f"{folder}/out"):
        write_photographs(Path(folder) / "photographs", count)
        first, *later = (seconds(Path(folder) / "photographs", size) for _ in range(4))
    return {
        f"{count:,} JPEG files of {WIDTH}×{HEIGHT} at {size}×{size}, first time, s": first,
        "the second time, s": statistics.median(later),
        "first time, images/s": count / first,
    }


def seconds(folder: Path, size: int) -> float:
    start = time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):  # where the numbers may go is not for words
        image_folder(folder, size=size)
    return time.perf_counter() - start


def write_photographs(folder: Path, count: int) -> None:
    """Different windows of the two photographs that come with scikit-learn, in ten classes."""
    photographs = [Image.fromarray(photograph) for photograph in load_sample_images().images]

    def write(n: int) -> None:
        photograph = photographs[n % 2]
        across = photograph.width - WIDTH
        left, top = n // 2 % across, n // 2 // across % (photograph.height - HEIGHT)
        window = photograph.crop((left, top, left + WIDTH, top + HEIGHT))
        window.save(folder / f"class {n // 2 % 10}" / f"{n}.jpg", quality=90)

    for k in range(10):
        (folder / f"class {k}").mkdir(parents=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(write, range(count)))
