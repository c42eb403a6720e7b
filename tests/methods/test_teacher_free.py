import numpy as np
import pytest
import torch

from by_hand import B, K, T, partly_hidden, random_batch, soft_term
from kd_helpers.methods import HintonKD, Standardised, TeacherFreeKD
from kd_helpers.methods.teacher_free import virtual_teacher


def test_the_virtual_teacher_is_sure_of_the_true_class_and_of_nothing_else():
    student, _, labels = random_batch()
    for confidence in (0.3, 0.9, 0.99):
        target = np.where(np.eye(K)[labels] > 0, confidence, (1 - confidence) / (K - 1))
        told = virtual_teacher(labels, K, confidence)
        np.testing.assert_allclose(told.softmax(1), target, rtol=1e-5)
        method = TeacherFreeKD(HintonKD(temperature=T, kd_weight=0.4, strength=2.0), confidence)
        terms = method(student, None, labels)
        expected = soft_term((student, told, labels), strength=2.0)
        assert terms["kd"].item() == pytest.approx(expected, rel=1e-4)
        torch.testing.assert_close(terms["loss"], 0.6 * terms["ce"] + 0.4 * terms["kd"])


def test_it_treats_any_method_and_asks_no_teacher():
    assert not TeacherFreeKD().needs_teacher
    student, _, labels = random_batch()
    told = virtual_teacher(labels, K, 0.99)
    inside = Standardised(HintonKD(temperature=T))
    found, same = TeacherFreeKD(inside)(student, None, labels), inside(student, told, labels)
    torch.testing.assert_close(found["loss"], same["loss"])


def test_impossible_confidence_and_hidden_labels_are_refused():
    for bad in (0.0, 1.0, -0.1, float("nan")):
        with pytest.raises(ValueError, match="got confidence="):
            TeacherFreeKD(confidence=bad)
    with pytest.raises(ValueError, match=r"got confidence=0\.05; expected more than 1/10"):
        TeacherFreeKD(confidence=0.05)(torch.zeros(B, K), None, torch.zeros(B).long())
    with pytest.raises(ValueError, match=r"images without a label.*virtual teacher"):
        student, _, labels = partly_hidden(random_batch())
        TeacherFreeKD()(student, None, labels)
