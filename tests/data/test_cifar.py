"""CIFAR from the archive, from what torchvision unpacks, and from arrays: the same tensors."""

import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

import paper_files
from kd_helpers.data import cifar
from kd_helpers.data.datasets import DataError, data_dir, load_dataset

LABELS, TEST_LABELS = [0, 2, 1, 1, 0, 2] * 10, [2, 0, 1]  # equally many of a class
CLASSES = ["class 0", "class 1", "class 2"]
NAMES = ("cifar-100", cifar.REENCODED)


@pytest.fixture
def sources(tmp_path, monkeypatch) -> dict[str, Path]:
    """Three folders, each with a small CIFAR-100 in another form; the third has the copy of
    CIFAR-10, too."""
    monkeypatch.setenv("KD_OFFLINE", "1")
    folders = {name: tmp_path / name for name in ("archive", "unpacked", "arrays")}
    paper_files.write_cifar(folders["archive"], "cifar-100", LABELS, TEST_LABELS)
    paper_files.publish(monkeypatch, "cifar-100", folders["archive"])
    archive = next(folders["archive"].rglob("*.tar.gz"))
    with tarfile.open(archive) as tar:
        tar.extractall(folders["unpacked"], filter="data")
    folders["arrays"].mkdir()
    arrays = arrays_of_pictures()
    for name in NAMES:
        parts = (arrays["train_images"], arrays["test_images"])
        paper_files.publish_pixels(monkeypatch, name, CLASSES, *parts)
        np.savez(folders["arrays"] / f"{name.removesuffix('-reencoded')}.npz", **arrays)
    return folders


def arrays_of_pictures() -> dict[str, np.ndarray]:
    """Class by class, in each class in the order of the archive."""
    arrays = {"classes": np.array(CLASSES)}
    for seed, (part, labels) in enumerate((("train", LABELS), ("test", TEST_LABELS))):
        order = sorted(range(len(labels)), key=lambda row: labels[row])
        arrays[f"{part}_images"] = paper_files.pictures(labels, seed).transpose(0, 2, 3, 1)[order]
        arrays[f"{part}_labels"] = np.array(labels)[order]
    return arrays


def test_three_forms_of_one_data_set_give_the_same_tensors(sources):
    found = {name: load_dataset("cifar-100", root=folder) for name, folder in sources.items()}
    assert len({data.fingerprint for data in found.values()}) == 1
    first, *others = found.values()
    for other in others:
        for part in ("train", "val", "test"):
            assert torch.equal(getattr(first, part).images, getattr(other, part).images)
            assert torch.equal(getattr(first, part).labels, getattr(other, part).labels)
    assert first.val.labels.tolist() == [0, 0, 1, 1, 2, 2]
    copy = load_dataset(cifar.REENCODED, root=sources["arrays"])
    assert copy.key == cifar.REENCODED and torch.equal(copy.train.images, first.train.images)


def test_the_order_of_the_classes_in_a_copy_does_not_matter(sources):
    before, path = load_dataset("cifar-100", root=sources["arrays"]), sources["arrays"]
    arrays = arrays_of_pictures()
    order = np.argsort(-arrays["train_labels"], kind="stable")
    shuffled = {k: arrays[f"train_{k}"][order] for k in ("images", "labels")}
    np.savez(path / "cifar-100.npz", **arrays | {f"train_{k}": v for k, v in shuffled.items()})
    assert load_dataset("cifar-100", root=path).fingerprint == before.fingerprint


def test_arrays_that_are_not_the_data_set_are_named_with_the_reason(sources):
    path, whole = sources["arrays"] / "cifar-100.npz", arrays_of_pictures()

    def refused(reason: str, **changed) -> None:
        kept = {k: v for k, v in (whole | changed).items() if v is not None}
        np.savez(path, **kept)
        with pytest.raises(DataError, match=reason) as caught:
            load_dataset("cifar-100", root=path.parent)
        assert str(path) in str(caught.value)

    images, labels = whole["train_images"], whole["train_labels"]
    swapped, altered = images.copy(), images.copy()
    swapped[[0, 1]], altered[-1, 0, 0, 0] = swapped[[1, 0]], altered[-1, 0, 0, 0] ^ 1
    refused("the right images, but .* another order", train_images=swapped)
    refused("other pixels: .* re-encoded", train_images=altered)
    refused("other pixels: cut short", train_images=images[:-1], train_labels=labels[:-1])
    relabelled = labels.copy()
    relabelled[-1] = 0
    refused("the right images, but other labels", train_labels=relabelled)
    refused("the 3 class names of cifar-100", classes=np.array(CLASSES[::-1]))
    refused("expected uint8 images .* found KeyError", test_labels=None)
    refused("expected uint8 images", train_images=images.astype(np.float32))
    refused("other pixels: cut short", train_labels=labels[:-3])
    refused("expected uint8 images", classes=np.array(CLASSES, object))  # a pickle
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match="expected uint8 images"):
        load_dataset("cifar-100", root=path.parent)


def test_an_altered_pickle_is_never_opened(sources):
    member = next(sources["unpacked"].rglob("train"))
    member.write_bytes(b"cos\nabort\n(tR.")  # would end this process
    with pytest.raises(DataError, match="cifar-100-python: expected the files"):
        load_dataset("cifar-100", root=sources["unpacked"])


def test_a_copy_of_cifar_10_is_never_taken_for_the_published_one(sources, tmp_path):
    with pytest.raises(DataError, match=r'cifar-10\.npz.*load_dataset\("cifar-10-reencoded"\)'):
        load_dataset("cifar-10", root=sources["arrays"])
    with pytest.raises(DataError, match=r'which nobody publishes; load_dataset\("cifar-10"\)'):
        load_dataset(cifar.REENCODED, root=tmp_path / "nothing")


def test_the_real_files_are_the_ones_that_the_stored_runs_saw(monkeypatch):
    """Where they lie; the CI of the course has none."""
    monkeypatch.setenv("KD_OFFLINE", "1")
    root = Path(os.environ.get("KD_CIFAR") or data_dir())
    fingerprints = {"cifar-100": "edb376e486e5", cifar.REENCODED: "6688e32d8ee3"}
    missing = []
    for name, fingerprint in fingerprints.items():
        try:
            data = load_dataset(name, root=root)
        except DataError as problem:
            missing.append(str(problem))
            continue
        assert data.fingerprint == fingerprint
        assert [len(split) for split in (data.train, data.val, data.test)] == [
            45_000,
            5_000,
            10_000,
        ]
    if len(missing) == len(fingerprints):
        pytest.skip(f"no CIFAR here: {missing[0]}")
