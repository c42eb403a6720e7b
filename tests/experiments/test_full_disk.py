"""A full disk: a clear error, the last good state intact, and the next call goes on."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by name

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lives import SMALL_PUPIL, TEACHER, never_killed, nursery, same_result

LITTLE = 20_000  # bytes; fewer than a checkpoint, the weights and a file of answers each need
PLENTY = 1000.0  # seconds between two checkpoints: none
WORDS = (
    r"DiskFull: .*{}.*: the disk is full: \d+\.\d MB are free, and that is not enough\. "
    r"Free some space and start again: what was stored before is intact"
)


def says_what_to_do(said: str, name: str) -> bool:
    """The criterion: the error names the file, what it needs, what there is, and what to do."""
    return re.search(WORDS.format(re.escape(name)), said) is not None


def break_off(nursery, number: int, out: Path) -> Path:
    """Kill the teacher's training after its `number`-th checkpoint, and say where that is."""
    assert nursery.start(out, "teacher", die=("after", ".checkpoint", number)).was_killed()
    (path,) = (out / "checkpoints").glob("*.checkpoint")
    return path


def test_no_room_for_a_checkpoint_or_for_the_result(nursery, never_killed, tmp_path):
    path = break_off(nursery, 50, tmp_path)
    before = path.read_bytes()
    for every, name in ((0.0, path.name), (PLENTY, f"{TEACHER.hash}.safetensors")):
        child = nursery.start(tmp_path, "teacher", largest=LITTLE, every=every)
        assert child.end() == 1 and says_what_to_do(child.said(), name), child.said()
        assert path.read_bytes() == before and not list(tmp_path.rglob("*.tmp"))
    assert list((tmp_path / "runs").iterdir()) == []
    assert "goes on after step 50" in nursery.train(tmp_path, "teacher")
    assert same_result(tmp_path, never_killed("teacher"), "teacher")


def test_no_room_for_the_answers(nursery, never_killed, tmp_path):
    nursery.train(tmp_path, "small")
    before = sorted((tmp_path / "runs").iterdir())
    child = nursery.start(tmp_path, "small pupil", largest=6000, every=PLENTY)
    assert child.end() == 1 and says_what_to_do(child.said(), str(tmp_path / "cache"))
    assert sorted((tmp_path / "runs").iterdir()) == before
    assert "loaded run" in nursery.train(tmp_path, "small")
    assert f"trained run {SMALL_PUPIL.hash}" in nursery.train(tmp_path, "small pupil")
    assert same_result(tmp_path, never_killed("small pupil"), "small pupil")


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of one megabyte."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only the superuser can mount a file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if (done := subprocess.run(mount, capture_output=True, text=True)).returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.slow
def test_a_disk_that_is_really_full(nursery, never_killed, small_disk):
    path = break_off(nursery, 30, small_disk)
    before, filler = path.read_bytes(), small_disk / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - 16_384))
    for every, name in ((0.0, path.name), (PLENTY, f"{TEACHER.hash}.safetensors")):
        child = nursery.start(small_disk, "teacher", every=every)
        assert child.end() == 1 and says_what_to_do(child.said(), name), child.said()
        assert path.read_bytes() == before and not list(small_disk.rglob("*.tmp"))
    filler.unlink()
    assert "goes on after step 30" in nursery.train(small_disk, "teacher")
    assert same_result(small_disk, never_killed("teacher"), "teacher")
