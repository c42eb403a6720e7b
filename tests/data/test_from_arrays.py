"""Images in memory, torchvision's objects and the hub's Parquet files: the same data set again."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import FakeData, ImageFolder
from torchvision.transforms.functional import to_tensor
from torchvision.transforms.v2 import RandomCrop, RandomHorizontalFlip

from kd_helpers.data.from_arrays import as_picture, from_arrays, from_torchvision
from kd_helpers.data.from_parquet import from_parquet
from kd_helpers.data.splits import DataError
from picture_files import table, write_table

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (60, 3, 7, 7), np.uint8)
LABELS = np.arange(60) % 3


def test_arrays_of_every_kind_give_the_same_data_set(capsys):
    first = from_arrays(IMAGES, LABELS, name="a")
    assert table(first) == {"train": [12] * 3, "val": [4] * 3, "test": [4] * 3}
    assert "of each class a fifth" in capsys.readouterr().out
    assert first.classes == ("0", "1", "2") and first.train.images.shape == (36, 3, 7, 7)
    last = IMAGES.transpose(0, 2, 3, 1)
    floats = torch.stack([to_tensor(image) for image in last])
    whole = IMAGES.astype(np.int64)
    for images in (torch.tensor(IMAGES), last, whole, IMAGES.tolist(), last / 255, floats):
        for labels in (LABELS, torch.tensor(LABELS), LABELS.astype(np.int8), LABELS[:, None]):
            assert from_arrays(images, labels, name="b").fingerprint == first.fingerprint
    grey = from_arrays(IMAGES[:, 0], LABELS, name="grey")
    assert grey.train.images.shape == (36, 1, 7, 7)
    assert IMAGES.sum() == np.random.default_rng(0).integers(0, 256, IMAGES.shape, np.uint8).sum()


def test_labels_are_numbers_or_names_and_given_splits_are_kept(capsys):
    names = np.array(["owl", "ant", "cat"])
    words = from_arrays(IMAGES, names[LABELS].tolist(), name="words")
    assert words.classes == ("ant", "cat", "owl")
    column = names[LABELS].astype(object)  # as pandas has them
    assert from_arrays(IMAGES, column, name="x").fingerprint == words.fingerprint
    same = from_arrays(IMAGES, LABELS, names, name="numbers")
    assert same.classes == ("owl", "ant", "cat")
    assert from_arrays(IMAGES, names[LABELS], list(names), name="x").fingerprint == same.fingerprint
    far = from_arrays(IMAGES, LABELS * 10 - 5, name="far")
    assert far.classes == ("-5", "5", "15") and table(far) == table(same)
    assert from_arrays(IMAGES, LABELS > 0, name="two").classes == ("False", "True")
    both = (IMAGES[40:50], LABELS[40:50]), (IMAGES[50:], LABELS[50:])
    split = from_arrays(IMAGES[:40], LABELS[:40], name="split", val=both[0], test=both[1])
    assert split.train.images.equal(torch.tensor(IMAGES[:40]))
    assert split.test.labels.equal(torch.tensor(LABELS[50:]))
    capsys.readouterr()
    one = from_arrays(IMAGES[:40], LABELS[:40], name="one", test=both[1])
    assert len(one.train) == 40 - 6 and "val: of each class" in capsys.readouterr().out
    from_arrays(IMAGES, LABELS, [*names, "gnu"], name="more", val=both[0], test=both[1])
    said = capsys.readouterr().out
    assert "no picture anywhere: gnu" in said and "10 pictures in train and in test" in said


def test_a_picture_is_made_of_whatever_holds_one():
    pixels = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    colour, grey = (as_picture(torch.tensor(given)) for given in (pixels, pixels[:1]))
    assert np.array_equal(np.asarray(colour), pixels.transpose(1, 2, 0))
    for image in (grey, as_picture(pixels[0]), as_picture(grey)):
        assert np.array_equal(np.asarray(image), pixels[0])


def test_what_arrays_cannot_be_is_said_in_a_sentence():
    images, labels = IMAGES, LABELS
    for problem, words in {
        lambda: from_arrays(images / 127.5 - 1, labels, name="x"): "from -1 to 1.*undo the mean",
        lambda: from_arrays(images / 300, labels, name="x"): r"\(images \* 255\)",
        lambda: from_arrays(images * 2.0, labels, name="x"): "expected bytes",
        lambda: from_arrays(images.astype(int) * 2, labels, name="x"): "from 0 to 5..",
        lambda: from_arrays(images.reshape(60, -1), labels, name="x"): "reshape",
        lambda: from_arrays(images[:, [0, 1]], labels, name="x"): "C = 1 or 3",
        lambda: from_arrays(images[..., :3], labels, name="x"): "neither or both",
        lambda: from_arrays(images[:0], labels[:0], name="x"): "reshape",
        lambda: from_arrays(images, labels[1:], name="x"): "60 images and 59 labels",
        lambda: from_arrays(images, np.eye(3)[labels], name="x"): r"labels.argmax\(1\)",
        lambda: from_arrays(images, labels / 2, name="x"): "whole numbers or names",
        lambda: from_arrays(images, [None, "a"] * 30, name="x"): "none of them missing",
        lambda: from_arrays(images, labels * 0, name="x"): "1 class",
        lambda: from_arrays(images, labels, ["a", "b"], name="x"): "labels 2 and the 2 classes",
        lambda: from_arrays(images, labels, ["a", "b", "b"], name="x"): "twice",
        lambda: from_arrays(images, labels, name="x", test=(images[..., :5], labels)): "shapes",
        lambda: from_arrays(images, labels, name="x", test=(images, labels + 1)): "only in val",
    }.items():
        with pytest.raises(DataError, match=words):
            problem()


def test_torchvisions_objects_are_matched_by_the_names_of_their_classes(tmp_path):
    data = from_torchvision(FakeData(50, (3, 20, 30), 2), size=8, channels=1)
    assert data.name == "FakeData" and data.train.images.shape[1:] == (1, 8, 8)
    for part, names in (("train", "abc"), ("test", "bc")):
        for name in names:
            (tmp_path / part / name).mkdir(parents=True)
            for n in range(5):
                colour = (ord(name), n, len(part))
                Image.new("RGB", (9, 9), colour).save(tmp_path / part / name / f"{n}.png")
    train, test = (ImageFolder(tmp_path / part) for part in ("train", "test"))
    data = from_torchvision(train, test, size=4)
    assert table(data) == {"train": [4] * 3, "val": [1] * 3, "test": [0, 5, 5]}
    for split in (data.train, data.val, data.test):
        assert [ord("abc"[k]) for k in split.labels] == split.images[:, 0, 0, 0].tolist()
    tensors = [ImageFolder(folder.root, to_tensor) for folder in (train, test)]
    assert from_torchvision(*tensors, size=4).fingerprint == data.fingerprint
    for random in (RandomHorizontalFlip(), RandomCrop(3)):
        with pytest.raises(DataError, match="no random transform"):
            from_torchvision(FakeData(20, (3, 9, 9), 2, transform=random), size=8)
    part = torch.utils.data.Subset(train, range(3, 15))
    assert from_torchvision(part, size=4).classes == ("a", "b", "c")
    (tmp_path / "train" / "a" / "0.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"1 of 15 files[\s\S]*train\[0\]: UnidentifiedImageError"):
        from_torchvision(train, size=4)
    assert table(from_torchvision(train, size=4, skip_problems=True))["train"] == [2, 3, 3]


def test_parquet_files_of_the_hub(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    folder, names = tmp_path / "data", ["owl", "ant", "cat"]
    write_table(folder / "train-00000-of-00002.parquet", IMAGES[:20], LABELS[:20], names)
    write_table(folder / "train-00001-of-00002.parquet", IMAGES[20:40], LABELS[20:40], names)
    write_table(folder / "validation-00000-of-00001.parquet", IMAGES[40:50], LABELS[40:50], names)
    write_table(folder / "test.parquet", IMAGES[50:], LABELS[50:], names)
    data = from_parquet(folder, size=7)
    both = (IMAGES[40:50], LABELS[40:50]), (IMAGES[50:], LABELS[50:])
    same = from_arrays(IMAGES[:40], LABELS[:40], names, name="x", val=both[0], test=both[1])
    assert data.fingerprint == same.fingerprint and data.name == "data"
    write_table(folder / "test.parquet", IMAGES[50:], [-1] * 10, names)  # labels are hidden
    with pytest.raises(DataError, match=r"10 of 60 files[\s\S]*test.parquet, row 0: no label"):
        from_parquet(folder, size=7)
    assert len(from_parquet(folder, size=7, skip_problems=True).test) == 6
    one = tmp_path / "one.parquet"
    write_table(one, IMAGES, np.array(names)[LABELS].tolist())
    assert from_parquet(one, size=7).classes == ("ant", "cat", "owl")
    for how, words in {"label": "lable", "image": "picture"}.items():
        with pytest.raises(DataError, match="found the columns image, label, note"):
            from_parquet(one, size=7, **{how: words})
    two = pyarrow.parquet.read_table(one).rename_columns(["image", "fine_label", "coarse_label"])
    pyarrow.parquet.write_table(two, one)
    with pytest.raises(DataError, match="found the columns image, fine_label, coarse_label"):
        from_parquet(one, size=7)  # which of them?
    assert from_parquet(one, size=7, label="fine_label").classes == ("ant", "cat", "owl")
    one.write_bytes(b"PAR1")
    for path, words in {one: "expected a Parquet file", tmp_path / "none": "no Parquet"}.items():
        with pytest.raises(DataError, match=words):
            from_parquet(path, size=7)
