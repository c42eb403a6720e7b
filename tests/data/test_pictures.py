"""Picture files of every kind: each gives the pixels that a viewer would show."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from kd_helpers.data.pictures import PictureError, Shape, check_room, read_picture, read_pictures
from kd_helpers.data.splits import DataError
from picture_files import QUARTERS, colour_files, hostile_files, transparent_files


def corners(pixels: np.ndarray, row: int = 1) -> np.ndarray:
    """(C, 2, 2): what lies near the four corners."""
    return pixels[:, [[row], [-1 - row]], [1, -2]].astype(int)


def test_every_format_mode_and_orientation_shows_its_four_colours(tmp_path):
    expected = QUARTERS.transpose(2, 0, 1)
    grey = np.tensordot([0.299, 0.587, 0.114], expected, 1)[None]
    for path in colour_files(tmp_path):
        for size in (9, 20, 300):  # JPEG at a part of its size, about as large, enlarged
            pixels = read_picture(path, Shape(size))
            assert pixels.dtype == np.uint8 and pixels.shape == (3, size, size)
            assert abs(corners(pixels) - expected).max() <= 12, path.name
        assert abs(corners(read_picture(path, Shape(20, channels=1))) - grey).max() <= 12, path.name


def test_what_is_transparent_is_white(tmp_path):
    for path in transparent_files(tmp_path):
        pixels = read_picture(path, Shape(12))
        assert abs(corners(pixels) - QUARTERS.transpose(2, 0, 1)).max() <= 2, path.name


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path):
    values = np.array([[0, 255, 256], [12_850, 32_768, 65_535], [0, 0, 0]])
    Image.fromarray(values.astype(np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(values.astype(np.uint16)).save(tmp_path / "deep.tif")
    Image.fromarray(values.astype(np.int32)).save(tmp_path / "deeper.tif")
    Image.fromarray(values % 2 == 1).save(tmp_path / "bits.png")
    for name in ("deep.png", "deep.tif", "deeper.tif"):
        [grey] = read_picture(tmp_path / name, Shape(3, channels=1))
        assert grey.tolist() == [[0, 1, 1], [50, 128, 255], [0, 0, 0]], name
    [bits] = read_picture(tmp_path / "bits.png", Shape(3, channels=1))
    assert bits.tolist() == ((values % 2) * 255).tolist()
    Image.fromarray(np.float32(values / 65_535)).save(tmp_path / "float.tif")
    with pytest.raises(PictureError, match="from 0 to 1, whose black and white are unknown"):
        read_picture(tmp_path / "float.tif", Shape(3))


@pytest.mark.filterwarnings("ignore")
def test_damaged_notes_about_a_picture_do_not_cost_it(tmp_path):
    for damaged in (b"Exif\0\0nonsense", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"\1"):
        Image.new("RGB", (5, 5), "white").save(tmp_path / "a.jpg", exif=damaged)
        assert (read_picture(tmp_path / "a.jpg", Shape(5)) == 255).all()


def test_the_thinnest_and_the_smallest(tmp_path):
    wide = np.full((3, 10_000, 3), 50, np.uint8)
    wide[:, 4_998:5_001] = 200  # the middle
    for name, picture in (("wide.png", wide), ("high.png", wide.swapaxes(0, 1))):
        Image.fromarray(picture).save(tmp_path / name)
        assert (read_picture(tmp_path / name, Shape(16)) > 100).all()
        padded = read_picture(tmp_path / name, Shape(16, fit="pad")).max(0) > 0
        assert padded.any(axis=1).sum() == 1 or padded.any(axis=0).sum() == 1
    Image.new("RGB", (1, 1), (9, 99, 199)).save(tmp_path / "dot.png")
    for fit in ("crop", "pad"):
        dot = read_picture(tmp_path / "dot.png", Shape(5, fit=fit))
        assert (dot == np.array([9, 99, 199])[:, None, None]).all()


def test_crop_keeps_the_middle_and_pad_keeps_all(tmp_path):
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[:, :, 0] = np.where((np.arange(40) >= 10) & (np.arange(40) < 30), 200, 100)
    Image.fromarray(picture).save(tmp_path / "a.png")
    assert (read_picture(tmp_path / "a.png", Shape(20))[0] == 200).all()
    red = read_picture(tmp_path / "a.png", Shape(40, fit="pad"))[0]
    assert (red[:10] == 0).all() and (red[30:] == 0).all() and (red[10:30] == picture[..., 0]).all()


def test_scaling_is_torchvisions_and_jpeg_at_a_part_of_its_size_is_as_good(tmp_path):
    """On photographs, in grey values: one at most, and two of 255 in the mean."""
    from torchvision.transforms.v2.functional import center_crop, pil_to_tensor, resize

    for name in ("china.jpg", "flower.jpg"):
        Image.fromarray(load_sample_image(name)).save(tmp_path / name, quality=90)
        photo = Image.open(tmp_path / name)
        photo.save(tmp_path / "same.png")
        square = center_crop(pil_to_tensor(photo), [min(photo.size)] * 2)
        for size in (32, 64, 100):
            theirs = resize(square, [size, size], antialias=True).numpy().astype(int)
            ours, jpeg = (
                read_picture(tmp_path / file, Shape(size)).astype(int)
                for file in ("same.png", name)
            )
            assert abs(ours - theirs)[:, 1:-1, 1:-1].max() <= 1  # not at the border of the crop
            assert abs(ours - jpeg).mean() < 2.2


def test_what_is_no_picture_is_named_with_its_reason_and_the_rest_is_read(tmp_path):
    reasons = hostile_files(tmp_path)
    (tmp_path / "noise.bin").write_bytes(np.random.default_rng(1).bytes(1000))
    names = [*reasons, "noise.bin", "gone.png"]
    Image.new("RGB", (9, 9), "white").save(tmp_path / "good.png")
    images, problems = read_pictures([tmp_path / name for name in (*names, "good.png")], Shape(8))
    assert sorted(problems) == list(range(len(names))) and (images[-1] == 255).all()
    for row, name in enumerate(names):
        assert reasons.get(name, "") in problems[row], (name, problems[row])
    assert "No such file" in problems[len(names) - 1]


@pytest.mark.filterwarnings("ignore")
def test_damaged_bytes_never_end_in_another_error(tmp_path):
    random = np.random.default_rng(0)
    contents = [path.read_bytes() for path in colour_files(tmp_path) if path.name != "large.jpg"]
    for _ in range(5):
        for content in contents:
            damaged = bytearray(content[: random.integers(10, len(content))])
            damaged[random.integers(min(len(damaged), 100))] = random.integers(256)
            try:
                assert read_picture(bytes(damaged), Shape(8)).shape == (3, 8, 8)
            except PictureError as problem:
                assert str(problem)


def test_more_than_the_free_memory_is_refused_with_a_size_that_would_do(monkeypatch):
    monkeypatch.setattr("kd_helpers.data.pictures.free_memory", lambda: 10**9)
    check_room(50_000, Shape(64))
    with pytest.raises(DataError, match=r"need 1\.4 GB .* 1\.0 GB are free.*: size=64 would do"):
        check_room(50_000, Shape(96))
