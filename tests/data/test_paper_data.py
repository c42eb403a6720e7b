"""The papers' data sets, from small files in the published formats; and damaged or hostile ones."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import CIFAR10, CIFAR100, SVHN

import paper_files
from file_server import FileServer
from kd_helpers.data import cifar_svhn as paper_data
from kd_helpers.data import tiny_imagenet
from kd_helpers.data.datasets import LOADERS, DataError, load_dataset
from paper_files import WNIDS, pack, pictures, split_of

LABELS = [0, 1, 2, 1, 1] * 11  # 11, 33 and 11 of a class; 1, 3 and 1 of them for validation
TEST_LABELS = [2, 0, 1, 2]
FINE, TEST_FINE = [1, 0, 0] * 10 + [1] * 9, [1, 0]
DIGITS, TEST_DIGITS = [0, 7, 0, 9] * 12 + [5] * 9, [9, 0, 1]
COUNTS = dict(zip(WNIDS, (20, 12, 9), strict=True))
TEST_WNIDS = [WNIDS[2], WNIDS[0], WNIDS[1]]
GREY = f"{WNIDS[0]}_10.JPEG"
MEMBERS = {
    "cifar-10": (CIFAR10, paper_files.cifar_10(LABELS, TEST_LABELS)),
    "cifar-100": (CIFAR100, paper_files.cifar_100(FINE, TEST_FINE)),
}


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    monkeypatch.setenv("KD_OFFLINE", "1")
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    monkeypatch.delenv("KD_MIRRORS", raising=False)


@pytest.fixture
def publish(monkeypatch):
    """publish("svhn", path, path): from now on these files are the published ones."""

    def publish(name, *paths):
        files = tuple(paper_files.as_published(path) for path in paths)
        monkeypatch.setitem(paper_data.FILES, name, files)
        return paths[0]

    return publish


@pytest.fixture
def cifar(publish, tmp_path):
    """cifar("cifar-10", where="cifar-10") -> the path of a small archive in that folder."""

    def write(name, where, members=None):
        facts, usual = MEMBERS[name]
        path = tmp_path / where / facts.filename
        return publish(name, pack(path, facts.base_folder, members or usual))

    return write


@pytest.fixture
def unpacked(tmp_path, monkeypatch):
    """unpacked("cifar-10", where="cifar-10") -> the unpacked folder, with its MD5s published."""

    def write(name, where, changed=None):
        facts, members = MEMBERS[name]
        folder = tmp_path / where / facts.base_folder
        folder.mkdir(parents=True)
        members = {**members, **(changed or {})}
        for member, content in members.items():
            (folder / member).write_bytes(content)
        md5s = {member: paper_files.md5_of(content) for member, content in members.items()}
        for files in ("train_list", "test_list"):
            new = [[member, md5s[member]] for member, _ in getattr(facts, files)]
            monkeypatch.setattr(facts, files, new)
        monkeypatch.setitem(facts.meta, "md5", md5s[facts.meta["filename"]])
        return folder

    return write


@pytest.fixture
def svhn(publish, tmp_path, monkeypatch):
    def write(where):
        paths = [
            paper_files.house_numbers(tmp_path / where / f"{part}_32x32.mat", digits, seed)
            for seed, (part, digits) in enumerate((("train", DIGITS), ("test", TEST_DIGITS)))
        ]
        md5s = [paper_files.md5_of(path.read_bytes()) for path in paths]
        for part, path, md5 in zip(("train", "test"), paths, md5s, strict=True):
            monkeypatch.setitem(SVHN.split_list, part, ["", path.name, md5])
        return publish("svhn", *paths)

    return write


@pytest.fixture
def tiny(publish, tmp_path):
    """tiny(where) -> the path of a small zip file, and the numbers of its training pictures."""

    def write(where):
        path = tmp_path / where / "tiny-imagenet-200.zip"
        numbers = paper_files.tiny_imagenet(path, COUNTS, TEST_WNIDS, GREY)
        return publish("tiny-imagenet-200", path), numbers

    return write


def assert_splits(data, labels, test_labels):
    """All pixels and labels are those of the arrays that were written."""
    rows = split_of(labels)
    for split, chosen in zip((data.train, data.val), rows, strict=True):
        np.testing.assert_array_equal(split.images.numpy(), pictures(labels, 0)[chosen])
        assert split.labels.tolist() == [labels[row] for row in chosen]
    np.testing.assert_array_equal(data.test.images.numpy(), pictures(test_labels, 1))
    assert data.test.labels.tolist() == test_labels
    for split in (data.train, data.val, data.test):
        assert split.images.dtype == torch.uint8 and split.labels.dtype == torch.int64
        assert split.images.is_contiguous()


@pytest.mark.parametrize("where", ("cifar-10", "."))
def test_cifar_10_is_read_from_its_archive(where, cifar, tmp_path):
    cifar("cifar-10", where)
    data = load_dataset("cifar-10", root=tmp_path)
    assert_splits(data, LABELS, TEST_LABELS)
    assert data.name == "cifar-10" and data.classes == ("plane", "car", "bird")
    assert data.val.labels.bincount().tolist() == [1, 3, 1]


def test_cifar_100_has_fine_labels(cifar, tmp_path):
    cifar("cifar-100", "cifar-100")
    data = load_dataset("cifar-100", root=tmp_path)
    assert_splits(data, FINE, TEST_FINE)
    assert data.classes == ("apple", "baby")


@pytest.mark.parametrize("where", ("cifar-100", "."))
def test_an_unpacked_folder_is_enough(where, unpacked, tmp_path):
    unpacked("cifar-100", where)
    assert_splits(load_dataset("cifar-100", root=tmp_path), FINE, TEST_FINE)


def test_an_archive_goes_before_a_folder(cifar, unpacked, tmp_path):
    (unpacked("cifar-10", ".") / "data_batch_1").write_bytes(b"altered")
    cifar("cifar-10", "cifar-10")
    assert_splits(load_dataset("cifar-10", root=tmp_path), LABELS, TEST_LABELS)


@pytest.mark.parametrize("where", ("svhn", "."))
def test_svhn_has_the_digit_as_its_label(where, svhn, tmp_path):
    svhn(where)
    data = load_dataset("svhn", root=tmp_path)
    assert_splits(data, DIGITS, TEST_DIGITS)
    assert data.classes == tuple("0123456789")
    assert data.val.labels.bincount().tolist() == [2, 0, 0, 0, 0, 0, 0, 1, 0, 1]  # 24, 12, 12, 9


def assert_tiny(data, numbers):
    assert data.classes == ("goldfish", "Egyptian cat", "espresso")
    labels = [0] * 12 + [1] * 20 + [2] * 9
    for split, chosen in zip((data.train, data.val), split_of(labels), strict=True):
        assert split.labels.tolist() == [labels[row] for row in chosen]
        assert_colours(split.images, [numbers[row] for row in chosen])
    assert data.test.labels.tolist() == [2, 1, 0]
    assert_colours(data.test.images, [60, 61, 62])


def assert_colours(images, numbers):
    assert images.shape == (len(numbers), 3, 64, 64) and images.dtype == torch.uint8
    for image, number in zip(images, numbers, strict=True):
        red, *others = paper_files.colour(number)
        expected = [red] * 3 if number == 10 else [red, *others]  # picture 10 is the grey one
        assert (image - torch.tensor(expected).view(3, 1, 1)).abs().max() <= 2


@pytest.mark.parametrize("where", ("tiny-imagenet-200", "."))
def test_tiny_imagenet_is_read_from_its_archive(where, tiny, tmp_path):
    _, numbers = tiny(where)
    assert numbers[12:16] == [0, 1, 10, 11]  # by name: _0, _1, _10, _11, ..., _2
    assert_tiny(load_dataset("tiny-imagenet-200", root=tmp_path), numbers)


def test_decoded_pictures_are_kept(tiny, tmp_path, monkeypatch):
    archive, numbers = tiny("tiny-imagenet-200")
    load_dataset("tiny-imagenet-200", root=tmp_path)
    assert [p.name for p in (tmp_path / "out/cache").iterdir()] == ["tiny-imagenet-200.safetensors"]
    archive.unlink()
    assert_tiny(load_dataset("tiny-imagenet-200", root=tmp_path), numbers)
    monkeypatch.delenv("KD_OUT")  # then it is out/ beside the data folder
    assert_tiny(load_dataset("tiny-imagenet-200", root=tmp_path / "data"), numbers)
    with pytest.raises(DataError, match=r"put tiny-imagenet-200\.zip"):
        load_dataset("tiny-imagenet-200", root=tmp_path / "other" / "data")


def alter(path: Path, byte: int) -> None:
    content = bytearray(path.read_bytes())
    content[byte] ^= 1
    path.write_bytes(content)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-1])


DAMAGES = (
    cut_short,
    lambda path: alter(path, -1),  # a pixel or a label
    lambda path: alter(path, 3),  # the length of the header
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(path.read_bytes().replace(b"goldfish", b"goldfins")),
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_kept_pictures_are_moved_aside_and_decoded_again(damage, tiny, tmp_path):
    _, numbers = tiny("tiny-imagenet-200")
    load_dataset("tiny-imagenet-200", root=tmp_path)
    cache = tmp_path / "out/cache/tiny-imagenet-200.safetensors"
    good = cache.read_bytes()
    damage(cache)
    bad = cache.read_bytes()
    with pytest.warns(UserWarning, match=r"tiny-imagenet-200\.safetensors.*\.damaged"):
        assert_tiny(load_dataset("tiny-imagenet-200", root=tmp_path), numbers)
    assert cache.read_bytes() == good
    assert cache.with_name(f"{cache.name}.damaged").read_bytes() == bad


def test_kept_pictures_of_another_archive_are_not_used(tiny, publish, tmp_path):
    path, numbers = tiny("tiny-imagenet-200")
    load_dataset("tiny-imagenet-200", root=tmp_path)
    with path.open("ab") as archive:
        archive.write(b"\0")
    publish("tiny-imagenet-200", path)
    with pytest.warns(UserWarning, match="expected pictures of archive"):
        assert_tiny(load_dataset("tiny-imagenet-200", root=tmp_path), numbers)


def test_pictures_that_cannot_be_kept_are_used_all_the_same(tiny, tmp_path):
    _, numbers = tiny("tiny-imagenet-200")
    (tmp_path / "out").write_text("a file, not a folder")
    with pytest.warns(UserWarning, match="could not be kept"):
        assert_tiny(load_dataset("tiny-imagenet-200", root=tmp_path), numbers)


@pytest.fixture
def written(cifar, svhn, tiny):
    """written(name) -> the path of a small published file of that data set."""

    def write(name):
        if name in MEMBERS:
            return cifar(name, name)
        return svhn(name) if name == "svhn" else tiny(name)[0]

    return write


@pytest.mark.parametrize("damage", (cut_short, lambda p: alter(p, 40), lambda p: p.write_text("?")))
@pytest.mark.parametrize("name", paper_data.FILES)
def test_a_damaged_file_is_named_and_never_opened(name, damage, written, tmp_path):
    path = written(name)
    damage(path)
    damaged = path.read_bytes()
    with pytest.raises(
        DataError, match=r"expected SHA-256 .* found .* cut short, altered"
    ) as caught:
        load_dataset(name, root=tmp_path)
    assert str(path) in str(caught.value) and path.read_bytes() == damaged
    assert caught.value.__context__ is None  # nothing of a reader's


@pytest.mark.parametrize("name", paper_data.FILES)
def test_without_files_it_says_which_one_goes_where(name, tmp_path):
    [file, *_] = paper_data.FILES[name]
    with pytest.raises(DataError) as caught:
        load_dataset(name, root=tmp_path)
    assert f"put {file.name} ({file.bytes / 1e6:.1f} MB" in str(caught.value)
    assert f"into {tmp_path / name}, or set KD_DATA" in str(caught.value)


@pytest.mark.parametrize("damage", (cut_short, lambda path: alter(path, 40), Path.unlink))
def test_a_damaged_unpacked_file_is_named(damage, unpacked, tmp_path):
    path = unpacked("cifar-10", "cifar-10") / "data_batch_3"
    damage(path)
    with pytest.raises(DataError, match=r"data_batch_3: expected .*found .*Delete .*batches-py"):
        load_dataset("cifar-10", root=tmp_path)


def hostile(marker: Path) -> bytes:
    """A pickle that makes a folder when it is read in the usual way."""
    return b"\x80\x02cos\nmkdir\n" + paper_files.python_2_value(str(marker).encode()) + b"\x85R."


def test_the_hostile_pickle_of_these_tests_does_run_code(tmp_path):
    pickle.loads(hostile(tmp_path / "made"), encoding="bytes")
    assert (tmp_path / "made").is_dir()


@pytest.mark.parametrize("member", ("data_batch_2", "batches.meta"))
@pytest.mark.parametrize("form", ("archive", "folder"))
def test_code_in_a_pickle_never_runs(form, member, cifar, unpacked, tmp_path):
    """Not even where the checksum is that of the hostile file."""
    changed = {member: hostile(tmp_path / "made")}
    if form == "archive":
        cifar("cifar-10", "cifar-10", {**MEMBERS["cifar-10"][1], **changed})
    else:
        unpacked("cifar-10", "cifar-10", changed)
    with pytest.raises(DataError, match=rf"{member}: .*asks for os\.mkdir\. Nothing of it was run"):
        load_dataset("cifar-10", root=tmp_path)
    assert not (tmp_path / "made").exists()


def test_arrays_of_objects_are_refused():
    objects = paper_files.python_2_pickle(pictures([0], 0)).replace(b"U\x02u1", b"U\x02O8")
    with pytest.raises(DataError, match="an array of b'O8', not of uint8"):
        paper_data.unpickle(objects, "batch")


def test_a_download_ends_in_the_folder_of_the_data_set(cifar, tmp_path, monkeypatch):
    archive = cifar("cifar-10", "published")
    server = FileServer(content=archive.read_bytes())
    monkeypatch.setenv("KD_MIRRORS", server.base)
    monkeypatch.setenv("KD_OFFLINE", "0")
    for _ in range(2):
        assert_splits(load_dataset("cifar-10", root=tmp_path / "data"), LABELS, TEST_LABELS)
    server.stop()
    assert server.requests == [(f"/files/{archive.name}", None)]
    assert (tmp_path / "data/cifar-10" / archive.name).read_bytes() == archive.read_bytes()


def test_everything_lies_on_the_device_that_is_asked_for(cifar, tmp_path):
    cifar("cifar-10", "cifar-10")
    data = load_dataset("cifar-10", "meta", tmp_path)
    for split in (data.train, data.val, data.test):
        assert split.images.device.type == split.labels.device.type == "meta"


def test_the_published_files_are_those_of_torchvision():
    for name, (facts, _) in MEMBERS.items():
        [file] = paper_data.FILES[name]
        assert file.name == facts.filename and facts.url in file.urls
    for file, part in zip(paper_data.FILES["svhn"], ("train", "test"), strict=True):
        assert [file.urls[0], file.name] == SVHN.split_list[part][:2]
    for file in sum(paper_data.FILES.values(), ()):
        assert len(bytes.fromhex(file.sha256)) == 32 and all(
            u.endswith(file.name) for u in file.urls
        )


def test_every_data_set_has_a_loader_and_none_is_imported_early():
    assert set(LOADERS) == {"fashion-mnist", *paper_data.LOADERS}
    assert set(paper_data.FILES) == set(paper_data.LOADERS) and tiny_imagenet.SIDE == 64
    code = "import sys, kd_helpers.data.datasets; sys.exit(bool({'torchvision', 'kd_helpers.data.cifar_svhn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
