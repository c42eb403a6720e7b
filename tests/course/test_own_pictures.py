"""Notebook 10's folders: the faults are there, mending takes them away, the copies are found."""

import pytest
import torch
from PIL import Image

from kd_course import nb10_own_pictures as lab
from kd_helpers import image_folder
from kd_helpers.data.folder_layout import scan
from kd_helpers.data.look import look
from kd_helpers.data.splits import DataError


@pytest.fixture(autouse=True, scope="module")
def out(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KD_OUT", str(tmp_path_factory.mktemp("out")))
        yield


def counts(split):
    return torch.bincount(split.labels, minlength=5).tolist()


def test_the_folder_has_the_faults_of_real_ones_and_mending_takes_them_away(capsys):
    folder = lab.make_folder()
    told = "\n".join(look(folder, size=32)[0])
    for fault in ("cut short", "no picture in test: dresses", "PNG L", "PNG RGB", "sizes: 2"):
        assert fault in told
    assert "test/coats/IMG_0007.png = train/coats/IMG_0181.png" in told
    with pytest.raises(DataError, match=r"1 of 1,161 files could not be used"):
        image_folder(folder, size=32)
    files = [file.path for file in scan(folder).files]
    mended = lab.mended(folder)
    assert "moved to test/dresses: 14 pictures" in capsys.readouterr().out
    data = image_folder(mended, size=32)
    assert counts(data.test) == [90, 14, 70, 150, 50]
    assert "warning" not in capsys.readouterr().out
    assert [file.path for file in scan(folder).files] == files  # itself as it was
    assert lab.mended(mended) == mended.resolve()


def test_a_folder_that_is_not_split_is_left_alone(tmp_path):
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (9, 9)).save(tmp_path / name / "a.png")
    assert lab.mended(str(tmp_path)) == tmp_path.resolve()


def test_the_copies_of_the_delivery_are_found_and_nothing_else():
    before, after = (image_folder(path, size=32) for path in lab.make_delivery())
    old, new = (lab.nearest(d.test.images, d.train.images) < lab.LIMIT for d in (before, after))
    assert old.sum() <= 2  # two different pictures can be that near, too
    copied = torch.arange(len(after.test)) % 2 == 0  # every second file; a copy may be in val
    assert new[~copied].sum() <= 4 and new[copied].float().mean() > 0.95
    clean = lab.without_copies(after)
    fresh = 160  # new pictures, of which a few are held out as val
    assert len(before.train) < len(clean.train) <= len(before.train) + fresh
