"""Folders that cannot be written to: what is damaged in them is not used all the same."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by name

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from test_damaged_files import cut_short, finished
from test_killed_runs import same_result

from children import nursery
from lives import SMALL

NOBODY = 65534  # without rights, where the tests run as the superuser


def train_without_rights(name: str) -> None:
    from lives import train

    if os.geteuid() == 0:
        os.setgroups([])
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
    train(name)


@pytest.fixture
def read_only_data(finished):
    """A data folder with runs that nobody may change, where anybody may look."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        shutil.copytree(finished / "runs", folder / "data" / "runs")
        (folder / "out").mkdir()
        folder.chmod(0o755)
        (folder / "out").chmod(0o777)
        yield folder
        (folder / "data" / "runs").chmod(0o755)


@pytest.mark.parametrize("ending", ("json", "safetensors"))
def test_a_damaged_run_in_a_read_only_folder(ending, nursery, read_only_data, finished):
    path = read_only_data / "data" / "runs" / f"{SMALL.hash}.{ending}"
    cut_short(path, finished)
    path.parent.chmod(0o555)
    out = read_only_data / "out"
    child = nursery.start(
        "test_read_only_folders:train_without_rights",
        name="small",
        environment={"KD_OUT": out, "KD_DATA": read_only_data / "data"},
    )
    said = child.succeed()
    assert f"warning: {path}" in said and "could not be moved aside" in said
    assert f"trained run {SMALL.hash}" in said and same_result(out, finished, "small")


def test_a_read_only_out_folder_ends_in_an_error(nursery, finished, read_only_data):
    (read_only_data / "out").chmod(0o555)
    child = nursery.start(
        "test_read_only_folders:train_without_rights",
        name="teacher",
        environment={"KD_OUT": read_only_data / "out", "KD_DATA": read_only_data / "data"},
    )
    assert child.end() == 1 and "PermissionError" in child.said() and "out" in child.said()
