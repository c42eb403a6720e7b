"""A full disk: a clear error, the last good state intact, and the next call goes on."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by name

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from test_killed_runs import never_killed, same_result

from children import nursery
from kd_helpers.runtime import files
from kd_helpers.runtime.files import DiskFull, write_atomically
from lives import SMALL_PUPIL, TEACHER

SMALL = 20_000  # bytes; fewer than a checkpoint, the weights and a file of answers each need
PLENTY = 1000.0  # seconds between two checkpoints: none
WORDS = (
    r"DiskFull: .*{}.*: the disk is full: expected room for \d+\.\d MB, found \d+\.\d MB free\. "
    r"Free some space and start again: what was stored before is intact"
)


def says_what_to_do(said: str, name: str) -> bool:
    """The criterion: the error names the file, what it needs, what there is, and what to do."""
    return re.search(WORDS.format(re.escape(name)), said) is not None


@pytest.fixture
def train(nursery, tmp_path):
    def start(name: str, out: Path = tmp_path, **how):
        return nursery.start("lives:train", environment={"KD_OUT": out}, name=name, **how)

    return start


def break_off(train, name: str, number: int, out: Path) -> Path:
    """Kill a training after its `number`-th checkpoint, and say where that is."""
    die = {"when": "after", "ending": ".checkpoint", "number": number}
    assert train(name, out, die=die).end() == -signal.SIGKILL
    (path,) = (out / "checkpoints").glob("*.checkpoint")
    return path


def test_no_room_for_a_checkpoint(train, never_killed, tmp_path):
    path = break_off(train, "teacher", 10, tmp_path)
    before = path.read_bytes()
    child = train("teacher", largest=SMALL)
    assert child.end() == 1 and says_what_to_do(child.said(), str(path))
    assert path.read_bytes() == before and not list(tmp_path.rglob("*.tmp"))
    assert "goes on after step 10" in train("teacher").succeed()
    assert same_result(tmp_path, never_killed("teacher"), "teacher")


def test_no_room_for_the_result(train, never_killed, tmp_path):
    path = break_off(train, "teacher", 50, tmp_path)
    child = train("teacher", largest=SMALL, every=PLENTY)
    assert child.end() == 1
    assert says_what_to_do(child.said(), str(tmp_path / "runs" / f"{TEACHER.hash}.safetensors"))
    assert list((tmp_path / "runs").iterdir()) == [] and path.is_file()
    assert "goes on after step 50" in train("teacher").succeed()
    assert same_result(tmp_path, never_killed("teacher"), "teacher")


def test_no_room_for_the_answers(train, never_killed, tmp_path):
    train("small").succeed()
    before = sorted((tmp_path / "runs").iterdir())
    child = train("small pupil", largest=6000, every=PLENTY)  # has room for its own words
    assert child.end() == 1 and says_what_to_do(child.said(), str(tmp_path / "cache"))
    assert sorted((tmp_path / "runs").iterdir()) == before
    assert "loaded run" in train("small").succeed()
    assert f"trained run {SMALL_PUPIL.hash}" in train("small pupil").succeed()
    assert same_result(tmp_path, never_killed("small pupil"), "small pupil")


def test_a_file_that_was_there_is_intact(tmp_path, monkeypatch):
    def no_room(number: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    write_atomically(path, b"before")
    monkeypatch.setattr(files.os, "fsync", no_room)
    with pytest.raises(DiskFull):
        write_atomically(path, b"after")
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte, real and almost full once `fill` has been at work."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only the superuser can mount a file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if (done := subprocess.run(mount, capture_output=True, text=True)).returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path, leave: int) -> Path:
    filler = disk / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(disk).free - leave))
    return filler


@pytest.mark.parametrize("every", (0.0, PLENTY), ids=("checkpoint", "result"))
def test_a_disk_that_is_really_full(every, train, never_killed, small_disk):
    path = break_off(train, "teacher", 30, small_disk)
    before, filler = path.read_bytes(), fill(small_disk, leave=16_384)
    child = train("teacher", small_disk, every=every)
    name = path.name if every == 0.0 else f"{TEACHER.hash}.safetensors"
    assert child.end() == 1 and says_what_to_do(child.said(), name), child.said()
    assert path.read_bytes() == before and not list(small_disk.rglob("*.tmp"))
    filler.unlink()
    assert "goes on after step 30" in train("teacher", small_disk).succeed()
    assert same_result(small_disk, never_killed("teacher"), "teacher")
