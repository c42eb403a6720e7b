"""Files that are whole or not there, and that say so when they were altered. No pickle."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load, save

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DamagedFile(RuntimeError):
    """A file is cut short, altered, or not what its name says."""


class DiskFull(OSError):
    """A file could not be written for want of space; what was there before is intact."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; another process never sees half of it.

    Raises:
        DiskFull: there is not enough space; the old file, if any, is as it was.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as problem:
        if problem.errno not in DISK_FULL:
            raise
        raise DiskFull(problem.errno, disk_full_words(path, len(content))) from problem
    finally:
        temporary.unlink(missing_ok=True)


def disk_full_words(path: Path, needed: int) -> str:
    folder = next(parent for parent in path.parents if parent.is_dir())
    return (
        f"{path}: the disk is full: expected room for {needed / 1e6:.1f} MB, found "
        f"{shutil.disk_usage(folder).free / 1e6:.1f} MB free. Free some space and start again: "
        "what was stored before is intact"
    )


def write_sealed(path: Path, tensors: dict[str, torch.Tensor], about: dict) -> None:
    """Write tensors and a JSON dictionary to one file, led by the SHA-256 of all the rest."""
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    body = save(whole, metadata={"about": json.dumps(about)})
    write_atomically(path, seal(body) + b"\n" + body)


def read_sealed(path: Path) -> tuple[dict[str, torch.Tensor], dict]:
    """The tensors and the dictionary of such a file.

    Raises:
        DamagedFile: the content is not what was sealed.
    """
    expected, _, body = path.read_bytes().partition(b"\n")
    if expected != seal(body):
        raise DamagedFile(
            f"{path}: expected content with SHA-256 {expected[:64].decode(errors='replace')}, found "
            f"{seal(body).decode()} ({len(body):,} bytes): the file is cut short, altered or foreign"
        )
    header = json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])
    return load(body), json.loads(header["__metadata__"]["about"])


def seal(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


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
