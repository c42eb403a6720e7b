"""The code of docs/own-data.md, run in its order, and the list of problems that it shows."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from kd_helpers import image_folder
from kd_helpers.data.splits import DataError
from picture_files import hostile_files, pile, table, write_table

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "own-data.md").read_text(encoding="utf-8")


def test_the_page_does_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    pile(Path("pictures"), cat=60, dog=57)
    noise = np.random.default_rng(0).integers(0, 256, (9, 3, 4, 4), np.uint8)
    write_table(Path("pictures.parquet"), noise, ["a", "b", "c"] * 3)
    names: dict = {}
    folder, elsewhere = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(folder, names)
    assert table(names["data"]) == {"train": [36, 35], "val": [12, 11], "test": [12, 11]}
    hostile_files(tmp_path)
    for source, target in {
        "short.jpeg": "cat/a.jpg",
        "archive.png": "cat/b.png",
        "empty.png": "dog/c.jpg",
    }.items():
        shutil.copy(source, Path("pictures") / target)
    shown = re.search(r"```\n(pictures: 3 of.*?)\n```", PAGE, re.DOTALL)
    with pytest.raises(DataError) as problem:
        image_folder("pictures", size=64)
    assert str(problem.value) == str(Path("pictures").resolve()) + shown[1].removeprefix("pictures")
    exec(elsewhere, names)
    assert names["data"].classes == ("a", "b", "c")
