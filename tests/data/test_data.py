"""Fashion-MNIST: splits against the files read independently, and errors about damaged files."""

import gzip
import shutil

import numpy as np
import pytest
import torch

from kd_helpers.data.datasets import DataError, Split, load_dataset
from kd_helpers.runtime.folders import data_dir

IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
SMALLEST = "t10k-labels-idx1-ubyte.gz"


@pytest.fixture(scope="module")
def data():
    return load_dataset("fashion-mnist")


def read(name: str) -> np.ndarray:
    """An IDX file by hand: a header of 16 bytes before images, of 8 before labels."""
    with gzip.open(data_dir() / "fashion-mnist" / name) as file:
        content = np.frombuffer(file.read(), np.uint8)
    return content[16:].reshape(-1, 28, 28) if "images" in name else content[8:]


def test_the_splits_are_the_published_files_and_share_no_row(data):
    images, labels = read(IMAGES), read(LABELS)
    val, left = np.zeros(len(labels), bool), dict.fromkeys(range(10), 600)
    for row in reversed(range(len(labels))):  # the last 600 of each class
        if left[labels[row]]:
            left[labels[row]] -= 1
            val[row] = True
    test = read("t10k-images-idx3-ubyte.gz"), read(SMALLEST)
    for split, (pixels, classes) in (
        (data.train, (images[~val], labels[~val])),
        (data.val, (images[val], labels[val])),
        (data.test, test),
    ):
        np.testing.assert_array_equal(split.images[:, 0].numpy(), pixels)
        np.testing.assert_array_equal(split.labels.numpy(), classes)
        assert split.images.dtype == torch.uint8 and split.labels.dtype == torch.int64
        assert set(split.labels.bincount().tolist()) == {len(split) // 10}
    assert [len(s) for s in (data.train, data.val, data.test)] == [54_000, 6_000, 10_000]
    assert len(set(data.classes)) == 10 and data.classes[7] == "Sneaker"


def test_a_damaged_or_missing_file_is_named_with_expected_found_and_advice(tmp_path):
    folder = shutil.copytree(data_dir() / "fashion-mnist", tmp_path / "fashion-mnist")
    altered = bytearray((folder / IMAGES).read_bytes())
    altered[len(altered) // 2] ^= 1
    labels = (folder / SMALLEST).read_bytes()
    for name, damaged in (
        (SMALLEST, labels[:1000]),
        (SMALLEST, b""),
        (SMALLEST, b"<html>404: not found</html>"),
        (SMALLEST, gzip.compress(gzip.decompress(labels), 1)),  # the same, but not as published
        (SMALLEST, None),
        (IMAGES, bytes(altered)),
        (IMAGES, None),
    ):
        path, whole = folder / name, (folder / name).read_bytes()
        path.write_bytes(damaged) if damaged is not None else path.unlink()
        with pytest.raises(DataError) as caught:
            load_dataset("fashion-mnist", root=tmp_path)
        words = str(caught.value)
        found = "expected SHA-256" if damaged is not None else "expected a file, found none"
        assert str(path) in words and found in words
        assert "git checkout" in words and "KD_DATA" in words
        assert caught.value.__context__ is None  # nothing of gzip's
        path.write_bytes(whole)


def test_a_gpu_without_memory_for_the_images_is_told_of_with_the_sizes(data, monkeypatch):
    def full(split, device):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 42.00 MiB.")

    monkeypatch.setattr(Split, "to", full)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (12_000_000, 2_000_000_000))
    with pytest.raises(DataError) as caught:
        data.to("cuda")
    words = str(caught.value)
    assert "cuda has no room for fashion-mnist: 70,000 images of 1×28×28" in words
    assert "0.05 GB in all" in words and "0.01 of 2.00 GB are free" in words
    assert "half the size" in words and "CUDA_VISIBLE_DEVICES=" in words
