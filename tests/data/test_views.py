"""Augmented versions ("views") of images, against a slow reference with padding and loops."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kd_helpers.data.augment import PLAIN, ViewSet, make_views, to_float
from kd_helpers.data.splits import Split
from kd_helpers.models.zoo import make_model
from kd_helpers.training.loop import predict

IMAGES = torch.randint(
    1, 256, (3, 2, 6, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)  # never 0, so that black can only come from the border; higher than wide and back: H ≠ W
VIEW_SETS = (
    PLAIN,
    ViewSet(flip=True),
    ViewSet(max_shift=1),
    ViewSet(flip=True, max_shift=1),
    ViewSet(flip=True, max_shift=2),
    ViewSet(flip=True, max_shift=4),
)
SOME = [replace(v, per_image=n) for v in VIEW_SETS[1:] for n in {1, 2, 7, len(v)} if n <= len(v)]
ROWS = torch.cat([torch.arange(54_000), torch.tensor([10**6, 2**31 - 1])])


def slow_view(image: np.ndarray, mirrored: bool, down: int, right: int, border: int) -> np.ndarray:
    """Mirror, then put the image into a black frame and cut a window out of it."""
    channels, height, width = image.shape
    source = np.empty_like(image)
    for column in range(width):
        source[:, :, column] = image[:, :, width - 1 - column] if mirrored else image[:, :, column]
    framed = np.pad(source, ((0, 0), (border, border), (border, border)))
    window = np.empty_like(image)
    for channel, row, column in np.ndindex(channels, height, width):
        place = (channel, row + border - down, column + border - right)
        window[channel, row, column] = framed[place]
    return window


def view_of_all(view_set: ViewSet, view: int) -> torch.Tensor:
    return make_views(IMAGES, torch.full((len(IMAGES),), view), view_set)


def test_every_view_is_what_its_number_says_and_all_are_different():
    before = IMAGES.clone()
    for view_set in VIEW_SETS[:-1]:
        seen = set()
        for view in range(len(view_set)):
            mirrored, down, right = (int(part) for part in view_set.decode(torch.tensor([view])))
            found = view_of_all(view_set, view)
            for image, picture in zip(IMAGES.numpy(), found.numpy(), strict=True):
                expected = slow_view(image, bool(mirrored), down, right, view_set.max_shift)
                np.testing.assert_array_equal(picture, expected)
            assert found.dtype == torch.uint8 and found.shape == IMAGES.shape
            assert found.is_contiguous(memory_format=torch.channels_last)
            seen.add(found[0].numpy().tobytes())
        assert len(seen) == len(view_set) and view_of_all(view_set, 0).equal(IMAGES)
    assert view_of_all(ViewSet(flip=True), 1).equal(IMAGES.flip(3)) and IMAGES.equal(before)


def test_the_numbers_name_every_shift_and_flip_once():
    assert [len(v) for v in VIEW_SETS] == [1, 2, 9, 18, 50, 162]
    for view_set in VIEW_SETS:
        numbers = torch.arange(len(view_set))
        found = set(zip(*(part.tolist() for part in view_set.decode(numbers)), strict=True))
        shifts = range(-view_set.max_shift, view_set.max_shift + 1)
        flips = (False, True) if view_set.flip else (False,)
        assert found == {(m, down, right) for m in flips for down in shifts for right in shifts}


def test_each_image_of_a_batch_gets_its_own_view():
    views = torch.tensor([3, 0, 47])
    together = make_views(IMAGES, views, VIEW_SETS[4])
    for place, view in enumerate(views.tolist()):
        assert together[place].equal(view_of_all(VIEW_SETS[4], view)[place])


def all_views(view_set: ViewSet, rows: torch.Tensor = ROWS) -> torch.Tensor:
    """The numbers of the views of some images: (rows, slots)."""
    slots = torch.arange(view_set.slots)
    return view_set.view_of(rows[:, None], slots.expand(len(rows), -1))


def test_each_image_has_its_own_different_views_in_numbered_slots():
    """Whatever else is in the batch; a view that an image does not have has no slot."""
    for view_set in (*VIEW_SETS, *SOME):
        views, slots = all_views(view_set), torch.arange(view_set.slots)
        assert view_set.slot_of(ROWS[:, None], views).equal(slots.expand(len(ROWS), -1))
        ordered = views.sort(dim=1).values
        assert views.shape[1] == (view_set.per_image or len(view_set))
        assert (ordered[:, 1:] > ordered[:, :-1]).all()
        assert views.min() >= 0 and views.max() < len(view_set)
        assert all_views(view_set, ROWS[7:8]).equal(views[7:8])
        rows, every = ROWS[:200], torch.arange(len(view_set)).expand(200, -1)
        has = (every[:, :, None] == views[:200, None, :]).any(dim=2)
        found = view_set.slot_of(rows[:, None], every)
        assert (found >= 0).all() and (found < view_set.slots).equal(has)


def test_neighbours_begin_with_different_views():
    few = ViewSet(flip=True, max_shift=4, per_image=1)
    first = few.view_of(torch.arange(len(few)), torch.zeros(len(few), dtype=torch.long))
    assert len(first.unique()) > len(few) / 2 and (first[1:] != first[:-1]).all()


def test_to_float_runs_from_0_to_1_and_leaves_the_bytes():
    bytes_ = torch.tensor([[0, 51, 255]], dtype=torch.uint8)
    torch.testing.assert_close(to_float(bytes_), torch.tensor([[0.0, 0.2, 1.0]]))
    assert bytes_.tolist() == [[0, 51, 255]]


def test_what_is_no_picture_is_refused_and_left_as_it_is():
    """Pictures in 0..1 were divided by 255 once more, in place."""
    floats = torch.rand(2, 1, 28, 28)
    before, views, labels = floats.clone(), torch.zeros(2, dtype=torch.int64), torch.zeros(2)
    network = make_model("cnn-2", num_classes=10, in_channels=1, image_size=28)
    for wrong in (floats, floats.double(), floats.half(), floats.long(), floats.numpy()):
        for use in (
            to_float,
            lambda images: make_views(images, views, ViewSet(flip=True)),
            lambda images: make_views(images, views, ViewSet()),
            lambda images: predict(network, images),
            lambda images: Split(images, labels.long()),
        ):
            with pytest.raises(ValueError, match=r"got images .*uint8 in 0..255.*round"):
                use(wrong)
    assert floats.equal(before)
    pictures = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
    for wrong in (pictures[0], pictures.flatten(1)):
        with pytest.raises(ValueError, match=r"\(N, C, H, W\)"):
            predict(network, wrong)
    with pytest.raises(ValueError, match=r"got the view 5 .* expected 0 to 0"):
        make_views(pictures, views + 5, ViewSet())


def test_a_split_has_a_label_for_each_image():
    """Of 256 images and 100 labels, 100 were trained on without a word."""
    pictures = torch.zeros(6, 1, 4, 4, dtype=torch.uint8)
    for labels, words in (
        (torch.zeros(5), r"got 6 images and labels \(5,\)"),
        (torch.zeros(7), "got 6 images"),
        (torch.tensor(3), r"labels \(\)"),
        ([0] * 6, "labels of type list"),
    ):
        with pytest.raises(ValueError, match=words):
            Split(pictures, labels)
