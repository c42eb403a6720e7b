import warnings

import pytest
import torch

from by_hand import T, learnt, random_batch, soft_term, standard
from kd_helpers.methods import NKD, DecoupledKD, HintonKD, Standardised
from kd_helpers.methods.standardised_logits import standardise


def test_both_sides_are_standardised():
    for classes in (3, 10, 100):
        given = random_batch(classes)
        found = learnt(Standardised(HintonKD(temperature=T)), given)[0].item()
        assert found == pytest.approx(soft_term(given, scale=standard), rel=1e-4)


def test_a_constant_row_becomes_0_and_a_network_can_leave_it():
    """Divided by a deviation of 0 its gradient was 9e6, and infinite in half precision."""
    for start in (torch.zeros(2, 10), torch.full((2, 10), 7.3), torch.full((2, 10), 1e6)):
        for dtype in (torch.float32, torch.half if start.max() < 1e4 else torch.float32):
            z = torch.cat([start, torch.randn(1, 10)]).to(dtype).requires_grad_()
            found = standardise(z)
            assert found[:2].abs().max() < 1e-6
            (found * torch.randn(3, 10)).sum().backward()
            assert z.grad.isfinite().all() and 0 < z.grad[:2].abs().max() < 10
    method = Standardised(HintonKD(kd_weight=1.0))
    head = torch.zeros(64, 10, requires_grad=True)
    teacher = random_batch()[1]
    first = method(head, teacher, random_batch()[2])["loss"]
    for _ in range(50):
        loss = method(head, teacher, random_batch()[2])["loss"]
        (gradient,) = torch.autograd.grad(loss, head)
        head = (head - gradient).detach().requires_grad_()
    assert loss < first / 2


def test_two_classes_are_refused_or_warned_of_where_a_setting_has_no_effect():
    student, teacher, labels = random_batch(2)
    with pytest.raises(ValueError, match=r"2 classes to standardise.*HintonKD"):
        Standardised()(student, teacher, labels)
    plain = HintonKD(kd_weight=1.0)(student, teacher, labels)["loss"].item()
    for method in (DecoupledKD(kd_weight=1.0), NKD(kd_weight=1.0)):
        with pytest.warns(UserWarning, match="no effect with two classes"):
            loss = method(student, teacher, labels)["loss"].item()
        with pytest.raises(ValueError, match="1 class"):
            method(student[:, :1], teacher[:, :1], torch.zeros_like(labels))
        if isinstance(method, DecoupledKD):
            assert loss == pytest.approx(plain, rel=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Standardised()(*random_batch(3))
