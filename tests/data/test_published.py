"""The papers' data sets, from small files in the published formats; and damaged or hostile ones."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import SVHN

import paper_files
from kd_helpers.data import cifar, published
from kd_helpers.data.datasets import DataError, load_dataset

LABELS = [0, 1, 2, 1, 1] * 11  # 11, 33 and 11 of a class; 1, 3 and 1 of them for validation
TEST_LABELS = [2, 0, 1, 2]
COUNTS = {"n02124075": 12, "n01443537": 11}  # in the order of wnids.txt, not of the labels
NAMES = tuple(published.FILES)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A data folder with a small file for every data set; nobody may be asked for another."""
    monkeypatch.setenv("KD_OFFLINE", "1")
    monkeypatch.delitem(cifar.PIXELS, "cifar-100")  # those of the real one
    for name in ("cifar-10", "cifar-100"):
        paper_files.write_cifar(tmp_path, name, LABELS, TEST_LABELS)
    paper_files.write_svhn(tmp_path, LABELS, TEST_LABELS)
    paper_files.write_tiny_imagenet(tmp_path, COUNTS, [*COUNTS])
    for name in NAMES:
        paper_files.publish(monkeypatch, name, tmp_path)
    return tmp_path


def split_of(labels: list[int]) -> tuple[list[int], list[int]]:
    """Rows for training and for validation: the last tenth of each class."""
    rows_of = {k: [row for row, label in enumerate(labels) if label == k] for k in set(labels)}
    val = sorted(row for rows in rows_of.values() for row in rows[-(len(rows) // 10) :])
    return [row for row in range(len(labels)) if row not in val], val


def assert_splits(data, sort) -> None:
    """All pixels and labels are those of the arrays that were written, in the right order."""
    images, test_images = (paper_files.pictures(x, s) for s, x in enumerate((LABELS, TEST_LABELS)))
    rows = [sort(rows, key=lambda row: LABELS[row]) for rows in split_of(LABELS)]
    test_rows = sort(range(len(TEST_LABELS)), key=lambda row: TEST_LABELS[row])
    expected = [(images, LABELS, some) for some in rows] + [(test_images, TEST_LABELS, test_rows)]
    splits = (data.train, data.val, data.test)
    for split, (pixels, labels, chosen) in zip(splits, expected, strict=True):
        np.testing.assert_array_equal(split.images.numpy(), pixels[list(chosen)])
        assert split.labels.tolist() == [labels[row] for row in chosen]
        assert split.images.dtype == torch.uint8 and split.labels.dtype == torch.int64
        assert split.images.is_contiguous()


def test_cifar_comes_class_by_class_and_svhn_in_the_order_of_its_file(folder):
    for name in ("cifar-10", "cifar-100"):
        data = load_dataset(name, root=folder)
        assert_splits(data, sorted)  # Python's sort is stable
        assert data.name == name and data.classes == ("class 0", "class 1", "class 2")
    data = load_dataset("svhn", root=folder)
    assert_splits(data, lambda rows, key: rows)
    assert data.classes == tuple("0123456789")


def test_tiny_imagenet_is_decoded_in_the_order_of_its_paths(folder):
    data = load_dataset("tiny-imagenet-200", root=folder)
    cats = [0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9]  # by name: _0, _1, _10, _11, _2, …
    fish = [12 + n for n in (0, 1, 10, *range(2, 10))]
    assert data.classes == ("goldfish", "Egyptian cat")
    assert data.val.labels.tolist() == [0, 1] and data.test.labels.tolist() == [1, 0]
    for split, numbers in (
        (data.train, fish[:-1] + cats[:-1]),
        (data.val, [fish[-1], cats[-1]]),
        (data.test, [23, 24]),
    ):
        assert split.images.shape == (len(numbers), 3, 64, 64)
        for image, number in zip(split.images, numbers, strict=True):
            colour = torch.tensor(paper_files.colour(number)).view(3, 1, 1)
            assert (image - colour).abs().max() <= 2  # number 0 is a grey file


def test_a_file_that_is_not_the_published_one_is_named_left_alone_and_never_opened(
    folder, monkeypatch
):
    for module in ("torchvision.datasets.utils.extract_archive", "zipfile.ZipFile"):
        monkeypatch.setattr(module, lambda *_: pytest.fail("opened"))
    monkeypatch.setattr(SVHN, "__init__", lambda *_: pytest.fail("opened"))
    for name in NAMES:
        path = folder / name / published.FILES[name][0].name
        whole = path.read_bytes()
        for damaged in (whole[:-1], whole[:40] + b"?" + whole[41:], b"", b"<html>404</html>"):
            path.write_bytes(damaged)
            with pytest.raises(DataError, match=r"expected SHA-256 .* found .* not used") as caught:
                load_dataset(name, root=folder)
            assert str(path) in str(caught.value) and path.read_bytes() == damaged


def test_offline_it_says_which_file_goes_where(folder):
    for name in NAMES:
        file, place = published.FILES[name][0], folder / "other" / name
        with pytest.raises(DataError) as caught:
            load_dataset(name, root=folder / "other")
        words = str(caught.value)
        assert f"put {file.name} ({file.bytes / 1e6:.1f} MB" in words
        assert "KD_OFFLINE is set" in words and f"into {place}, or set KD_DATA" in words
    for path in folder.glob("*/*"):  # the data folder itself will do
        shutil.move(path, folder)
    for name in NAMES:
        assert load_dataset(name, "meta", folder).train.images.device.type == "meta"


def test_a_download_is_used_once_it_is_whole_and_right(folder, tmp_path, monkeypatch, capsys):
    """From a file:// address: who answers makes no difference to us."""
    monkeypatch.setenv("KD_OFFLINE", "0")
    root, source = tmp_path / "new", folder / "cifar-10/cifar-10-python.tar.gz"
    whole = source.read_bytes()
    for problem, content in (("invalid hash", whole[:-1]), ("No such file", None)):
        source.write_bytes(content) if content else source.unlink()
        with pytest.raises(DataError, match=rf"{problem}.*put cifar-10-python.tar.gz"):
            load_dataset("cifar-10", root=root)
        assert list((root / "cifar-10").iterdir()) == []
    source.write_bytes(whole)
    assert_splits(load_dataset("cifar-10", root=root), sorted)
    source.unlink()
    assert_splits(load_dataset("cifar-10", root=root), sorted)
    assert "100%" in capsys.readouterr().err


def test_the_published_files_are_those_of_torchvision_which_is_not_imported_early():
    for name, reader in paper_files.CIFAR.items():
        assert [(f.name, f.url) for f in published.FILES[name]] == [(reader.filename, reader.url)]
    for file, part in zip(published.FILES["svhn"], ("train", "test"), strict=True):
        url, name, _ = SVHN.split_list[part]
        assert (file.url, file.name) == (url.replace("https", "http"), name)
    for file in sum(published.FILES.values(), ()):
        assert len(bytes.fromhex(file.sha256)) == 32 and file.url.endswith(file.name)
    code = "import sys, kd_helpers.data.datasets; sys.exit('torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
