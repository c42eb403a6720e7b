"""Selective learning: against loops image by image, closed forms and numerical optimisation."""

import numpy as np
import pytest
import torch
from scipy.special import logsumexp, rel_entr, softmax

from kd_helpers.methods import SelectiveKD
from kd_helpers.methods.selective import seen_by, selective_loss
from kd_helpers.methods.terms import hard_loss

K, B = 10, 4
# Not sorted, of different sizes; some classes in two groups.
SPECIAL, TURNED = ((6, 0, 2), (5, 7), (3,)), ((7, 0, 3), (9, 1, 3, 8), (2, 6, 5, 4))
GROUPS = {"towers": TURNED, "zeros": TURNED, "specialists": SPECIAL}


def random_logits(seed: int, width: int = K) -> torch.Tensor:
    return 3 * torch.randn(B, width, generator=torch.Generator().manual_seed(seed))


def random_told(kind: str) -> torch.Tensor:
    sizes = [len(group) for group in GROUPS[kind]]
    return random_logits(1, sum(sizes) + (K + len(sizes)) * (kind == "specialists"))


def loss_of(kind: str, student, told, temperature: float = 4.0, groups=None) -> torch.Tensor:
    how = {"temperature": temperature, "groups": groups or GROUPS[kind], "zeros": kind == "zeros"}
    return selective_loss(student, told, **how)


def seen_in_a_loop(z: np.ndarray, group, dustbin: bool) -> np.ndarray:
    """Logits (K,) of one image as the source for `group` would give them."""
    own = [z[k] for k in group]
    return np.array(own + [logsumexp([z[k] for k in range(K) if k not in group])] * dustbin)


def by_loops(student, told, temperature: float, kind: str) -> float:
    """Selective loss, image by image and source by source."""
    total = 0.0
    for z, row in zip(student.double().numpy(), told.double().tolist(), strict=True):
        dustbin, rest = kind == "specialists", list(row)
        terms = [([rest.pop(0) for _ in range(K)], z)] if dustbin else []
        for group in GROUPS[kind]:
            said = [rest.pop(0) for _ in range(len(group) + dustbin)]
            if kind == "zeros":
                scores = dict(zip(group, said, strict=True))
                terms.append(([scores.get(k, 0.0) for k in range(K)], z))
            else:
                terms.append((said, seen_in_a_loop(z, group, dustbin)))
        assert not rest
        pairs = [[softmax(np.array(x) / temperature) for x in pair] for pair in terms]
        total += np.mean([rel_entr(*pair).sum() for pair in pairs])
    return temperature**2 * total / len(student)


def test_the_loss_is_that_of_plain_loops_and_takes_no_gradient_from_the_sources():
    student, labels = random_logits(0), torch.arange(B)
    for kind, groups in GROUPS.items():
        for temperature in (0.5, 1.0, 4.0, 20.0):
            told = random_told(kind).requires_grad_()
            expected = by_loops(student, told.detach(), temperature, kind)
            z = student.clone().requires_grad_()
            loss = loss_of(kind, z, told, temperature)
            loss.backward()
            assert loss.item() == pytest.approx(expected, rel=1e-4)
            assert told.grad is None and z.grad.any()
            how = {"temperature": temperature, "zeros": kind == "zeros"}
            method = SelectiveKD(groups=groups, kd_weight=0.7, strength=2.0, **how)
            terms = method(student, told.detach(), labels)
            mixed = 0.3 * hard_loss(student, labels).item() + 1.4 * expected
            assert terms["loss"].item() == pytest.approx(mixed, rel=1e-4)


def test_what_does_not_fit_is_refused_in_words():
    z = random_logits(0)
    for kind in GROUPS:
        told = random_told(kind)
        for width in (told.shape[1] - 1, told.shape[1] + 3):
            with pytest.raises(ValueError, match=rf"got {width} outputs of all sources; expected"):
                loss_of(kind, z, random_logits(1, width))
    with pytest.raises(ValueError, match=r"got temperature=.*expected a finite number"):
        loss_of(kind, z, told, 0.0)
    with pytest.raises(ValueError, match="expected 6 of towers"):  # dustbins cannot be padded
        loss_of("zeros", z, random_told("specialists"), groups=SPECIAL)
    for group in ((), tuple(range(K)), (1, 1), (1, K), (-1, 2)):
        with pytest.raises(ValueError, match=r"got the group .*expected"):
            seen_by(z, group, dustbin=True)
    with pytest.raises(ValueError, match="got no groups"):
        SelectiveKD()
