"""The exercise's folders: the pictures as they were, and with a delivery of new ones of which
many are pictures of test/, changed a little."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
from PIL import Image

from kd_course.nb10_own_pictures.folder import (
    SIZES,
    draw_pictures,
    make_folder,
    place,
    png,
    write_folder,
)
from kd_course.nb10_own_pictures.mend import mended

EVERY, VERSIONS = 2, 3  # every second picture of test/ is in the delivery, in three versions


def make_delivery() -> tuple[Path, Path]:
    """(the folder without its faults, the same with the delivery in train/)."""
    with contextlib.redirect_stdout(None):
        before = mended(make_folder())
    after = place() / "delivery" / before.name
    if after.is_dir():
        return before, after
    files: dict[str, bytes | Path] = {
        path.relative_to(before).as_posix(): path for path in sorted(before.rglob("*.png"))
    }
    tests = [path for path in files if path.startswith("test/")]
    random = np.random.default_rng(18)
    copies = [
        (path, changed(before / path, random)) for path in tests[::EVERY] for _ in range(VERSIONS)
    ]
    delivered = [*draw_pictures("more").items(), *copies]
    numbers = random.permutation(len(delivered))  # so that no name tells which is which
    for number, (path, picture) in zip(numbers, delivered, strict=True):
        files[f"train/{path.split('/')[1]}/NEW_{number:04}.png"] = png(picture)
    return before, write_folder(after, files)


def changed(path: Path, random: np.random.Generator) -> Image.Image:
    """A picture as if it had been sent about: another size, a little brighter or darker, and the
    traces of JPEG."""
    brightness, content = random.uniform(0.96, 1.04), io.BytesIO()
    with Image.open(path) as picture:
        side = sum(SIZES) - picture.width
        bright = picture.point(lambda value: value * brightness)
    other = bright.resize((side, side), Image.Resampling.BICUBIC)
    other.save(content, "jpeg", quality=90, subsampling=0)
    return Image.open(content)
