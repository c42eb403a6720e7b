from functools import partial

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from by_hand import T, learnt, partly_hidden, random_batch, soft_term
from kd_helpers.methods import OFA, HintonKD


def sharpened(s, t, y, heat, gamma):
    true = np.eye(len(t))[y]
    return -(((softmax(t / heat) + true) ** gamma - true) * log_softmax(s / heat)).sum()


def test_the_target_is_the_papers():
    for classes in (2, 10, 100):
        given = random_batch(classes)
        for gamma in (0.5, 1.0, 1.5, 3.0):
            found = learnt(OFA(temperature=T, gamma=gamma), given)[0].item()
            expected = soft_term(given, compare=partial(sharpened, gamma=gamma))
            assert found == pytest.approx(expected, rel=1e-4)


def test_with_gamma_1_it_learns_what_plain_distillation_does():
    found, expected = (
        learnt(method(temperature=T), random_batch())[1]
        for method in (partial(OFA, gamma=1.0), HintonKD)
    )
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_it_is_finite_where_a_probability_is_0_and_refuses_what_it_cannot_use():
    student = torch.tensor([[300.0, -300.0, 0.0]], requires_grad=True)
    loss = OFA(temperature=1.0)(student, torch.tensor([[0.0, 300.0, -300.0]]), torch.tensor([1]))
    loss["loss"].backward()
    assert loss["loss"].isfinite() and student.grad.isfinite().all()
    with pytest.raises(ValueError, match="expected labels for all: OFA"):
        OFA()(*partly_hidden(random_batch()))
    with pytest.raises(ValueError, match="got gamma=0"):
        OFA(gamma=0.0)
