"""The loss of Hinton et al. and the label term: NumPy in float64, closed forms, known faults."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from by_hand import T, partly_hidden, random_batch, soft_term
from kd_helpers.data.splits import UNLABELLED
from kd_helpers.methods import CrossEntropy, HintonKD
from kd_helpers.methods.hinton import kd_loss
from kd_helpers.methods.terms import hard_loss


def gradient(student, teacher, temperature):
    student = student.clone().requires_grad_()
    teacher = teacher.clone().requires_grad_()
    kd_loss(student, teacher, temperature=temperature).backward()
    assert teacher.grad is None
    return student.grad


def test_value_and_gradient_are_those_of_the_definition():
    for images, classes, temperature in ((1, 2, 1.5), (6, 7, 4.0), (3, 10, 0.5), (8, 100, 20.0)):
        student, teacher, _ = random_batch(classes, images)
        s, t = (z.double().numpy() / temperature for z in (student, teacher))
        rows = (softmax(t, 1) * (log_softmax(t, 1) - log_softmax(s, 1))).sum(1)
        value = kd_loss(student, teacher, temperature=temperature).item()
        assert value == pytest.approx(temperature**2 * rows.mean(), rel=1e-4)
        expected = temperature * (softmax(s, 1) - softmax(t, 1)) / images
        found = gradient(student, teacher, temperature).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


def test_what_the_loss_does_not_see():
    student, teacher, _ = random_batch()
    assert kd_loss(student, student.clone(), temperature=T) == 0
    before = kd_loss(student, teacher, temperature=T).item()
    assert kd_loss(student + 5, teacher - 3, temperature=T).item() == pytest.approx(
        before, rel=1e-4
    )
    twice = kd_loss(student.repeat(2, 1), teacher.repeat(2, 1), temperature=T).item()
    assert twice == pytest.approx(before, rel=1e-5)
    half = kd_loss(student.bfloat16(), teacher.half(), temperature=T)
    assert half.dtype == torch.float32 and half.item() == pytest.approx(before, rel=0.02)


def test_the_label_term_is_cross_entropy_with_smoothed_labels_over_the_labelled():
    student, _, labels = partly_hidden(random_batch())
    shown = (labels != UNLABELLED).numpy()
    for smoothing in (0.0, 0.1, 1.0):
        z = student.clone().requires_grad_()
        loss = hard_loss(z, labels, label_smoothing=smoothing)
        target = (1 - smoothing) * np.eye(10)[labels.numpy()[shown]] + smoothing / 10
        expected = -(target * log_softmax(student.double().numpy(), 1)[shown]).sum(1).mean()
        assert loss.item() == pytest.approx(expected, rel=1e-5)
        loss.backward()
        assert not z.grad[~shown].any() and z.grad[shown].any(1).all()
        none = hard_loss(student, torch.full_like(labels, UNLABELLED), label_smoothing=smoothing)
        assert none == 0


def test_the_method_mixes_both_terms_and_only_the_loss_has_a_gradient():
    for given in (random_batch(), partly_hidden(random_batch())):
        student = given[0].clone().requires_grad_()
        for weight, smoothing in ((0.0, 0.2), (0.3, 0.0), (0.3, 0.2), (1.0, 0.0)):
            method = HintonKD(
                temperature=T, kd_weight=weight, label_smoothing=smoothing, strength=2
            )
            terms = method(student, *given[1:])
            ce = hard_loss(given[0], given[2], label_smoothing=smoothing).item()
            kd = soft_term(given, strength=2)
            assert terms["ce"].item() == ce and terms["kd"].item() == pytest.approx(kd, rel=1e-4)
            assert terms["loss"].item() == pytest.approx((1 - weight) * ce + weight * kd, rel=1e-4)
            assert [value.requires_grad for value in terms.values()] == [True, False, False]


def test_cross_entropy_is_the_label_term_alone():
    student, _, labels = random_batch()
    terms = CrossEntropy(label_smoothing=0.2)(student, None, labels)
    assert terms["loss"] == terms["ce"] == hard_loss(student, labels, label_smoothing=0.2)
    assert terms["kd"] == 0


BAD = [
    *(
        (lambda t=t: kd_loss(*random_batch()[:2], temperature=t), "got temperature")
        for t in (0, -1.0, float("nan"), float("inf"))
    ),
    *(
        (lambda name=name, value=value: HintonKD(**{name: value}), rf"got {name}=")
        for name, values in {
            "temperature": (0, "4"),
            "kd_weight": (-0.1, 1.1, float("nan"), True),
            "label_smoothing": (2,),
            "warm_up": (-1,),
            "strength": (-1, float("inf")),
        }.items()
        for value in values
    ),
    (lambda: HintonKD(kd_weight=1.0, label_smoothing=0.1), "no label term to smooth"),
    (lambda: hard_loss(*random_batch()[::2], label_smoothing=1.1), "got label_smoothing=1.1"),
    (lambda: HintonKD()(random_batch()[0], None, random_batch()[2]), "no teacher's logits"),
    *(
        (lambda s=s, t=t: kd_loss(s, t, temperature=1), words)
        for s, t, words in (
            ([[1.0, 2.0]], torch.zeros(1, 2), "got student logits of type list"),
            (torch.zeros(2), torch.zeros(2), r"got student logits of shape \(2,\)"),
            (torch.zeros(2, 10), torch.zeros(2, 9), r"\(2, 10\).*\(2, 9\).*same classes"),
            (torch.full((2, 3), torch.nan), torch.zeros(2, 3), "got student logits that are not"),
            (torch.zeros(2, 3), torch.full((2, 3), torch.inf), "got teacher logits that are not"),
        )
    ),
]


def test_bad_input_is_refused_in_words():
    for make, words in BAD:
        with pytest.raises(ValueError, match=words):
            make()
