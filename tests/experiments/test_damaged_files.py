"""Damaged files are named, moved aside and made again; none is used, and none is run as code."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by name

import pickle
import random
import re
import shutil
from pathlib import Path

import pytest
import torch

from kd_helpers.runtime.files import read_sealed, write_sealed
from kd_helpers.teachers.cached import OWNER
from lives import RECIPES, SMALL, nursery, same_result

RARELY = 1000.0  # seconds between two checkpoints: none


@pytest.fixture(scope="module")
def finished(nursery, tmp_path_factory) -> Path:
    """out/ after a small teacher, a pupil of it and another run; and a checkpoint of each."""
    out, cut = tmp_path_factory.mktemp("finished"), tmp_path_factory.mktemp("cut_off")
    for name in ("small pupil", "other small"):
        nursery.train(out, name, every=RARELY)
    for name in ("small", "other small"):
        die = ("after", f"{RECIPES[name].hash}.checkpoint", 4)
        assert nursery.start(cut, name, die=die).was_killed()
    for path in (cut / "checkpoints").glob("*.checkpoint"):
        shutil.copy(path, out / "checkpoints")
    return out


@pytest.fixture
def fresh(finished, tmp_path):
    """fresh() -> a copy of that folder."""

    def fresh() -> Path:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        return shutil.copytree(finished, tmp_path / "out")

    return fresh


# Ways to damage a file: functions of its path and of a folder with files of other recipes


def cut_short(path: Path, others: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def change_byte(place: float):
    def change(path: Path, others: Path) -> None:
        content = bytearray(path.read_bytes())
        content[int(place * (len(content) - 2))] ^= 4
        path.write_bytes(content)

    return change


def random_bytes(path: Path, others: Path) -> None:
    path.write_bytes(random.Random(0).randbytes(path.stat().st_size))


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


def change_a_number(path: Path, others: Path) -> None:
    path.write_text(re.sub(r'("accuracy":\D*)\d', r"\g<1>9", path.read_text(), count=1))


def of_another_teacher(path: Path, others: Path) -> None:
    kept, about = read_sealed(path)
    write_sealed(path, kept | {"logits": kept["logits"] + 1}, about | {OWNER: "0123456789abcdef"})


def a_checkpoint(path: Path, others: Path) -> None:
    shutil.copy(others / "checkpoints" / f"{SMALL.hash}.checkpoint", path)


DAMAGES = (
    cut_short,
    change_byte(0),
    change_byte(0.5),
    change_byte(1),
    lambda path, others: path.write_bytes(b""),
    random_bytes,
    lambda path, others: path.write_bytes(path.read_bytes() + b"{}"),
    pickle_that_runs_code,
)
OTHERS = {  # for each file of a small pupil's run: what else can be wrong with it
    f"runs/{SMALL.hash}.json": (of_another_recipe, change_a_number),
    f"runs/{SMALL.hash}.safetensors": (of_another_recipe,),
    f"checkpoints/{SMALL.hash}.checkpoint": (of_another_recipe,),
    "cache/*/*.answers": (of_another_teacher, a_checkpoint),
}


def was_noticed(path: Path, damaged: bytes, said: str) -> None:
    """The file is named, its content was moved aside, and nothing was run."""
    aside = path.with_name(f"{path.name}.damaged-1")
    warnings = [line for line in said.splitlines() if line.startswith("warning: ")]
    assert any(str(path) in line and aside.name in line for line in warnings), said
    assert aside.read_bytes() == damaged
    assert not path.exists() or path.read_bytes() != damaged
    assert not list(path.parent.parent.rglob("exploded"))


@pytest.mark.parametrize("file", OTHERS)
def test_a_damaged_file_is_named_moved_aside_and_made_again(file, nursery, fresh, finished):
    for damage in (*DAMAGES, *OTHERS[file]):
        out, name = fresh(), "small pupil" if file.startswith("cache") else "small"
        if not file.startswith("runs"):  # else nobody looks at the file
            for path in (out / "runs").glob(f"{RECIPES[name].hash}.*"):
                path.unlink()
        else:
            (out / "checkpoints" / f"{SMALL.hash}.checkpoint").unlink()
        (path,) = out.glob(file)
        damage(path, finished)
        damaged = path.read_bytes()
        said = nursery.train(out, name, every=RARELY)
        was_noticed(path, damaged, said)
        assert f"trained run {RECIPES[name].hash}" in said and "goes on" not in said
        assert same_result(out, finished, name)
    assert "loaded run" in nursery.train(out, name)


def test_a_sealed_file_with_code_in_it_is_not_run(tmp_path):
    """The seal is no signature; the reader itself refuses everything but tensors and plain data."""
    path = tmp_path / "file"
    write_sealed(path, {"bomb": Bomb(tmp_path / "exploded")}, {})
    with pytest.raises(pickle.UnpicklingError, match=r"weights_only"):
        read_sealed(path)
    assert not (tmp_path / "exploded").exists()
    write_sealed(path, {"numbers": torch.ones(2)}, {"plain": [1, (2.5, None), "text"]})
    assert read_sealed(path)[1] == {"plain": [1, (2.5, None), "text"]}
