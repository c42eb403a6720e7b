"""What lies in a folder of pictures: its files, their classes by the names of the folders, and the
splits that are there. Nothing is opened here."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from kd_helpers.data.remarks import few, readable
from kd_helpers.data.splits import DataError

SPLIT_NAMES = {
    **{"train": "train", "training": "train", "test": "test", "testing": "test"},
    **{"val": "val", "valid": "val", "validation": "val"},
}
LAYOUT = (
    "expected a folder for each class, as in CLASS/picture.jpg, or train/CLASS/picture.jpg and, "
    "where they exist, val/ and test/ like it"
)
IGNORED = ("thumbs.db", "desktop.ini", "__macosx")


class PictureFile(NamedTuple):
    """A file by its path below the folder; `part` is "train", "val" or "test"."""

    path: str  # with slashes
    part: str
    class_name: str
    bytes: int = 0
    mtime_ns: int = 0


@dataclass(frozen=True)
class Folder:
    """All that was found, in the order of the paths."""

    root: Path
    files: tuple[PictureFile, ...]
    problems: dict[str, str]  # path → why it cannot be used
    notes: tuple[str, ...]  # what is worth saying, and no error


def scan(path: str | os.PathLike) -> Folder:
    """Look through a folder. Hidden files, Thumbs.db and the like are passed over.

    Raises:
        DataError: there is no such folder, or it has not the layout of classes.
    """
    root = checked_root(path)
    problems: dict[str, str] = {}
    notes: list[str] = []
    files = [
        file
        for part, start in part_folders(root, notes).items()
        for file in part_files(part, start, root, problems, notes)
    ]
    notes += alike(several_classes(root, files))
    return Folder(root, tuple(sorted(files)), problems, tuple(notes))


def part_files(
    part: str, start: Path, root: Path, problems: dict[str, str], notes: list[str]
) -> list[PictureFile]:
    """The files of one split, by the folders of their classes."""
    loose = [entry for entry in entries(start) if not is_folder(entry)]
    problems |= {below(root, entry.path): "lies in no class's folder" for entry in loose}
    folders = [entry for entry in entries(start) if is_folder(entry)]
    found = {entry.name: list(walk(entry, root, problems)) for entry in folders}
    if empty := [name for name, inside in found.items() if not inside]:
        notes.append(f"empty folders, not counted as classes in {start}: {few(empty)}")
    return [
        PictureFile(below(root, entry.path), part, class_name(name), *stamp(entry))
        for name, inside in found.items()
        for entry in inside
    ]


def several_classes(root: Path, files: list[PictureFile]) -> list[str]:
    """The names of the classes, sorted.

    Raises:
        DataError: there are none, or one.
    """
    names = sorted({file.class_name for file in files})
    if not names:
        raise DataError(f"{root}: found no files in folders of classes; {LAYOUT}")
    if len(names) == 1:
        inside = root / files[0].path.split("/")[0]
        raise DataError(
            f"{root}: found one class, {names[0]}; expected two or more. If the classes' folders "
            f"lie deeper, give {inside}"
        )
    return names


def checked_root(path: str | os.PathLike) -> Path:
    root = Path(path).expanduser()
    if root.is_file():
        raise DataError(
            f"{root}: got a file, expected a folder; unpack it first if it is an archive"
        )
    if not root.is_dir():
        raise DataError(f"{root}: found no such folder")
    return root.resolve()


def part_folders(root: Path, notes: list[str]) -> dict[str, Path]:
    """The folders of the splits; where there is none, the root is one of training pictures."""
    found = [entry for entry in entries(root) if is_folder(entry)]
    parts: dict[str, Path] = {}
    for entry in found:
        part = SPLIT_NAMES.get(entry.name.lower())
        if part in parts:
            raise DataError(f"{root}: found {parts[part].name}/ and {entry.name}/; expected one")
        if part:
            parts[part] = Path(entry.path)
    if "train" not in parts:
        if any(is_folder(entry) for folder in parts.values() for entry in entries(folder)):
            names = " and ".join(f"{folder.name}/" for folder in parts.values())
            raise DataError(f"{root}: found {names} and no train/; {LAYOUT}")
        return {"train": root}
    others = [e.name for e in entries(root) if Path(e.path) not in parts.values()]
    if others:
        notes.append(f"beside {parts['train'].name}/, not used: {few(others)}")
    return parts


def entries(folder: str | Path) -> list[os.DirEntry]:
    """What a folder holds, by name, without hidden files and such as no person put there."""
    with os.scandir(folder) as found:
        kept = [e for e in found if not e.name.startswith(".") and e.name.lower() not in IGNORED]
    return sorted(kept, key=lambda entry: entry.name)


def is_folder(entry: os.DirEntry) -> bool:
    return entry.is_dir(follow_symlinks=False)


def walk(folder: os.DirEntry, root: Path, problems: dict[str, str]) -> Iterator[os.DirEntry]:
    """The files of a class, however deep; what is none, or leads away, becomes a problem."""
    try:
        inside = entries(folder.path)
    except OSError as problem:
        problems[below(root, folder.path)] = f"cannot be opened ({problem.strerror})"
        return
    for entry in inside:
        if is_folder(entry):
            yield from walk(entry, root, problems)
        elif reason := misleading(entry, root):
            problems[below(root, entry.path)] = reason
        else:
            yield entry


def misleading(entry: os.DirEntry, root: Path) -> str | None:
    """Why a path is not followed, or None for an ordinary file or a link to one in the folder."""
    if entry.is_symlink():
        target = Path(os.path.realpath(entry.path))
        if not target.exists():
            return "a link that leads nowhere"
        if not target.is_relative_to(root):
            return "a link that leads out of the folder"
        if target.is_dir():
            return "a link to a folder"
    return None if entry.is_file() else "neither a file nor a folder"


def stamp(entry: os.DirEntry) -> tuple[int, int]:
    status = entry.stat()
    return status.st_size, status.st_mtime_ns


def below(root: Path, path: str) -> str:
    return path.removeprefix(f"{root}{os.sep}").replace(os.sep, "/")


def class_name(folder: str) -> str:
    """The name of a class: an umlaut is one letter, however the file system writes it.

    Raises:
        DataError: the name is no text, but bytes of an older encoding.
    """
    name = unicodedata.normalize("NFC", folder)
    if readable(name) != name:
        raise DataError(f"{readable(name)}: the name of a class's folder is no UTF-8; rename it")
    return name


def alike(names: list[str]) -> list[str]:
    """A note about classes whose names differ in capitals only."""
    same: dict[str, list[str]] = {}
    for name in names:
        same.setdefault(name.casefold(), []).append(name)
    pairs = [" and ".join(group) for group in same.values() if len(group) > 1]
    return [f"two classes, though their names differ in capitals only: {few(pairs)}"] * bool(pairs)
