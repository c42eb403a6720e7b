"""A folder without the faults that can be mended without asking its owner."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

from kd_course.nb10_own_pictures.folder import place, write_folder
from kd_helpers.data.folder_layout import Folder, PictureFile, scan
from kd_helpers.data.look import see
from kd_helpers.data.pictures import Shape

EVERY = 5  # of a class that test/ lacks, every fifth picture moves there


def mended(folder: Path | str, size: int = 64) -> Path:
    """A copy in which no picture of test/ is elsewhere too, and every class can be tested.

    What was done is printed. The folder itself stays as it is; one that needs nothing is returned,
    and so is one without test/: `image_folder` splits it and keeps copies together. Files that
    cannot be read stay out of the copy.

    Args:
        size: in pixels, at which equal pictures are looked for.
    """
    found = scan(folder)
    if not any(file.part == "test" for file in found.files):
        print(f"{found.root.name}: not split, so there is nothing to mend")
        return found.root
    files, copies = split_off_copies(found, size)
    moved = lacking(files)
    for file in copies:
        print(f"left out, since it is in test/ too: {file.path}")
    for name, count in Counter(file.class_name for file in moved).items():
        print(f"moved to test/{name}: {count} pictures of train/{name}")
    return copied(found.root, files, set(moved)) if copies or moved else found.root


def split_off_copies(found: Folder, size: int) -> tuple[list[PictureFile], list[PictureFile]]:
    """(the files that can be read, without the copies; those elsewhere that are in test/ too)."""
    prints = see(found, Shape(size)).prints  # row → digest of the pixels
    files = {row: found.files[row] for row in prints}
    tested = {prints[row] for row, file in files.items() if file.part == "test"}
    copies = {r for r, file in files.items() if file.part != "test" and prints[r] in tested}
    return [files[r] for r in files if r not in copies], [files[r] for r in sorted(copies)]


def lacking(files: list[PictureFile]) -> list[PictureFile]:
    """Training pictures for test/, of the classes that have none there."""
    tested = {file.class_name for file in files if file.part == "test"}
    train = [file for file in files if file.part == "train" and file.class_name not in tested]
    names = sorted({file.class_name for file in train})
    return [f for name in names for f in [f for f in train if f.class_name == name][::EVERY]]


def copied(root: Path, files: list[PictureFile], moved: set[PictureFile]) -> Path:
    """These files as train/CLASS/NAME and so on, in a folder of the same name elsewhere."""
    goals = {}
    for file in files:
        part = "test" if file in moved else file.part
        name = "-".join(file.path.split("/")[2:])
        goals[f"{part}/{file.class_name}/{name}"] = root / file.path
    state = hashlib.sha256(repr([root.name, files, sorted(goals)]).encode()).hexdigest()[:12]
    return write_folder(place() / "mended" / state / root.name, goals)
