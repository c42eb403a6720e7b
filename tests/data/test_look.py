"""`kd data look`: what a folder holds, and what is wrong with it, before anything is trained."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from kd_course.cli import main
from kd_helpers.data.look import grid, look
from picture_files import colour_files, hostile_files, pile


@pytest.fixture(autouse=True)
def out(tmp_path, monkeypatch):
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))


def test_what_is_in_a_folder_is_told_and_shown(tmp_path, capsys):
    root = tmp_path / "my pictures"
    pile(root / "train", **{"Bär": 30, "cat": 12, "Cat": 3, "owl $x$": 1})
    pile(root / "test", 5000, **{"Bär": 8, "cat": 4})
    colour_files(root / "train" / "cat")
    hostile = len(hostile_files(root / "train" / "cat"))
    (root / "train" / "none").mkdir()
    for part in ("train", "test"):
        shutil.copy(root / "train" / "Bär" / "0.png", root / part / "Bär" / "copy.png")
    colours = len(colour_files(root / "train" / "cat"))
    assert main(["data", "look", str(root), "--size", "24"]) == 0
    said = capsys.readouterr().out
    for row in (["Bär", 31, 9], ["cat", 12 + colours, 4], ["Cat", 3, 0], ["owl $x$", 1, 0]):
        assert " ".join(map(str, row)) in " ".join(said.split()), row
    for words in (
        "in train from 1 (owl $x$) to",
        "JPEG CMYK",
        "9 to 4,000 wide, 12 to 3,000 high; 9×12 most often",
        "empty folders",
        "Cat and cat",
        "no picture in test: Cat, owl $x$",
        "and in test, pixel by pixel",
        "the same pixels:\n  test/Bär/copy.png = train/Bär/0.png = train/Bär/copy.png",
        f"{hostile} of",
        "train/cat/archive.png: no picture, but a zip archive",
        "memory at 3×24×24: 0.00 GB",
    ):
        assert words in said, words
    sheet = Image.open(tmp_path / "out" / "look" / "my pictures.png")
    assert min(sheet.size) > 150 and len(np.unique(np.asarray(sheet))) > 50


def test_it_says_what_image_folder_would_refuse_and_keeps_nothing(tmp_path):
    root = pile(tmp_path / "pictures" / "train", a=4, b=4).parent
    pile(root / "test", c=2)
    lines, sheet = look(root, size=8, channels=1, fit="pad")
    [refused] = [line for line in lines if "refuses" in line]
    assert "no picture to train on in c" in refused
    assert os.listdir(tmp_path / "out") == ["look"] and sheet.is_file()
    for name in ("a", "b"):
        shutil.rmtree(root / "train" / name)
        (root / "train" / name).mkdir()
        (root / "train" / name / "x.png").write_bytes(b"")
    assert any("refuses" in line for line in look(root, size=8)[0])


def test_a_folder_larger_than_the_page(tmp_path, capsys):
    root = tmp_path / "many"
    for n in range(1000):
        (root / f"class {n:04d}").mkdir(parents=True)
        dots = b"P6 2 1 255 " + n.to_bytes(2, "big") + bytes(4)
        (root / f"class {n:04d}" / "0.ppm").write_bytes(dots)
    assert main(["data", "look", str(root), "--size", "4"]) == 0
    said = capsys.readouterr().out
    assert "1,000 pictures, 1,000 classes" in said and "and 960 classes more" in said
    assert "refuses it: many: no picture for val and test" in said and len(said) < 5000


def test_the_contact_sheet_has_a_row_for_each_class():
    red, grey = np.full((3, 4, 4), 9, np.uint8), np.full((1, 4, 4), 7, np.uint8)
    page, height = grid({"a": [red, red, red], "none": [], "grey": [grey]})
    assert page.shape == (3 * height, 3 * height, 3)
    cells = page.reshape(3, height, 3, height, 3)
    counts = (cells < 10).sum(axis=(1, 3, 4)).tolist()
    assert counts == [[48, 48, 48], [0, 0, 0], [48, 0, 0]]


def test_the_contact_sheet_shows_pictures_upright():
    slope = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
    page, height = grid({"a": [slope]})
    gap = (height - 4) // 2
    assert np.array_equal(page[gap : gap + 4, gap : gap + 4], slope.transpose(1, 2, 0))


def test_wrong_words_are_refused_in_a_sentence(tmp_path, capsys):
    for words in (["look"], ["fashion-mnist", str(tmp_path)], ["look", str(tmp_path / "none")]):
        assert main(["data", *words]) in (1, 2)
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert main(["data", "fashion-mnist"]) == 0
    assert "54,000 + 6,000 + 10,000 images" in capsys.readouterr().out
