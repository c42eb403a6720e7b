from functools import partial

import pytest

from by_hand import T, gate, learnt, partly_hidden, random_batch, soft_label_weight, soft_term
from kd_helpers.methods import ConfidenceGate, HintonKD, WeightedSoftLabels

KD = HintonKD(temperature=T)


def test_images_are_weighted_as_in_the_paper():
    given = random_batch()
    found = learnt(WeightedSoftLabels(KD), given)[0].item()
    assert found == pytest.approx(soft_term(given, weigh=soft_label_weight), rel=1e-4)
    with pytest.raises(ValueError, match="expected labels for all: WeightedSoftLabels"):
        WeightedSoftLabels(KD)(*partly_hidden(given))


def test_a_gate_and_its_opposite_share_the_images():
    for given in (random_batch(), partly_hidden(random_batch())):
        for threshold in (0.0, 0.6, 0.9):
            parts = []
            for above in (True, False):
                weigh = partial(gate, threshold=threshold, above=above)
                method = ConfidenceGate(KD, threshold=threshold, above=above)
                parts.append(learnt(method, given)[0].item())
                assert parts[-1] == pytest.approx(soft_term(given, weigh=weigh), rel=1e-4)
            assert sum(parts) == pytest.approx(learnt(KD, given)[0].item(), rel=1e-5)
    with pytest.raises(ValueError, match=r"got threshold=1\.1"):
        ConfidenceGate(threshold=1.1)
