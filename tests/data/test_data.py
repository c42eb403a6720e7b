"""Fashion-MNIST: splits against the files read independently, and errors about damaged files."""

import gzip
import shutil

import numpy as np
import pytest
import torch

from kd_helpers.data.datasets import DataError, load_dataset
from kd_helpers.runtime.folders import data_dir

TRAIN, VAL, TEST, CLASSES, SIDE = 54_000, 6_000, 10_000, 10, 28
IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
SMALLEST = "t10k-labels-idx1-ubyte.gz"


@pytest.fixture(scope="module")
def data():
    return load_dataset("fashion-mnist")


def read_images(name: str) -> np.ndarray:
    """An IDX image file by hand: 16 bytes of header, then pixels."""
    with gzip.open(data_dir() / "fashion-mnist" / name) as file:
        content = np.frombuffer(file.read(), np.uint8)
    return content[16:].reshape(-1, SIDE, SIDE)


def read_labels(name: str) -> np.ndarray:
    with gzip.open(data_dir() / "fashion-mnist" / name) as file:
        return np.frombuffer(file.read(), np.uint8)[8:]


def rows(images: np.ndarray, labels: np.ndarray) -> list[bytes]:
    """Image and label of each row as bytes, to compare as sets."""
    return [i.tobytes() + bytes([label]) for i, label in zip(images, labels, strict=True)]


def test_sizes_types_and_classes(data):
    assert [len(s) for s in (data.train, data.val, data.test)] == [TRAIN, VAL, TEST]
    for split in (data.train, data.val, data.test):
        assert split.images.shape == (len(split), 1, SIDE, SIDE)
        assert split.images.dtype == torch.uint8
        assert split.labels.dtype == torch.int64
        assert split.labels.unique().tolist() == list(range(CLASSES))
    assert len(data.classes) == len(set(data.classes)) == CLASSES
    assert data.classes[7] == "Sneaker"


def test_every_split_is_balanced(data):
    for split in (data.train, data.val, data.test):
        assert set(split.labels.bincount().tolist()) == {len(split) // CLASSES}
    assert data.val.labels.bincount().tolist() == [600] * CLASSES


def test_training_and_validation_are_the_training_file_and_share_no_row(data):
    images, labels = read_images(IMAGES), read_labels(LABELS)
    expected_val = np.zeros(len(labels), bool)
    left = dict.fromkeys(range(CLASSES), 600)
    for row in reversed(range(len(labels))):  # the last 600 of each class
        if left[labels[row]]:
            left[labels[row]] -= 1
            expected_val[row] = True
    for split, mask in ((data.train, ~expected_val), (data.val, expected_val)):
        np.testing.assert_array_equal(split.images[:, 0].numpy(), images[mask])
        np.testing.assert_array_equal(split.labels.numpy(), labels[mask])


def test_no_validation_or_test_picture_is_in_the_training_split(data):
    """Counted on the pictures themselves; the published files hold a handful of doubles."""
    train, val, test = (
        set(rows(s.images.numpy(), s.labels.numpy())) for s in (data.train, data.val, data.test)
    )
    file = rows(read_images(IMAGES), read_labels(LABELS))
    assert train | val == set(file)
    doubles = len(file) - len(set(file))
    assert len(train & val) <= doubles
    assert len(test & (train | val)) <= 10


def test_the_test_split_is_the_test_file(data):
    np.testing.assert_array_equal(
        data.test.images[:, 0].numpy(), read_images("t10k-images-idx3-ubyte.gz")
    )
    np.testing.assert_array_equal(data.test.labels.numpy(), read_labels(SMALLEST))


def test_every_call_gives_the_same_splits_whatever_the_random_state(data):
    torch.manual_seed(123)
    again = load_dataset("fashion-mnist")
    for name in ("train", "val", "test"):
        assert getattr(again, name).images.equal(getattr(data, name).images)
        assert getattr(again, name).labels.equal(getattr(data, name).labels)


def test_subset_keeps_the_order(data):
    some = data.test.subset(torch.tensor([5, 2]))
    assert some.images.equal(data.test.images[[5, 2]])
    assert some.labels.tolist() == data.test.labels[[5, 2]].tolist()


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown data set 'mnist'; known: .*fashion-mnist"):
        load_dataset("mnist")


@pytest.fixture
def copy(tmp_path):
    """A data folder that a test may damage."""
    shutil.copytree(data_dir() / "fashion-mnist", tmp_path / "fashion-mnist")
    return tmp_path


def test_a_copy_elsewhere_is_as_good(copy, data, monkeypatch):
    assert load_dataset("fashion-mnist", root=copy).val.images.equal(data.val.images)
    monkeypatch.setenv("KD_DATA", str(copy))
    assert load_dataset("fashion-mnist").val.images.equal(data.val.images)


def remove(path):
    path.unlink()


def cut_short(path):
    path.write_bytes(path.read_bytes()[:1000])


def empty(path):
    path.write_bytes(b"")


def alter_one_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def replace_by_text(path):
    path.write_text("<html>404: not found</html>")


def replace_by_another_gzip(path):
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 1, 7])))


def pack_again(path):
    """The same pixels, but not the published file."""
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 1))


DAMAGES = (cut_short, empty, alter_one_byte, replace_by_text, replace_by_another_gzip, pack_again)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named_with_expected_found_and_advice(damage, copy):
    path = copy / "fashion-mnist" / SMALLEST
    damage(path)
    with pytest.raises(DataError) as caught:
        load_dataset("fashion-mnist", root=copy)
    words = str(caught.value)
    assert str(path) in words
    assert "expected SHA-256" in words and "found" in words and "cut short or altered" in words
    assert "git checkout" in words and "KD_DATA" in words
    assert caught.value.__cause__ is None and caught.value.__context__ is None  # nothing of gzip's


def test_a_damaged_image_file_is_found_too(copy):
    alter_one_byte(copy / "fashion-mnist" / IMAGES)
    with pytest.raises(DataError, match=IMAGES):
        load_dataset("fashion-mnist", root=copy)


@pytest.mark.parametrize("name", (IMAGES, SMALLEST))
def test_a_missing_file_is_named_with_advice(name, copy):
    path = copy / "fashion-mnist" / name
    remove(path)
    with pytest.raises(DataError) as caught:
        load_dataset("fashion-mnist", root=copy)
    words = str(caught.value)
    assert str(path) in words and "expected a file, found none" in words
    assert "git checkout" in words and "KD_DATA" in words


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"fashion-mnist.*expected a file, found none"):
        load_dataset("fashion-mnist", root=tmp_path / "nowhere")
