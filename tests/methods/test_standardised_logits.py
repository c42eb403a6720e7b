import pytest
import torch

from by_hand import T, learnt, random_batch, soft_term, standard
from kd_helpers.methods import HintonKD, Standardised
from kd_helpers.methods.standardised_logits import standardise


def test_both_sides_are_standardised():
    for classes in (3, 10, 100):
        given = random_batch(classes)
        found = learnt(Standardised(HintonKD(temperature=T)), given)[0].item()
        assert found == pytest.approx(soft_term(given, scale=standard), rel=1e-4)


def test_the_size_and_the_level_of_logits_are_taken_out():
    z = random_batch()[1]
    found = standardise(z)
    torch.testing.assert_close(found.mean(1), torch.zeros(64), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.std(1), torch.ones(64), rtol=1e-5, atol=0)
    torch.testing.assert_close(standardise(3 * z + 7), found, rtol=1e-4, atol=1e-5)
