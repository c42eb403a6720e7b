from functools import partial

import numpy as np
import pytest
import torch
from scipy.special import softmax

from by_hand import T, in_parts, learnt, partly_hidden, random_batch, soft_term
from kd_helpers.methods import DecoupledKD
from kd_helpers.methods.decoupled import decoupled_parts


def test_the_two_parts_with_their_weights_are_the_papers():
    for classes in (2, 3, 10, 100):
        given = random_batch(classes)
        for alpha, beta in ((1.0, 8.0), (3.0, 0.5), (0.0, 1.0)):
            method = DecoupledKD(temperature=T, alpha=alpha, beta=beta)
            expected = soft_term(given, compare=partial(in_parts, alpha=alpha, beta=beta))
            assert learnt(method, given)[0].item() == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_it_stays_finite_where_the_student_gives_the_others_nothing():
    student = torch.tensor([[200.0, 0, 0]], requires_grad=True)
    loss = DecoupledKD(temperature=1.0).soft(
        student, torch.tensor([[1.0, 2, 3]]), torch.tensor([0])
    )
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(student.grad).all() and student.grad.any()


def test_every_image_needs_its_label_and_weights_are_numbers():
    with pytest.raises(ValueError, match="expected labels for all: DecoupledKD"):
        DecoupledKD()(*partly_hidden(random_batch()))
    for bad in ({"alpha": -1.0}, {"beta": float("inf")}, {"beta": float("nan")}):
        with pytest.raises(ValueError, match="expected a number from 0 on"):
            DecoupledKD(**bad)


def test_both_parts_weighted_by_the_teachers_doubt_are_the_whole_divergence():
    """The paper's equation 7: KL = TCKD + (1 - p_t) NCKD."""
    student, teacher, labels = (part.detach() for part in random_batch())
    tckd, nckd, p_true = decoupled_parts(student, teacher, labels, temperature=T)
    q, p = softmax(student.double().numpy() / T, 1), softmax(teacher.double().numpy() / T, 1)
    assert p_true.numpy() == pytest.approx(p[range(len(p)), labels.numpy()], rel=1e-4)
    whole = (p * np.log(p / q)).sum(axis=1)
    assert (tckd + (1 - p_true) * nckd).numpy() == pytest.approx(whole, rel=1e-3)
