from functools import partial

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, logsumexp

from by_hand import T, divergence, in_parts, learnt, partly_hidden, random_batch, soft_term
from kd_helpers.methods import RLD


def refined(s, t, y, heat, alpha=1.0, beta=8.0):
    p, q, sure = log_softmax(t), log_softmax(s), t.argmax()
    pairs = [np.array([x[k], logsumexp(np.delete(x, k))]) for x, k in ((p, sure), (q, y))]
    kept = t < t[y]
    among = divergence(*(log_softmax(z[kept] / heat) for z in (t, s))) if kept.any() else 0.0
    return alpha * divergence(*pairs) / heat**2 + beta * among


def test_both_terms_are_the_papers():
    for classes in (3, 10, 100):
        given = random_batch(classes)
        for alpha, beta in ((1.0, 8.0), (1.0, 0.0), (0.0, 1.0)):
            found = learnt(RLD(temperature=T, alpha=alpha, beta=beta), given)[0].item()
            compare = partial(refined, alpha=alpha, beta=beta)
            assert found == pytest.approx(soft_term(given, compare=compare), rel=1e-4)


def test_where_the_teacher_is_right_it_is_decoupled_distillation():
    student, teacher, _ = random_batch()
    given = (student, teacher, teacher.argmax(1))

    def decoupled(s, t, y, heat):
        target = in_parts(s, t, y, 1.0, alpha=1.0, beta=0.0) / heat**2
        return target + in_parts(s, t, y, heat, alpha=0.0, beta=8.0)

    found = learnt(RLD(temperature=T), given)[0].item()
    assert found == pytest.approx(soft_term(given, compare=decoupled), rel=1e-4)


def test_a_true_class_that_is_ranked_last_leaves_nothing_to_tell_apart():
    student, teacher, _ = random_batch()
    last = (student, teacher, teacher.argmin(1))
    loss, gradient = learnt(RLD(temperature=T, alpha=0.0, beta=8.0), last)
    assert loss == 0 and (gradient == 0).all()
    loss, gradient = learnt(RLD(temperature=T), last)
    assert loss > 0 and gradient.isfinite().all() and gradient.norm() > 0
    tied = (student, torch.zeros_like(teacher), last[2])  # no class is below one that it equals
    assert learnt(RLD(temperature=T, alpha=0.0), tied)[0] == 0


def test_every_image_needs_its_label_and_weights_are_numbers():
    with pytest.raises(ValueError, match="expected labels for all: RLD"):
        RLD()(*partly_hidden(random_batch()))
    for name in ("alpha", "beta"):
        with pytest.raises(ValueError, match=f"got {name}=-1"):
            RLD(**{name: -1.0})
    assert torch.isfinite(RLD()(*[1e4 * z for z in random_batch()[:2]], random_batch()[2])["loss"])
