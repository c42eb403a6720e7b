import itertools
from dataclasses import replace

import pytest
import torch

from by_hand import T, partly_hidden, random_batch, soft_term
from kd_helpers.methods import DenselyGuidedKD, HintonKD
from kd_helpers.methods.terms import hard_loss

KD = DenselyGuidedKD(temperature=T)


def case(count: int = 3):
    """Student (B, K), the logits of `count` sources side by side, partly hidden labels."""
    student, teacher, labels = partly_hidden(random_batch())
    torch.manual_seed(0)
    return student, [teacher + torch.randn_like(teacher) for _ in range(count)], labels


def test_the_loss_is_the_equation_written_out():
    student, told, labels = case()
    kd = sum(soft_term((student, one, labels)) for one in told)
    ce = hard_loss(student, labels).item()
    for weight, strength, mean, once in itertools.product(
        (0.3, 1.0), (1.0, 0.1), (False, True), (False, True)
    ):
        method = replace(KD, kd_weight=weight, strength=strength, mean=mean, labels_once=once)
        expected = (1 if once else 3) * (1 - weight) * ce + weight * strength * kd
        found = method(student, torch.cat(told, 1), labels)["loss"].item()
        assert found == pytest.approx(expected / (3 if mean else 1), rel=1e-4)
    turned = KD(student, torch.cat(told[::-1], 1), labels)["loss"]
    torch.testing.assert_close(turned, KD(student, torch.cat(told, 1), labels)["loss"])


def test_one_source_is_plain_distillation_bit_for_bit_and_sources_take_no_gradient():
    student, told, labels = case()
    results = []
    for method in (replace(KD, label_smoothing=0.1), HintonKD(temperature=T, label_smoothing=0.1)):
        z, v = student.clone().requires_grad_(), told[0].clone().requires_grad_()
        terms = method(z, v, labels)
        terms["loss"].backward()
        assert v.grad is None
        results.append((*(value.detach() for value in terms.values()), z.grad))
    assert all(one.equal(other) for one, other in zip(*results, strict=True))


def test_each_source_survives_as_often_as_asked_and_on_its_own():
    torch.manual_seed(0)
    for survival in (0.25, 0.75):
        method = replace(KD, survival=survival)
        drawn = torch.stack([method.draw_sources(3) for _ in range(6000)]).float()
        assert (drawn.mean(0) - survival).abs().max() < 0.03
        assert (torch.corrcoef(drawn.T) - torch.eye(3)).abs().max() < 0.06
    removed = torch.stack([replace(KD, removed=1).draw_sources(4) for _ in range(4000)])
    assert (removed.sum(1) == 3).all() and (removed.float().mean(0) - 0.75).abs().max() < 0.03
    before = torch.get_rng_state()
    assert KD.draw_sources(4).all() and before.equal(torch.get_rng_state())  # nothing is drawn


def test_a_batch_without_sources_teaches_its_labels_at_their_usual_weight():
    student, told, labels = case()
    terms = replace(KD, survival=0.0)(student, torch.cat(told, 1), labels)
    assert terms["kd"] == 0
    assert terms["loss"].item() == pytest.approx(
        3 * 0.1 * hard_loss(student, labels).item(), rel=1e-5
    )


def test_what_does_not_fit_together_is_refused():
    student, told, labels = case()
    for bad, words in (
        ({"survival": 1.5}, "survival"),
        ({"removed": -1}, "whole number"),
        ({"removed": 1.0}, "whole number"),
        ({"removed": 1, "survival": 0.5}, "choose one"),
    ):
        with pytest.raises(ValueError, match=words):
            DenselyGuidedKD(**bad)
    with pytest.raises(ValueError, match="multiple of 10"):
        KD(student, torch.cat(told, 1)[:, :-1], labels)
    with pytest.raises(ValueError, match="removed=3 of 3"):
        replace(KD, removed=3)(student, torch.cat(told, 1), labels)
