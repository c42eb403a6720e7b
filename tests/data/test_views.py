"""Views against a slow reference with padding and loops: numbers, pictures, memory layout."""

import numpy as np
import pytest
import torch

from kd_helpers.data.augment import PLAIN, ViewSet, make_views, to_float

IMAGES = torch.randint(
    1, 256, (3, 2, 6, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)  # never 0, so that black can only come from the border; higher than wide and back: H ≠ W
VIEW_SETS = (
    PLAIN,
    ViewSet(flip=True),
    ViewSet(max_shift=1),
    ViewSet(flip=True, max_shift=1),
    ViewSet(max_shift=2),
    ViewSet(flip=True, max_shift=2),
)
all_view_sets = pytest.mark.parametrize("view_set", VIEW_SETS, ids=str)


def slow_view(image: np.ndarray, mirrored: bool, down: int, right: int, border: int) -> np.ndarray:
    """Mirror, then put the image into a black frame and cut a window out of it."""
    channels, height, width = image.shape
    source = np.empty_like(image)
    for column in range(width):
        source[:, :, column] = image[:, :, width - 1 - column] if mirrored else image[:, :, column]
    framed = np.pad(source, ((0, 0), (border, border), (border, border)))
    window = np.empty_like(image)
    for channel in range(channels):
        for row in range(height):
            for column in range(width):
                window[channel, row, column] = framed[
                    channel, row + border - down, column + border - right
                ]
    return window


def view_of_all(view_set: ViewSet, view: int) -> torch.Tensor:
    return make_views(IMAGES, torch.full((len(IMAGES),), view), view_set)


@all_view_sets
def test_every_view_is_what_its_number_says(view_set):
    for view in range(len(view_set)):
        mirrored, down, right = (int(part) for part in view_set.decode(torch.tensor([view])))
        found = view_of_all(view_set, view).numpy()
        for image, picture in zip(IMAGES.numpy(), found, strict=True):
            expected = slow_view(image, bool(mirrored), down, right, view_set.max_shift)
            np.testing.assert_array_equal(picture, expected)


@all_view_sets
def test_view_0_is_the_plain_image(view_set):
    assert view_of_all(view_set, 0).equal(IMAGES)


@all_view_sets
def test_the_numbers_name_every_shift_and_flip_once(view_set):
    numbers = torch.arange(len(view_set))
    found = set(zip(*(part.tolist() for part in view_set.decode(numbers)), strict=True))
    shifts = range(-view_set.max_shift, view_set.max_shift + 1)
    flips = (False, True) if view_set.flip else (False,)
    assert found == {(m, down, right) for m in flips for down in shifts for right in shifts}


@all_view_sets
def test_all_views_of_an_image_are_different_pictures(view_set):
    pictures = {view_of_all(view_set, v)[0].numpy().tobytes() for v in range(len(view_set))}
    assert len(pictures) == len(view_set)


def test_number_of_views():
    assert [len(v) for v in VIEW_SETS] == [1, 2, 9, 18, 25, 50]


def test_each_image_of_a_batch_gets_its_own_view():
    view_set = ViewSet(flip=True, max_shift=2)
    views = torch.tensor([3, 0, 47])
    together = make_views(IMAGES, views, view_set)
    for place, view in enumerate(views.tolist()):
        assert together[place].equal(view_of_all(view_set, view)[place])


@all_view_sets
def test_pictures_are_uint8_channels_last_and_the_images_untouched(view_set):
    before = IMAGES.clone()
    pictures = view_of_all(view_set, len(view_set) - 1)
    assert pictures.dtype == torch.uint8
    assert pictures.shape == IMAGES.shape
    assert pictures.is_contiguous(memory_format=torch.channels_last)
    assert IMAGES.equal(before)


@pytest.mark.parametrize("max_shift", (-1, -2))
def test_a_bad_view_set_is_refused(max_shift):
    with pytest.raises(ValueError, match=f"got max_shift={max_shift}.*expected"):
        ViewSet(max_shift=max_shift)


def test_a_flip_shows_the_mirror_image():
    assert view_of_all(ViewSet(flip=True), 1).equal(IMAGES.flip(3))


def test_to_float_runs_from_0_to_1_and_leaves_the_bytes():
    bytes_ = torch.tensor([[0, 51, 255]], dtype=torch.uint8)
    floats = to_float(bytes_)
    assert floats.dtype == torch.float32
    torch.testing.assert_close(floats, torch.tensor([[0.0, 0.2, 1.0]]))
    assert bytes_.tolist() == [[0, 51, 255]]
