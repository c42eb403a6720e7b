"""Few views for each image: always the same ones, all different, and all views used equally."""

from dataclasses import replace

import pytest
import torch

from kd_helpers.data.augment import ViewSet, make_views

WHOLE = (
    ViewSet(flip=True),
    ViewSet(max_shift=1),
    ViewSet(flip=True, max_shift=1),
    ViewSet(flip=True, max_shift=2),
    ViewSet(flip=True, max_shift=4),
)
SOME = [replace(v, per_image=n) for v in WHOLE for n in sorted({1, 2, 7, len(v)}) if n <= len(v)]
VIEW_SETS = pytest.mark.parametrize("view_set", (ViewSet(), *WHOLE, *SOME), ids=str)
ROWS = torch.cat([torch.arange(54_000), torch.tensor([10**6, 2**31 - 1])])


def all_views(view_set: ViewSet, rows: torch.Tensor = ROWS) -> torch.Tensor:
    """The numbers of the views of some images: (rows, slots)."""
    slots = torch.arange(view_set.slots)
    return view_set.view_of(rows[:, None], slots.expand(len(rows), -1))


@VIEW_SETS
def test_slot_and_view_are_the_inverse_of_each_other(view_set):
    views, slots = all_views(view_set), torch.arange(view_set.slots)
    found = view_set.slot_of(ROWS[:, None], views)
    assert found.equal(slots.expand(len(ROWS), -1))
    assert view_set.view_of(ROWS[:, None], found).equal(views)


@VIEW_SETS
def test_each_image_gets_so_many_different_views(view_set):
    views = all_views(view_set).sort(dim=1).values
    assert views.shape[1] == (view_set.per_image or len(view_set))
    assert (views[:, 1:] > views[:, :-1]).all()
    assert views.min() >= 0 and views.max() < len(view_set)


@VIEW_SETS
def test_a_view_that_an_image_does_not_have_has_no_slot(view_set):
    rows = ROWS[:200]
    every = torch.arange(len(view_set)).expand(len(rows), -1)
    has = (every[:, :, None] == all_views(view_set, rows)[:, None, :]).any(dim=2)
    slots = view_set.slot_of(rows[:, None], every)
    assert (slots >= 0).all() and (slots < view_set.slots).equal(has)


@pytest.mark.parametrize("count", (1_000, 54_000))
@VIEW_SETS
def test_all_views_are_used_about_equally(view_set, count):
    used = all_views(view_set, ROWS[:count]).flatten().bincount(minlength=len(view_set))
    expected = count * view_set.slots / len(view_set)
    assert (used - expected).abs().max() <= max(4 * expected**0.5, 3)


@VIEW_SETS
def test_numbers_decode_to_different_shifts_within_the_range(view_set):
    numbers = torch.arange(len(view_set))
    mirrored, down, right = view_set.decode(numbers)
    assert down.abs().max() <= view_set.max_shift and right.abs().max() <= view_set.max_shift
    assert view_set.flip or not mirrored.any()
    assert len(torch.stack([mirrored, down, right]).unique(dim=1)[0]) == len(view_set)
    assert (mirrored[0], down[0], right[0]) == (False, 0, 0)


def test_the_pictures_of_a_view_do_not_depend_on_how_many_there_are():
    """A view's number means the same with and without `per_image`."""
    images = torch.arange(9 * 25).reshape(9, 1, 5, 5).to(torch.uint8)
    few = replace(WHOLE[2], per_image=4)
    views = few.view_of(torch.arange(9), torch.full((9,), 3))
    assert make_views(images, views, few).equal(make_views(images, views, WHOLE[2]))


@VIEW_SETS
def test_one_row_alone_gets_the_same_views(view_set):
    """Whatever else is in the batch, and on whatever shape."""
    together = all_views(view_set, ROWS[:50])
    for row in (0, 7, 49):
        assert all_views(view_set, ROWS[row : row + 1]).equal(together[row : row + 1])
