import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from by_hand import T, divergence, learnt, random_batch, soft_term
from kd_helpers.methods import ABKD, HintonKD


def alpha_beta(a, b):
    def compare(s, t, y, heat):
        p, q = (np.exp(log_softmax(z / heat)) for z in (t, s))
        inner = p**a * q**b - a / (a + b) * p ** (a + b) - b / (a + b) * q ** (a + b)
        return -inner.sum() / (a * b)

    return compare


def test_the_divergence_is_the_papers_and_goes_on_to_its_limits():
    for classes in (2, 10, 100):
        given = random_batch(classes)
        for a, b in ((0.8, 0.3), (0.5, 0.5), (1.0, 1.0), (0.2, 1.5)):
            found = learnt(ABKD(temperature=T, alpha=a, beta=b), given)[0].item()
            assert found == pytest.approx(soft_term(given, compare=alpha_beta(a, b)), rel=1e-3)
        for a, b in ((0.7, 0.0), (0.0, 0.7)):  # the limit is what is near it
            near = soft_term(given, compare=alpha_beta(max(a, 1e-6), max(b, 1e-6)))
            found = learnt(ABKD(temperature=T, alpha=a, beta=b), given)[0].item()
            assert found == pytest.approx(near, rel=1e-3)


def test_its_ends_are_the_two_divergences_of_kullback_and_leibler():
    given = random_batch()
    for found, expected in zip(
        learnt(ABKD(temperature=T, alpha=1.0, beta=0.0), given),
        learnt(HintonKD(temperature=T), given),
        strict=True,
    ):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)

    def seeking(s, t, y, heat):
        return divergence(log_softmax(s / heat), log_softmax(t / heat))

    found = learnt(ABKD(temperature=T, alpha=0.0, beta=1.0), given)[0].item()
    assert found == pytest.approx(soft_term(given, compare=seeking), rel=1e-4)


def test_powers_that_are_none_are_refused():
    for given in ({"alpha": 0.0, "beta": 0.0}, {"alpha": -1.0}, {"beta": float("inf")}):
        with pytest.raises(ValueError, match="expected numbers from 0 on, not both 0"):
            ABKD(**given)
