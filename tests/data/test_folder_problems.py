"""Files that cannot be used, and what is kept of a folder for the second time."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from kd_helpers.data.datasets import load_dataset
from kd_helpers.data.image_folder import image_folder
from kd_helpers.data.splits import DataError
from picture_files import hostile_files, picture, pile, pixels


@pytest.fixture(autouse=True)
def out(tmp_path, monkeypatch):
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))


def test_all_that_cannot_be_used_comes_in_one_list_and_can_be_left_out(tmp_path, capsys):
    root = pile(tmp_path / "pictures", a=5, b=5)
    reasons = hostile_files(root / "b")
    picture(tmp_path / "outside.png", 99)
    for name, target in {"out.png": tmp_path / "outside.png", "none.png": root / "gone"}.items():
        (root / "a" / name).symlink_to(target)
    (root / "a" / "loop").symlink_to(root)
    (root / "a" / "inside.png").symlink_to(root / "a" / "0.png")
    os.mkfifo(root / "a" / "pipe.png")
    os.link(root / "a" / "0.png", root / "loose.png")
    named = os.fsdecode(b"not utf-8 \xff.png")
    (root / "b" / named).write_bytes(b"")
    with pytest.raises(DataError) as problem:
        image_folder(root, size=6)
    lines = str(problem.value).splitlines()
    total = len(reasons) + 6
    assert f"{total} of {total + 11} files" in lines[0] and "skip_problems=True" in lines[-1]
    assert len(lines) == 23 or total <= 20
    for words in (
        "leads out of",
        "leads nowhere",
        "a link to a folder",
        "neither a file",
        "lies in",
    ):
        assert words in str(problem.value)
    data = image_folder(root, size=6, skip_problems=True)
    assert len(pixels(data.train) | pixels(data.val) | pixels(data.test)) == 10
    assert f"left out, pictures: {total} of" in capsys.readouterr().out
    assert image_folder(root, size=6, skip_problems=True).key == data.key  # from the cache
    assert f"left out, pictures: {total} of" in capsys.readouterr().out
    with pytest.raises(DataError, match=f"{total} of"):
        image_folder(root, size=6)


def test_a_folder_that_nobody_may_open_is_named_and_the_rest_is_read(tmp_path, monkeypatch):
    root = pile(tmp_path / "pictures", a=5, b=5)
    (root / "b" / "closed").mkdir()
    scan = os.scandir

    def refused(folder):
        if os.fspath(folder).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(DataError, match=r"b/closed.*cannot be opened \(Permission denied\)"):
        image_folder(root, size=8)
    data = image_folder(root, size=8, skip_problems=True)
    assert sum(len(part) for part in (data.train, data.val, data.test)) == 10


def test_the_second_time_comes_from_the_cache_and_a_changed_pixel_does_not(tmp_path, monkeypatch):
    root = pile(tmp_path / "pictures", a=6, b=6)
    first = image_folder(root, size=8)
    assert first.key == f"own:{first.fingerprint}"
    assert load_dataset(first.key).train.images.equal(first.train.images)
    with monkeypatch.context() as nothing:
        nothing.setattr("kd_helpers.data.image_folder.read_pictures", None)
        assert image_folder(root, size=8).key == first.key
        os.rename(root, tmp_path / "moved")
        moved = image_folder(tmp_path / "moved", size=8)
        assert moved.key == first.key and moved.name == "moved"
    shutil.copytree(tmp_path / "moved", root, copy_function=shutil.copy)  # other times
    assert image_folder(root, size=8).key == first.key
    pixel = np.array(Image.open(root / "a" / "0.png"))
    pixel[6, 4] ^= 255
    Image.fromarray(pixel).save(root / "a" / "0.png")
    assert len({image_folder(root, size=8).key, first.key}) == 2
    others = [{"size": 9}, {"size": 8, "channels": 1}, {"size": 8, "fit": "pad"}]
    assert len({image_folder(root, **how).key for how in others}) == 3


def test_what_is_damaged_in_the_cache_is_made_again(tmp_path):
    root = pile(tmp_path / "pictures", a=6, b=6)
    first = image_folder(root, size=8)
    [kept], [record] = ((tmp_path / "out").rglob(name) for name in ("*.dataset", "*.json"))
    for damage in (
        lambda: kept.write_bytes(kept.read_bytes()[:-2000] + bytes(2000)),
        lambda: kept.write_bytes(b""),
        kept.unlink,
        lambda: record.write_text("{}"),
        lambda: record.write_bytes(b"\xff"),
    ):
        damage()
        again = image_folder(root, size=8)
        assert again.key == first.key and again.test.images.equal(first.test.images)
        assert load_dataset(first.key).key == first.key
