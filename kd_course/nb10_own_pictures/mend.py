"""A folder without the faults that can be mended without asking its owner."""

from __future__ import annotations

import hashlib
from pathlib import Path

from kd_course.nb10_own_pictures.folder import place, write_folder
from kd_helpers.data.folder_layout import PictureFile, scan
from kd_helpers.data.look import see
from kd_helpers.data.pictures import Shape

EVERY = 5  # of a class that test/ lacks, every fifth picture moves there


def mended(folder: Path, size: int = 64) -> Path:
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
        return Path(folder)
    prints = see(found, Shape(size)).prints  # row → digest of the pixels
    tested = {digest for row, digest in prints.items() if found.files[row].part == "test"}
    files = [found.files[row] for row in prints]
    copies = [
        found.files[row]
        for row, digest in prints.items()
        if digest in tested and found.files[row].part != "test"
    ]
    moved = lacking([file for file in files if file not in copies])
    for file in copies:
        print(f"left out, since it is in test/ too: {file.path}")
    for name in sorted({file.class_name for file in moved}):
        count = sum(file.class_name == name for file in moved)
        print(f"moved to test/{name}: {count} pictures of train/{name}")
    if not copies and not moved:
        return Path(folder)
    return copied(found.root, [file for file in files if file not in copies], moved)


def lacking(files: list[PictureFile]) -> list[PictureFile]:
    """Training pictures for test/, of the classes that have none there."""
    tested = {file.class_name for file in files if file.part == "test"}
    train = [file for file in files if file.part == "train" and file.class_name not in tested]
    names = sorted({file.class_name for file in train})
    return [f for name in names for f in [f for f in train if f.class_name == name][::EVERY]]


def copied(root: Path, files: list[PictureFile], moved: list[PictureFile]) -> Path:
    """These files as train/CLASS/NAME and so on, in a folder of the same name elsewhere."""
    goals = {}
    for file in files:
        part = "test" if file in moved else file.part
        name = "-".join(file.path.split("/")[2:])
        goals[f"{part}/{file.class_name}/{name}"] = root / file.path
    state = hashlib.sha256(repr([root, files, sorted(goals)]).encode()).hexdigest()[:12]
    return write_folder(place() / "mended" / state / root.name, goals)
