from functools import partial

import numpy as np
import pytest
import torch

from by_hand import (
    B,
    K,
    T,
    learnt,
    on_kept,
    on_small,
    on_top,
    partly_hidden,
    random_batch,
    soft_term,
)
from kd_helpers.methods import HintonKD, RandomEntries, SmallEntries, TopK
from kd_helpers.methods.top_k import random_entries


def test_the_kept_entries_are_compared_with_a_bin_or_without():
    for given in (random_batch(), partly_hidden(random_batch())):
        for lump in (True, False):
            for kind, compare, counts in (
                (TopK, on_top, (2, 3, 5)),
                (SmallEntries, on_small, (1, 3, 7)),
            ):
                for count in counts:
                    method = kind(temperature=T, count=count, lump=lump)
                    expected = soft_term(given, compare=partial(compare, count=count, lump=lump))
                    found = learnt(method, given)[0].item()
                    assert found == pytest.approx(expected, rel=1e-3, abs=1e-5), (method, lump)


def test_with_all_entries_it_is_kd():
    given = random_batch()
    for lump in (True, False):
        for method in (
            TopK(temperature=T, count=K, lump=lump),
            SmallEntries(temperature=T, count=0, lump=lump),
            RandomEntries(temperature=T, dropped=0.0),
        ):
            expected = learnt(HintonKD(temperature=T), given)
            torch.testing.assert_close(learnt(method, given), expected)


def test_random_entries_are_drawn_anew_and_renormalised():
    given = random_batch()
    torch.manual_seed(5)
    draws = torch.rand(B, K).numpy()
    kept = iter((draws >= 0.7) | (draws >= np.sort(draws)[:, -2:-1]))
    expected = soft_term(
        given, compare=lambda s, t, y, heat: on_kept(s, t, heat, next(kept), False)
    )
    torch.manual_seed(5)
    method = RandomEntries(temperature=T, dropped=0.7)
    assert learnt(method, given)[0].item() == pytest.approx(expected, rel=1e-4)
    assert learnt(method, given)[0].item() != pytest.approx(expected, rel=1e-4)
    assert (random_entries(given[1], 1.0).sum(1) == 2).all()  # two of a row always stay


def test_impossible_counts_are_refused():
    for bad in (-1, 2.0, "3", True):
        with pytest.raises(ValueError, match="got count="):
            TopK(count=bad)
    with pytest.raises(ValueError, match="got count=11; expected 0 to 10"):
        TopK(count=11)(*random_batch())
    with pytest.raises(ValueError, match="got dropped="):
        RandomEntries(dropped=1.5)
