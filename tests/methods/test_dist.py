import numpy as np
import pytest
import torch
from scipy.special import softmax

from by_hand import T, learnt, random_batch
from kd_helpers.methods import DIST
from kd_helpers.methods.dist import correlation


def test_both_relations_are_pearsons_correlation():
    for classes in (3, 10, 100):
        given = random_batch(classes)
        q, p = (softmax(z.double().numpy() / T, axis=1) for z in given[:2])
        images, columns = (
            np.mean([1 - np.corrcoef(a, b)[0, 1] for a, b in zip(x, y, strict=True)])
            for x, y in ((q, p), (q.T, p.T))
        )
        for beta, gamma in ((1.0, 0.0), (0.0, 1.0), (1.0, 2.0)):
            found = learnt(DIST(temperature=T, beta=beta, gamma=gamma), given)[0].item()
            assert found == pytest.approx(T**2 * (beta * images + gamma * columns), rel=1e-3)


def test_a_positive_affine_map_of_the_students_rows_changes_nothing():
    q, p = (z.double() for z in random_batch()[:2])
    before = correlation(q, p, dim=1)
    torch.testing.assert_close(correlation(3 * q + 7, p, dim=1), before)
    torch.testing.assert_close(correlation(-q, p, dim=1), -before)


def test_a_head_that_starts_at_0_gets_a_gradient_of_ordinary_size():
    _, teacher, labels = random_batch()
    student, gradient = learnt(DIST(temperature=T), (torch.zeros_like(teacher), teacher, labels))
    assert student.isfinite() and 0 < gradient.norm() < 10
    alone = learnt(DIST(temperature=T), tuple(part[:1] for part in random_batch()))
    assert all(found.isfinite().all() for found in alone)  # one image has no columns to compare
