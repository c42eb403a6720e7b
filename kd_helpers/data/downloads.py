"""Get one published file: the local one if there is one, else a mirror's. Checked either way."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from filelock import FileLock, Timeout
from tqdm import tqdm

from kd_helpers.data.splits import DataError
from kd_helpers.runtime.files import DISK_FULL

TIMEOUT = 30.0  # seconds without a byte after which a connection is given up
ATTEMPTS = 3  # at one mirror, in a row without a new byte
PAUSE = 2.0  # seconds between two attempts
BLOCK = 1 << 18  # bytes asked for at a time
MB = 1e6


class MirrorError(Exception):
    """This mirror does not give the file; the text says in short what it answered."""


@dataclass(frozen=True)
class PublishedFile:
    """A file as its authors published it: name, size in bytes, SHA-256, where to get it."""

    name: str
    bytes: int
    sha256: str
    urls: tuple[str, ...]


def fetch(file: PublishedFile, folder: Path) -> Path:
    """The path of the published file in `folder`; downloaded only if it is not there.

    A download goes to `NAME.part` and is named `NAME` once its SHA-256 is right. An interrupted
    one leaves the part, and the next call goes on from there.

    Raises:
        DataError: the local file is not the published one (it stays as it is), no mirror gave
            it, KD_OFFLINE is set, or the disk is full.
    """
    path = folder / file.name
    if path.exists():
        return check(path, file)
    if os.environ.get("KD_OFFLINE", "0") not in ("", "0"):
        raise DataError(absent(path, file, ["KD_OFFLINE is set, so none was asked"]))
    with locked(path, file):
        if not path.exists():  # else another process had the lock, and got it
            download(file, path)
    return check(path, file)


def check(path: Path, file: PublishedFile) -> Path:
    """The path itself, if its content is the published one."""
    found = sha256_of(path)
    if found != file.sha256:
        raise DataError(
            f"{path}: expected SHA-256 {file.sha256} ({file.bytes:,} bytes), found {found} "
            f"({path.stat().st_size:,} bytes): the file is cut short, altered or another one, and "
            f"was not used. Delete it to have it downloaded, or put {file.urls[-1]} in its place"
        )
    return path


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal; the file is never in memory as a whole."""
    total = hashlib.sha256()
    with open(path, "rb") as content:
        while block := content.read(1 << 20):
            total.update(block)
    return total.hexdigest()


@contextmanager
def locked(path: Path, file: PublishedFile) -> Iterator[None]:
    """Hold the lock beside `path`: of two processes that want the file, one waits for the other."""
    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print(f"{path}: another process is downloading it; waiting", file=sys.stderr)
            lock.acquire()
    except OSError as problem:
        raise DataError(
            f"{path}: expected a folder to write to, got {problem}. Set KD_DATA to one"
        ) from problem
    try:
        yield
    finally:
        lock.release()


def download(file: PublishedFile, path: Path) -> None:
    """Get the file from the first mirror, those in KD_MIRRORS before the known ones, that has
    it."""
    part, answers = path.with_name(f"{path.name}.part"), []
    own = [f"{base.rstrip('/')}/{file.name}" for base in os.environ.get("KD_MIRRORS", "").split()]
    for url in [*own, *file.urls]:
        try:
            obtain(url, file, part)
            return os.replace(part, path)
        except MirrorError as problem:
            answers.append(f"{url}: {problem}")
    raise DataError(absent(path, file, answers))


def absent(path: Path, file: PublishedFile, answers: list[str]) -> str:
    return (
        f"{path}: found no file, and no mirror gave it ({'; '.join(answers)}): put {file.name} "
        f"({file.bytes / MB:.1f} MB, published at {file.urls[-1]}) into {path.parent}, or set "
        f"KD_DATA to a data folder that has {path.parent.name}/{file.name}, or set KD_MIRRORS to "
        "the address of a folder that serves it"
    )


def obtain(url: str, file: PublishedFile, part: Path) -> None:
    """Fill `part` with the published bytes. Wrong ones are thrown away, with a warning."""
    went_on = size_of(part) > 0
    pull(url, file, part)
    found = sha256_of(part)
    if found == file.sha256:
        return
    part.unlink()
    warnings.warn(f"{url}: expected SHA-256 {file.sha256}, got {found}: thrown away", stacklevel=2)
    if went_on:  # perhaps the older bytes were the wrong ones: once more, from the start
        return obtain(url, file, part)
    raise MirrorError(f"wrong bytes, SHA-256 {found}")


def pull(url: str, file: PublishedFile, part: Path) -> None:
    """Bring `part` to the published size, in as many attempts as bring new bytes, plus a few."""
    best, failures = size_of(part), 0
    while size_of(part) != file.bytes and (problem := attempt(url, file, part)):
        failures = 0 if size_of(part) > best else failures + 1
        best = max(best, size_of(part))
        if failures == ATTEMPTS:
            raise MirrorError(problem)
        time.sleep(PAUSE)


def attempt(url: str, file: PublishedFile, part: Path) -> str:
    """Try once; returns what went wrong if it may go better next time, else an empty string."""
    try:
        receive(url, file, part)
    except HTTPError as answer:
        said = f"HTTP {answer.code} {answer.reason}"
        if answer.code == 416:  # "range not satisfiable": these bytes are no start of the file
            part.unlink(missing_ok=True)
        elif answer.code < 500 and answer.code != 429:  # 429: "too many requests"
            raise MirrorError(said) from answer
        return said
    except (URLError, ValueError) as refusal:  # no connection, or not an address at all
        raise MirrorError(str(getattr(refusal, "reason", refusal))) from refusal
    except (OSError, HTTPException) as cut:
        return str(cut) or type(cut).__name__
    return ""


def receive(url: str, file: PublishedFile, part: Path) -> None:
    """One request for the bytes that `part` lacks."""
    start = size_of(part)
    # "identity": some servers mark .tar.gz as compressed text, and proxies then unpack it
    request = Request(url, headers={"Accept-Encoding": "identity", "User-Agent": "kd-helpers"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    with urlopen(request, timeout=TIMEOUT) as response:
        start = start if response.status == 206 else 0  # else the whole file is coming
        offered = start + int(response.headers.get("Content-Length", file.bytes - start))
        if offered != file.bytes:
            raise MirrorError(f"offers {offered:,} bytes, expected {file.bytes:,}")
        write(response, file, part, start)
    if size_of(part) < file.bytes:
        raise ConnectionError(f"cut off after {size_of(part):,} of {file.bytes:,} bytes")


def write(response, file: PublishedFile, part: Path, have: int) -> None:
    """Write what comes to `part` at once, so that nothing is lost when no more comes."""
    try:
        if shutil.disk_usage(part.parent).free < file.bytes - size_of(part):
            raise OSError(errno.ENOSPC, "found out before anything was written")
        with (
            open(part, "ab" if have else "wb") as out,
            tqdm(total=file.bytes, initial=have, unit="B", unit_scale=True, desc=file.name) as bar,
        ):
            while block := response.read1(min(BLOCK, file.bytes - bar.n)):
                out.write(block)
                bar.update(len(block))
    except OSError as problem:
        if problem.errno not in DISK_FULL:
            raise
        needed, free = file.bytes - size_of(part), shutil.disk_usage(part.parent).free
        raise DataError(
            f"{part}: the disk is full: expected room for {needed / MB:.1f} MB more of {file.name}, "
            f"found {free / MB:.1f} MB free. What was downloaded is kept: free some space and load "
            "again, or set KD_DATA to a folder on another disk"
        ) from problem


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
