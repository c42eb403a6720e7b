from functools import partial

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from by_hand import T, different_directions, divergence, learnt, random_batch, soft_term
from kd_helpers.methods import FLSW, TTM, WTTM, HintonKD


def matched(s, t, y, heat, weighted=False):
    """The power of the teacher's probabilities, as the paper writes it; not yet times T²."""
    powers = softmax(t) ** (1 / heat)
    rows = divergence(np.log(powers / powers.sum()), log_softmax(s))
    return (powers.sum() if weighted else 1) * rows / heat**2


def test_the_terms_are_the_papers():
    for classes in (2, 10, 100):
        given = random_batch(classes)
        for method, weighted in ((TTM, False), (WTTM, True)):
            compare = partial(matched, weighted=weighted)
            found = learnt(method(temperature=T), given)[0].item()
            assert found == pytest.approx(soft_term(given, compare=compare), rel=1e-4)
            found = learnt(FLSW(method(temperature=T)), given)[0].item()
            expected = soft_term(given, compare=compare, confusion=different_directions)
            assert found == pytest.approx(expected, rel=1e-4)


def test_at_temperature_1_all_three_are_plain_distillation():
    for method in (TTM, WTTM):
        for found, expected in zip(
            learnt(method(temperature=1.0), random_batch()),
            learnt(HintonKD(temperature=1.0), random_batch()),
            strict=True,
        ):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
