"""Damaged files are named, moved aside and made again; none is used, and none is run as code."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by name

import json
import pickle
import random
import re
import shutil
import signal
from pathlib import Path

import pytest
from test_killed_runs import same_result

from children import nursery
from kd_helpers.runtime.folders import data_dir
from lives import RECIPES, SMALL, SMALL_PUPIL

# What a run leaves behind


@pytest.fixture(scope="module")
def finished(nursery, tmp_path_factory) -> Path:
    """out/ after a small teacher, a pupil of it and another run; and a checkpoint of each."""
    out = tmp_path_factory.mktemp("finished")
    for name in ("small pupil", "other small"):
        arguments = {"environment": {"KD_OUT": out}, "name": name, "every": 1000.0}
        nursery.start("lives:train", **arguments).succeed()
    cut = tmp_path_factory.mktemp("cut_off")
    for name in ("small", "other small"):
        die = {"when": "after", "ending": f"{RECIPES[name].hash}.checkpoint", "number": 4}
        child = nursery.start("lives:train", environment={"KD_OUT": cut}, name=name, die=die)
        assert child.end() == -signal.SIGKILL
    for path in (cut / "checkpoints").glob("*.checkpoint"):
        shutil.copy(path, out / "checkpoints")
    return out


@pytest.fixture
def out(finished, tmp_path) -> Path:
    shutil.copytree(finished, tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def data(finished, tmp_path) -> Path:
    """A data folder that ships the runs, and no out/ yet."""
    shutil.copytree(finished / "runs", tmp_path / "data" / "runs")
    (tmp_path / "data" / "fashion-mnist").symlink_to(data_dir() / "fashion-mnist")
    return tmp_path / "data"


# Ways to damage a file: functions of its path and of a folder with files of other recipes


def cut_short(path: Path, others: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def change_byte(place: float):
    def change(path: Path, others: Path) -> None:
        content = bytearray(path.read_bytes())
        content[int(place * (len(content) - 2))] ^= 4
        path.write_bytes(content)

    return change


def empty(path: Path, others: Path) -> None:
    path.write_bytes(b"")


def random_bytes(path: Path, others: Path) -> None:
    path.write_bytes(random.Random(0).randbytes(path.stat().st_size))


def longer(path: Path, others: Path) -> None:
    path.write_bytes(path.read_bytes() + b"{}")


class Bomb:
    """A pickle of this writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def pickle_that_runs_code(path: Path, others: Path) -> None:
    path.write_bytes(pickle.dumps(Bomb(path.with_name("exploded"))))


def of_another_recipe(path: Path, others: Path) -> None:
    name = path.name.replace(SMALL.hash, RECIPES["other small"].hash)
    shutil.copy(others / path.parent.name / name, path)


DAMAGES = {
    "cut short": cut_short,
    "first byte": change_byte(0),
    "a byte amid": change_byte(0.5),
    "last byte": change_byte(1),
    "empty": empty,
    "random bytes": random_bytes,
    "longer": longer,
    "pickle": pickle_that_runs_code,
    "of another recipe": of_another_recipe,
}
ALL_DAMAGES = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)


def was_noticed(path: Path, damaged: bytes, said: str) -> None:
    """The file is named, its content was moved aside, and nothing was run."""
    aside = path.with_name(f"{path.name}.damaged-1")
    warnings = [line for line in said.splitlines() if line.startswith("warning: ")]
    assert any(str(path) in line and aside.name in line for line in warnings), said
    assert aside.read_bytes() == damaged
    assert not path.exists() or path.read_bytes() != damaged
    assert not list(path.parent.parent.rglob("exploded"))


def train(nursery, out: Path, name: str, **environment) -> str:
    return nursery.start(
        "lives:train", environment={"KD_OUT": out} | environment, name=name, every=1000.0
    ).succeed()


def test_a_pickle_of_these_tests_would_run_code(tmp_path):
    path = tmp_path / "file"
    pickle_that_runs_code(path, tmp_path)
    pickle.loads(path.read_bytes())
    assert (tmp_path / "exploded").exists()


@ALL_DAMAGES
@pytest.mark.parametrize("ending", ("json", "safetensors"))
def test_a_run_that_was_trained_here(ending, damage, nursery, out, finished):
    (out / "checkpoints" / f"{SMALL.hash}.checkpoint").unlink()
    path = out / "runs" / f"{SMALL.hash}.{ending}"
    damage(path, finished)
    damaged = path.read_bytes()
    said = train(nursery, out, "small")
    was_noticed(path, damaged, said)
    assert f"trained run {SMALL.hash}" in said
    assert same_result(out, finished, "small")
    assert "loaded run" in train(nursery, out, "small")


@pytest.mark.parametrize("damage", (cut_short, change_byte(0.5), of_another_recipe))
@pytest.mark.parametrize("ending", ("json", "safetensors"))
def test_a_run_that_ships(ending, damage, nursery, data, finished, tmp_path):
    path = data / "runs" / f"{SMALL.hash}.{ending}"
    damage(path, finished)
    damaged = path.read_bytes()
    said = train(nursery, tmp_path / "out", "small", KD_DATA=data)
    was_noticed(path, damaged, said)
    assert f"trained run {SMALL.hash}" in said
    assert same_result(tmp_path / "out", finished, "small")


@pytest.mark.parametrize("name", ("accuracy", "steps", "parameters", "seconds", "test"))
def test_a_number_changed_by_hand(name, nursery, out, finished):
    path = out / "runs" / f"{SMALL.hash}.json"
    path.write_text(re.sub(rf'("{name}":\D*)\d', r"\g<1>9", path.read_text(), count=1))
    json.loads(path.read_text())  # whole, and a record like any other
    damaged = path.read_bytes()
    assert damaged != (finished / "runs" / path.name).read_bytes()
    was_noticed(path, damaged, train(nursery, out, "small"))
    assert same_result(out, finished, "small")


@ALL_DAMAGES
def test_a_checkpoint(damage, nursery, out, finished):
    for path in (out / "runs").glob(f"{SMALL.hash}.*"):
        path.unlink()
    path = out / "checkpoints" / f"{SMALL.hash}.checkpoint"
    damage(path, finished)
    damaged = path.read_bytes()
    said = train(nursery, out, "small")
    was_noticed(path, damaged, said)
    assert "goes on" not in said and same_result(out, finished, "small")


def test_the_undamaged_checkpoint_would_have_been_used(nursery, out, finished):
    for path in (out / "runs").glob(f"{SMALL.hash}.*"):
        path.unlink()
    assert "goes on after step 4" in train(nursery, out, "small")
    assert same_result(out, finished, "small")


def of_another_teacher(path: Path, others: Path) -> None:
    from kd_helpers.runtime.files import read_sealed, write_sealed
    from kd_helpers.teachers.answer_files import OWNER

    tensors, about = read_sealed(path)
    tensors["logits"] += 1
    write_sealed(path, tensors, about | {OWNER: "0123456789abcdef"})


def a_checkpoint(path: Path, others: Path) -> None:
    shutil.copy(others / "checkpoints" / f"{SMALL.hash}.checkpoint", path)


OF_ANSWERS = {k: v for k, v in DAMAGES.items() if v is not of_another_recipe} | {
    "of another teacher": of_another_teacher,
    "a checkpoint": a_checkpoint,
}


@pytest.mark.parametrize("damage", OF_ANSWERS.values(), ids=OF_ANSWERS)
def test_answers(damage, nursery, out, finished):
    for path in (out / "runs").glob(f"{SMALL_PUPIL.hash}.*"):
        path.unlink()
    (path,) = (out / "cache").rglob("*.answers")
    damage(path, finished)
    damaged = path.read_bytes()
    said = train(nursery, out, "small pupil")
    was_noticed(path, damaged, said)
    assert same_result(out, finished, "small pupil")
