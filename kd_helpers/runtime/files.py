"""Files that are whole or not there, and that say so when they were altered."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import itertools
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import torch

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DamagedFile(RuntimeError):
    """A file is cut short, altered, or not what its name says."""


class DiskFull(OSError):
    """A file could not be written for want of space; what was there before is intact."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """An open file that takes the place of `path` once it is whole, or never.

    Raises:
        DiskFull: there is not enough space; the old file, if any, is as it was.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as problem:
        if problem.errno not in DISK_FULL:
            raise
        free = shutil.disk_usage(next(p for p in path.parents if p.is_dir())).free
        raise DiskFull(
            problem.errno,
            f"{path}: the disk is full: {free / 1e6:.1f} MB are free, and that is not enough. "
            "Free some space and start again: what was stored before is intact",
        ) from problem
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; another process never sees half of it."""
    with replacing(path) as file:
        file.write(content)


def write_sealed(path: Path, kept: dict, about: dict) -> None:
    """Write two dictionaries of tensors and plain data to one file, led by its SHA-256.

    A tensor that is a view of a larger one takes the whole room of that one: clone it before.
    """
    body = io.BytesIO()
    torch.save((kept, about), body)
    write_atomically(path, seal(body.getvalue()) + b"\n" + body.getvalue())


def read_sealed(path: Path) -> tuple[dict, dict]:
    """The two dictionaries of such a file, tensors on the processor; no code in it can run.

    Raises:
        DamagedFile: the content is not what was sealed.
    """
    expected, _, body = path.read_bytes().partition(b"\n")
    if expected != seal(body):
        raise DamagedFile(
            f"{path}: expected content with {expected[:75].decode(errors='replace')}, "
            f"found {seal(body).decode()} ({len(body):,} bytes): the file is cut short, "
            "altered or foreign"
        )
    return torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)


def seal(content: bytes) -> bytes:
    return f"torch.save, SHA-256 {hashlib.sha256(content).hexdigest()}".encode()


def bytes_of(tensor: torch.Tensor) -> memoryview:
    """What a tensor holds, in the order of its rows, for a checksum; of any number format."""
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data


def set_aside(path: Path, problem: object) -> None:
    """Rename a damaged file, so that it is neither used nor lost, and say so on stderr."""
    names = (path.with_name(f"{path.name}.damaged-{n}") for n in itertools.count(1))
    aside = next(name for name in names if not name.exists())
    try:
        path.rename(aside)
        done = f"It was moved to {aside.name}"
    except FileNotFoundError:  # another process was quicker
        done = "It is gone by now"
    except OSError as why:
        done = f"It could not be moved aside ({why.strerror}) and is not used"
    print(f"warning: {problem}. {done}.", file=sys.stderr)
