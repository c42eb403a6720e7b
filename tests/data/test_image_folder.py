"""A folder of pictures as a user has it: which class and which split each picture comes to."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from kd_helpers.data.image_folder import image_folder
from kd_helpers.data.splits import DataError
from picture_files import picture, pile, pixels, table


@pytest.fixture(autouse=True)
def out(tmp_path, monkeypatch):
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))


def test_one_folder_is_split_by_class_and_pixels_and_copies_stay_together(tmp_path, capsys):
    root = pile(
        tmp_path / "Mein Ordner, groß", Bär=20, **{"a cat": 11, "c": 3, "pair": 2, "one": 1}
    )
    for n in range(40):  # copies: in the same class and, of one picture, in another
        shutil.copy(root / "Bär" / f"{n % 20}.png", root / "Bär" / f"copy {n}.png")
    shutil.copy(root / "Bär" / "0.png", root / "a cat" / "bear.png")
    data = image_folder(root, size=8)
    assert data.classes == ("Bär", "a cat", "c", "one", "pair")
    assert table(data)["train"][2:] == [1, 1, 1] and table(data)["test"][2:] == [1, 0, 1]
    assert table(data)["val"][2:] == [1, 0, 0] and len(pixels(data.val)) == 3 + 2 + 1
    parts = [pixels(split) for split in (data.train, data.val, data.test)]
    assert len(set.union(*parts)) == sum(map(len, parts)) == 20 + 11 + 3 + 2 + 1
    said = capsys.readouterr().out
    for words in ("of each class a fifth", "in val: one, pair", "41 files with the pixels of"):
        assert words in said
    assert "1 picture in two classes" in said
    # Names have no say in it, a seed has.
    os.rename(root / "Bär" / "7.png", root / "Bär" / "zzz.png")
    assert pixels(image_folder(root, size=8).test) == parts[2]
    assert pixels(image_folder(root, size=8, seed=1).test) != parts[2]


def test_pictures_and_labels_stay_together_in_the_order_of_their_paths(tmp_path):
    root = pile(tmp_path / "pictures", a=30, b=30)
    data = image_folder(root, size=9)
    for split in (data.train, data.val, data.test):
        found = {
            image.numpy().tobytes(): int(k)
            for image, k in zip(split.images, split.labels, strict=True)
        }
        places = []
        for k, name in enumerate("ab"):
            for path in sorted((root / name).iterdir()):
                middle = np.asarray(Image.open(path))[1:10].transpose(2, 0, 1)
                if (key := middle.tobytes()) in found:
                    assert found[key] == k
                    places.append(key)
        assert places == list(found) and len(found) == len(split)


def test_given_splits_are_kept_and_what_is_missing_is_held_out_of_train(tmp_path, capsys):
    a = pile(tmp_path / "a" / "train", cat=10, dog=10)
    pile(a.parent / "validation", 100, cat=3, dog=2)
    pile(a.parent / "Test", 200, dog=4)
    assert table(image_folder(a.parent, size=4)) == {
        "train": [10] * 2,
        "val": [3, 2],
        "test": [0, 4],
    }
    assert "no picture in test: cat" in capsys.readouterr().out
    shutil.rmtree(a.parent / "validation")
    assert table(image_folder(a.parent, size=4)) == {"train": [8, 8], "val": [2, 2], "test": [0, 4]}
    assert "val: of each class a fifth" in capsys.readouterr().out
    os.rename(a.parent / "Test", a.parent / "valid")
    assert table(image_folder(a.parent, size=4)) == {"train": [8, 8], "val": [0, 4], "test": [2, 2]}
    assert "test: of each class a fifth" in capsys.readouterr().out
    for n in range(3):
        shutil.copy(a / "cat" / f"{n}.png", a.parent / "valid" / "dog" / f"leak {n}.png")
    image_folder(a.parent, size=4)
    said = capsys.readouterr().out
    assert "warning: " in said and "in val, pixel by pixel: what is measured on val" in said


def test_names_decide_over_classes_and_what_is_strange_is_said(tmp_path, capsys):
    root = tmp_path / "pictures"
    pile(root / "train", cat=5, Cat=5, dog=5)
    pile(root / "test", 500, dog=2)
    (root / "train" / "empty").mkdir()
    (root / "train" / "cat" / ".hidden").write_text("no picture")
    (root / "train" / "cat" / "Thumbs.db").write_text("no picture")
    pile(root, extra=1)
    assert image_folder(root, size=4).classes == ("Cat", "cat", "dog")
    said = capsys.readouterr().out
    for words in ("not used: extra", "empty folders", "Cat and cat"):
        assert words in said
    pile(root / "test", Dog=1)
    with pytest.raises(DataError, match=r"no picture to train on in Dog.*of Cat, cat, dog"):
        image_folder(root, size=4)
    letters = pile(tmp_path / "names", **{"a\u0308": 6, "b": 6})  # ä, as a Mac writes it
    assert image_folder(letters, size=4).classes == ("b", "\u00e4")


def test_a_layout_that_cannot_be_used_is_refused_with_what_was_expected(tmp_path):
    loose, nested = tmp_path / "loose", pile(tmp_path / "nested" / "inner", a=3, b=3).parent
    picture(loose / "a.png", 0)
    only_test, two = tmp_path / "only test", pile(tmp_path / "two" / "val", a=3).parent
    pile(only_test / "test", a=3)
    pile(two / "train", a=3)
    pile(two / "valid", a=3)
    (tmp_path / "file.zip").write_bytes(b"PK")
    for path, words in {
        loose: "expected a folder for each class",
        nested: r"found one class, inner.*nested/inner",
        only_test: r"found test/ and no train/",
        two: r"found val/ and valid/; expected one",
        tmp_path / "file.zip": "unpack it",
        tmp_path / "nothing": "no such folder",
        pile(tmp_path / "few", a=1, b=1): "no picture for val and test",
    }.items():
        with pytest.raises(DataError, match=words):
            image_folder(path, size=4)
    for setting in (
        {"size": 0},
        {"size": 8.0},
        {"size": 8, "channels": 4},
        {"size": 8, "fit": "x"},
    ):
        with pytest.raises(ValueError, match="expected"):
            image_folder(nested, **setting)


def test_two_classes_a_thousand_and_one_image_in_a_class(tmp_path):
    two = pile(tmp_path / "two", a=3, b=1)
    assert table(image_folder(two, size=4)) == {"train": [1, 1], "val": [1, 0], "test": [1, 0]}
    for n in range(1000):
        (tmp_path / "many" / f"{n}").mkdir(parents=True)
        for k in range(3):  # a picture of 1×2
            dots = b"P6 2 1 255 " + n.to_bytes(2, "big") + bytes([k, 0, 0, 0])
            (tmp_path / "many" / f"{n}" / f"{k}.ppm").write_bytes(dots)
    many = image_folder(tmp_path / "many", size=2, fit="pad")
    assert table(many) == {part: [1] * 1000 for part in ("train", "val", "test")}
    assert many.classes == tuple(sorted(map(str, range(1000))))
