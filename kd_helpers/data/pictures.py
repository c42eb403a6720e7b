"""One picture file of any kind to uint8 pixels of one shape, and many of them at a time.

Pillow reads the files; what is decided here is what becomes of size, colour and depth.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from kd_helpers.data.remarks import readable
from kd_helpers.data.splits import DataError
from kd_helpers.runtime.memory import free_memory

# What Pillow reads by itself, without other programs (as for EPS) and without surprises.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF", "ICO", "TGA")
FITTED = {  # fit → what is said of it
    "crop": "of pictures that are not square, the middle is kept",
    "pad": "pictures that are not square have black beside them",
}
MOST_PIXELS = 89_478_485  # Pillow's own limit, above which it warns of a decompression bomb
MEMORY_SHARE = 0.7  # of what is free, for the pictures; the rest is for the training
# How the files begin that are met among pictures and are none.
OTHERS = {
    b"PK\x03\x04": "a zip archive",
    b"%PDF": "a PDF file",
    b"version https://git-lfs": "a Git LFS pointer: get the picture itself with `git lfs pull`",
    b"<!doctype html": "a web page: the download went wrong",
    b"<html": "a web page: the download went wrong",
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML file, such as an SVG drawing",
    b"\x1f\x8b": "a gzip archive",
}
# How pictures begin; \xff\xd8 is JPEG's mark.
PICTURES = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")

Source = str | os.PathLike | bytes  # a path, or the content of a file


class PictureError(ValueError):
    """A file cannot be used as a picture; the message is the reason, without the file's name."""


@dataclass(frozen=True)
class Shape:
    """What every picture becomes: (channels, size, size) uint8.

    "crop" scales the shorter side to `size` and cuts the middle out; "pad" scales the longer side
    and puts black beside it. Scaling is bilinear with antialiasing, as torchvision's.
    """

    size: int
    channels: int = 3  # 1: grey, 3: RGB
    fit: str = "crop"

    def __post_init__(self) -> None:
        if type(self.size) is not int or self.size < 1:
            raise ValueError(
                f"got size={self.size!r}; expected a whole number of pixels, 1 or more"
            )
        if self.channels not in (1, 3):
            raise ValueError(f"got channels={self.channels!r}; expected 1 (grey) or 3 (RGB)")
        if self.fit not in FITTED:
            raise ValueError(f"got fit={self.fit!r}; expected {' or '.join(map(repr, FITTED))}")

    @property
    def mode(self) -> str:
        return "L" if self.channels == 1 else "RGB"

    @property
    def bytes(self) -> int:
        """Of one picture."""
        return self.channels * self.size**2


def check_room(count: int, shape: Shape) -> None:
    """Raise DataError, with a size that would do, unless there is memory for `count` pictures."""
    free, needed = free_memory(), count * shape.bytes
    if free is None or needed < MEMORY_SHARE * free:
        return
    size = math.isqrt(int(MEMORY_SHARE * free / (count * shape.channels)))
    size = size // 8 * 8 or size
    advice = f"size={size} would do" if size else "there is no size that would do"
    raise DataError(
        f"{count:,} pictures of {shape.channels}×{shape.size}×{shape.size} need "
        f"{needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free, of which "
        f"{MEMORY_SHARE:.0%} may be used: {advice}"
    )


def read_pictures(
    sources: Sequence[Source], shape: Shape, bar: tqdm | None = None
) -> tuple[np.ndarray, dict[int, str]]:
    """Decode files in threads: Pillow's work is done without Python's lock.

    Args:
        sources: paths, or contents of files.
        bar: goes on by one with each picture; one of its own without.

    Returns:
        (images (N, C, size, size) uint8, problems: row → why it could not be used). The row of a
        problem is black.
    """
    images = np.zeros((len(sources), shape.channels, shape.size, shape.size), np.uint8)
    problems: dict[int, str] = {}
    own = bar is None
    bar = progress("decoding", len(sources)) if bar is None else bar

    def read(row: int) -> None:
        try:
            images[row] = read_picture(sources[row], shape)
        except PictureError as problem:
            problems[row] = str(problem)

    Image.init()  # not in several threads at once
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as pool:
        warnings.simplefilter("ignore")  # about damaged metadata, and sizes that are judged here
        try:
            for _ in pool.map(read, range(len(sources))):
                bar.update()
        finally:  # Ctrl-C waits for two pictures, not for all
            pool.shutdown(cancel_futures=True)
    if own:
        bar.close()
    return images, problems


def progress(what: str, total: int) -> tqdm:
    """A bar for those who wait longer than three seconds."""
    return tqdm(desc=what, total=total, unit="image", delay=3, mininterval=1, leave=False)


def read_picture(source: Source, shape: Shape) -> np.ndarray:
    """One picture (C, size, size) uint8: turned as its EXIF data say, transparent parts white,
    16 bits scaled to 8, of an animation the first frame.

    Raises:
        PictureError: the file is missing, empty, cut short, too large, or no picture.
    """
    try:
        return to_pixels(opened(source, shape), shape)
    except PictureError:
        raise
    except Exception as problem:  # Pillow's readers let nearly any error out of a damaged file
        raise PictureError(reason_of(problem, source)) from problem


def to_pixels(picture: Image.Image, shape: Shape) -> np.ndarray:
    """An opened picture of any mode and size as (C, size, size) uint8."""
    pixels = np.asarray(fitted(flat(picture, shape.mode), shape))
    return pixels.reshape(shape.size, shape.size, shape.channels).transpose(2, 0, 1)


def opened(source: Source, shape: Shape) -> Image.Image:
    """The picture with its pixels decoded, upright. JPEG files are decoded at a half, a quarter or
    an eighth of their size where that leaves at least twice as many pixels a side as are needed."""
    picture = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, "r", FORMATS)
    if picture.format in ("JPEG", "MPO"):
        picture.draft(shape.mode, draft_size(picture.size, shape))
    if picture.width * picture.height > MOST_PIXELS:
        raise PictureError(f"{picture.width:,}×{picture.height:,} pixels: a decompression bomb?")
    picture.load()
    with contextlib.suppress(Exception):  # where the EXIF data are damaged, the pixels may be fine
        ImageOps.exif_transpose(picture, in_place=True)
    return picture


def draft_size(size: tuple[int, int], shape: Shape) -> tuple[int, int]:
    """The least width and height to decode: twice what is needed."""
    side = min(size) if shape.fit == "crop" else max(size)
    width, height = (max(1, 2 * shape.size * length // side) for length in size)
    return width, height


def flat(picture: Image.Image, mode: str) -> Image.Image:
    """The picture in 8 bits, grey ("L") or colour ("RGB"), without transparency."""
    if picture.mode.startswith(("I", "F")):
        picture = eight_bits(picture)
    if picture.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture if picture.mode == mode else picture.convert(mode)


def eight_bits(picture: Image.Image) -> Image.Image:
    """Grey values of 16 bits, 0..65535, as 0..255; Pillow itself would cut them off at 255."""
    values = np.asarray(picture)
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() > 65_535:
        raise PictureError(
            f"pixels from {values.min():g} to {values.max():g}, whose black and white are unknown; "
            "save it with 8 or 16 bits a channel"
        )
    return Image.fromarray(np.round(values / 257).astype(np.uint8))


def fitted(picture: Image.Image, shape: Shape) -> Image.Image:
    """The picture at (size, size), cropped or padded."""
    width, height = picture.size
    if shape.fit == "crop":
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        box = (left, top, left + side, top + side)
        return picture.resize((shape.size, shape.size), Image.Resampling.BILINEAR, box)
    inner = [max(1, round(length * shape.size / max(width, height))) for length in (width, height)]
    small = picture.resize((inner[0], inner[1]), Image.Resampling.BILINEAR)
    whole = Image.new(shape.mode, (shape.size, shape.size))
    whole.paste(small, ((shape.size - inner[0]) // 2, (shape.size - inner[1]) // 2))
    return whole


def reason_of(problem: Exception, source: Source) -> str:
    """Why a file could not be read, in words for its owner."""
    if isinstance(problem, Image.DecompressionBombError):
        return "more than 178 million pixels: a decompression bomb?"
    if isinstance(problem, OSError) and problem.strerror:
        return f"cannot be opened ({problem.strerror})"
    start = source[:64] if isinstance(source, bytes) else first_bytes(source)
    if not start:
        return "empty, 0 bytes"
    if b"ftyphei" in start or b"ftypmif1" in start:
        return "a HEIC picture; save it as JPEG or PNG"
    if isinstance(problem, Image.UnidentifiedImageError):
        if start.startswith(PICTURES):
            return "cut short, damaged at its beginning, or of a kind that Pillow cannot read"
        kinds = (words for mark, words in OTHERS.items() if start.lower().startswith(mark.lower()))
        return f"no picture, but {next(kinds, 'a file of another kind')}"
    if "truncated" in str(problem):
        return "cut short"
    return f"damaged ({type(problem).__name__}: {problem})"


def first_bytes(path: str | os.PathLike) -> bytes:
    with open(path, "rb") as file:
        return file.read(64)


def left_out(
    where: Path | str, total: int, problems: Mapping[str, str], skip_problems: bool
) -> list[str]:
    """What is to be said of files that cannot be used, if there are any and they may be skipped.

    Raises:
        DataError: they may not.
    """
    if problems and not skip_problems:
        advice = "Mend or delete them, or pass skip_problems=True to leave them out."
        raise DataError(f"{told(str(where), total, problems)}\n{advice}")
    return [f"left out, {told(Path(where).name, total, problems)}"] * bool(problems)


def told(name: str, total: int, problems: Mapping[str, str], most: int = 20) -> str:
    """What cannot be used of `total` files, each with its reason; of many the first."""
    lines = [f"  {readable(path)}: {why}" for path, why in sorted(problems.items())]
    more = [f"  and {len(lines) - most:,} more"] if len(lines) > most else []
    head = f"{name}: {len(lines):,} of {total:,} files could not be used:"
    return "\n".join([head, *lines[:most], *more])
