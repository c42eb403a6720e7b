"""What is in a folder of pictures, before anything is trained: `kd data look PATH`."""

from __future__ import annotations

import os
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from kd_helpers.data.folder_layout import Folder, PictureFile, scan
from kd_helpers.data.pictures import FORMATS, Shape, progress, read_pictures, told
from kd_helpers.data.remarks import few, readable
from kd_helpers.data.splits import PARTS, DataError
from kd_helpers.data.three_splits import digests, numbered, plan
from kd_helpers.runtime.files import replacing
from kd_helpers.runtime.folders import out_dir
from kd_helpers.runtime.memory import free_memory

MOST = 40  # classes in the table and on the contact sheet
EACH = 8  # pictures of a class on the contact sheet
GAP = 2  # white pixels round each of them
BATCH = 1000  # pictures in memory at a time


@dataclass(frozen=True)
class Seen:
    """The pictures that can be used: digests of their pixels by row, and those for the sheet."""

    prints: dict[int, bytes]
    shown: dict[int, np.ndarray]
    problems: dict[str, str]


def look(
    path: str | os.PathLike, *, size: int = 64, channels: int = 3, fit: str = "crop"
) -> tuple[list[str], Path]:
    """A folder as `image_folder` would read it. Nothing is kept but the contact sheet.

    Returns:
        (lines of text: classes and splits, sizes and kinds of files, copies, problems, memory;
        the contact sheet, a PNG file in out/look)

    Raises:
        DataError: there is no such folder, or it has not the layout of classes.
    """
    shape, folder = Shape(size, channels, fit), scan(path)
    seen = see(folder, shape)
    sheet = out_dir() / "look" / f"{folder.root.name}.png"
    rows = list(by_class(folder).items())[:MOST]
    write_sheet(
        {name: [seen.shown[r] for r in some if r in seen.shown] for name, some in rows}, sheet
    )
    lines = [
        *table(folder, seen),
        *kinds(folder, seen),
        *verdict(folder, seen),
        *copies(folder, seen),
    ]
    if seen.problems:
        total = len(folder.files) + len(folder.problems)
        lines.append(told(str(folder.root), total, seen.problems))
    return [*lines, memory(len(seen.prints), shape), f"contact sheet: {sheet}"], sheet


def see(folder: Folder, shape: Shape) -> Seen:
    """Decode all files, a batch at a time."""
    seen = Seen({}, {}, dict(folder.problems))
    wanted = {row for rows in by_class(folder).values() for row in spread(rows)}
    bar = progress("decoding", len(folder.files))
    for start in range(0, len(folder.files), BATCH):
        files = folder.files[start : start + BATCH]
        images, unread = read_pictures([folder.root / file.path for file in files], shape, bar)
        usable = [row for row in range(len(files)) if row not in unread]
        prints = digests(images)
        seen.prints.update((start + row, prints[row]) for row in usable)
        seen.shown.update(
            (start + row, images[row].copy()) for row in usable if start + row in wanted
        )
        seen.problems.update((files[row].path, why) for row, why in unread.items())
    bar.close()
    return seen


def by_class(folder: Folder) -> dict[str, list[int]]:
    """The rows of the files of each class, in the order of their names."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, file in enumerate(folder.files):
        rows[file.class_name].append(row)
    return dict(sorted(rows.items()))


def spread(rows: list[int]) -> list[int]:
    """A few rows, evenly spaced."""
    return [rows[place] for place in sorted({n * len(rows) // EACH for n in range(EACH)})]


def table(folder: Folder, seen: Seen) -> Iterator[str]:
    """Usable pictures of each class in each split of the folder."""
    files = [folder.files[row] for row in seen.prints]
    parts = [part for part in PARTS if any(file.part == part for file in folder.files)]
    counts = Counter((file.class_name, file.part) for file in files)
    names = list(by_class(folder))
    width = max(map(len, [*names[:MOST], "all"]))
    yield f"{folder.root}: {len(files):,} pictures, {len(names):,} classes"
    yield f"{'':{width}}" + "".join(f"{part:>9}" for part in parts)
    for name in names[:MOST]:
        yield f"{name:{width}}" + "".join(f"{counts[name, part]:9,}" for part in parts)
    if len(names) > MOST:
        yield f"and {len(names) - MOST:,} classes more"
    totals = [sum(file.part == part for file in files) for part in parts]
    yield f"{'all':{width}}" + "".join(f"{total:9,}" for total in totals)
    sizes = sorted((counts[name, "train"], name) for name in names)
    (least, small), (most, large) = sizes[0], sizes[-1]
    yield f"in train from {least:,} ({small}) to {most:,} ({large}) pictures a class"


def kinds(folder: Folder, seen: Seen) -> list[str]:
    """Formats, colours and sizes of the usable files, as their heads say."""
    paths = [folder.root / folder.files[row].path for row in seen.prints]
    if not paths:
        return []
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as pool:
        warnings.simplefilter("ignore")
        heads = list(pool.map(head, paths))
    modes = Counter(f"{kind} {mode}" for kind, mode, _ in heads).most_common()
    sizes = Counter(size for _, _, size in heads)
    widths, heights = zip(*sizes, strict=True)
    [((width, height), common)] = sizes.most_common(1)
    return [
        "kinds of files: " + few([f"{count:,} {mode}" for mode, count in modes]),
        f"sizes: {len(sizes):,} different, {min(widths):,} to {max(widths):,} wide, "
        f"{min(heights):,} to {max(heights):,} high; {width}×{height} most often ({common:,})",
    ]


def head(path: Path) -> tuple[str, str, tuple[int, int]]:
    """Format, mode and size of a picture."""
    with Image.open(path, "r", FORMATS) as picture:
        return str(picture.format), picture.mode, picture.size


def verdict(folder: Folder, seen: Seen) -> list[str]:
    """What `image_folder` would say of it, or why it would refuse."""
    files = [folder.files[row] for row in seen.prints]
    classes, labels = numbered(np.array([file.class_name for file in files]), None)
    parts, prints = [file.part for file in files], list(seen.prints.values())
    try:
        planned, notes = plan(folder.root.name, classes, labels, parts, prints, seed=0)
    except DataError as problem:
        return [*folder.notes, f"image_folder refuses it: {problem}"]
    counts = " + ".join(f"{planned.count(part):,}" for part in PARTS)
    return [*folder.notes, f"image_folder makes {counts} images (train, val, test)", *notes]


def copies(folder: Folder, seen: Seen, most: int = 10) -> list[str]:
    """Files with the same pixels at this size, those in several splits first."""
    groups: dict[bytes, list[PictureFile]] = defaultdict(list)
    for row, print_ in seen.prints.items():
        groups[print_].append(folder.files[row])
    same = [files for files in groups.values() if len(files) > 1]
    same.sort(key=lambda files: -len({file.part for file in files}))
    lines = [f"  {' = '.join(readable(file.path) for file in files[:4])}" for files in same]
    more = [f"  and {len(same) - most:,} more"] if len(same) > most else []
    return ["the same pixels:", *lines[:most], *more] if same else []


def memory(count: int, shape: Shape) -> str:
    free, needed = free_memory(), count * shape.bytes
    have = f", {free / 1e9:.1f} GB are free" if free else ""
    return f"memory at {shape.channels}×{shape.size}×{shape.size}: {needed / 1e9:.2f} GB{have}"


def write_sheet(pictures: Mapping[str, Sequence[np.ndarray]], path: Path) -> None:
    """Write the page as a PNG file.

    Args:
        pictures: class → its pictures, each (C, size, size) uint8, of one shape; none is allowed.
    """
    from matplotlib.figure import Figure

    page, size = grid(pictures)
    figure = Figure(figsize=(page.shape[1] / 60 + 2, page.shape[0] / 60), layout="constrained")
    axes = figure.subplots()
    axes.imshow(page)
    axes.set_xticks([])
    names = [name if len(name) < 40 else f"{name[:38]}…" for name in pictures]
    axes.set_yticks([(n + 0.5) * size for n in range(len(names))], names, parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=120)


def grid(pictures: Mapping[str, Sequence[np.ndarray]]) -> tuple[np.ndarray, int]:
    """A page (H, W, 3) uint8 with a row for each class, and the height of a row."""
    columns = max(1, *map(len, pictures.values()))
    side = next((picture.shape[1] for row in pictures.values() for picture in row), 1)
    size = side + 2 * GAP
    page = np.full((size * len(pictures), size * columns, 3), 255, np.uint8)
    for n, row in enumerate(pictures.values()):
        for m, picture in enumerate(row):
            top, left = n * size + GAP, m * size + GAP
            page[top : top + side, left : left + side] = picture.transpose(1, 2, 0)
    return page, size
