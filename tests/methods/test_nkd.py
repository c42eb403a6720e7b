from functools import partial

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from by_hand import T, different_directions, learnt, partly_hidden, random_batch, soft_term
from kd_helpers.methods import FLSW, NKD


def normalised(s, t, y, heat, gamma=1.5):
    """The paper's two terms of one image, not yet times T²."""
    others = np.arange(len(s)) != y
    target = -softmax(t)[y] * log_softmax(s)[y]
    among = softmax(t[others] / heat) * log_softmax(s[others] / heat)
    return target / heat**2 - gamma * among.sum()


def test_both_terms_are_the_papers():
    for classes in (3, 10, 100):
        given = random_batch(classes)
        for gamma in (0.0, 1.5):
            found = learnt(NKD(temperature=T, gamma=gamma), given)[0].item()
            expected = soft_term(given, compare=partial(normalised, gamma=gamma))
            assert found == pytest.approx(expected, rel=1e-4)


def test_it_takes_a_temperature_for_each_image():
    given = random_batch()
    found = learnt(FLSW(NKD(temperature=T)), given)[0].item()
    expected = soft_term(given, compare=normalised, confusion=different_directions)
    assert found == pytest.approx(expected, rel=1e-4)


def test_every_image_needs_its_label_and_gamma_is_a_number():
    with pytest.raises(ValueError, match="expected labels for all: NKD"):
        NKD()(*partly_hidden(random_batch()))
    with pytest.raises(ValueError, match="got gamma=-1"):
        NKD(gamma=-1.0)
