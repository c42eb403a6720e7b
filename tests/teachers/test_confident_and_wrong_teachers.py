"""Treatments of a teacher's answer against independent NumPy computations and closed forms."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, logsumexp, softmax

from kd_helpers.methods.decoupled import decoupled_loss, decoupled_parts
from kd_helpers.methods.dynamic_temperature import (
    cwsm_temperatures,
    flsw_temperatures,
    own_temperature_loss,
)
from kd_helpers.methods.hinton import kd_loss, kd_rows
from kd_helpers.methods.standardised_logits import standardise
from kd_helpers.methods.targets import soften
from kd_helpers.methods.teacher_free import virtual_teacher
from kd_helpers.methods.teacher_mistakes import (
    mask_weights,
    mistaken,
    replace_mistakes,
    swap_mistakes,
    trust_weights,
)
from kd_helpers.methods.top_k import kd_on_entries, random_entries, small_entries, top_entries
from kd_helpers.methods.weighted_soft_labels import confidence_gate, wsld_weights

B, K, T = 64, 10, 4.0


@pytest.fixture
def logits() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Student and teacher logits (B, K) and labels (B,); every eighth label is hidden nowhere."""
    generator = torch.Generator().manual_seed(0)
    student, teacher = 3 * torch.randn(2, B, K, generator=generator)
    return student, teacher, torch.randint(K, (B,), generator=generator)


def divergence(teacher: np.ndarray, student: np.ndarray) -> np.ndarray:
    """KL of each row from probabilities, in double precision."""
    return (teacher * (np.log(teacher) - np.log(student))).sum(axis=-1)


def arrays(*tensors: torch.Tensor) -> list[np.ndarray]:
    return [t.double().numpy() if t.is_floating_point() else t.numpy() for t in tensors]


# Confidence


def test_the_rows_of_kd_are_the_divergences(logits):
    student, teacher, _ = logits
    s, t = arrays(student, teacher)
    expected = divergence(softmax(t / T, axis=1), softmax(s / T, axis=1))
    torch.testing.assert_close(
        kd_rows(student, teacher, T).double(), torch.tensor(expected), rtol=1e-4, atol=1e-6
    )
    mean = kd_rows(student, teacher, T).mean() * T**2
    torch.testing.assert_close(mean, kd_loss(student, teacher, temperature=T))


@pytest.mark.parametrize(("a", "b"), ((2.0, 0.0), (0.1, 5.0), (7.0, -3.0)))
def test_standardised_logits_do_not_know_size_or_shift(a, b, logits):
    _, teacher, _ = logits
    found = standardise(teacher)
    torch.testing.assert_close(standardise(a * teacher + b), found, rtol=1e-4, atol=1e-5)
    (t,) = arrays(teacher)
    expected = (t - t.mean(1, keepdims=True)) / t.std(1, ddof=1, keepdims=True)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("temperature", (1.0, 4.0, 20.0))
def test_target_and_other_part_add_up_to_kd(temperature, logits):
    student, teacher, labels = (x.double() if x.is_floating_point() else x for x in logits)
    tckd, nckd, p = decoupled_parts(student, teacher, labels, temperature=temperature)
    whole = kd_rows(student, teacher, temperature)
    torch.testing.assert_close(tckd + (1 - p) * nckd, whole, rtol=1e-4, atol=1e-6)


def test_the_parts_are_those_of_the_definition(logits):
    student, teacher, labels = logits
    s, t, y = arrays(*logits)
    rows = np.arange(B)
    other = np.ones((B, K), bool)
    other[rows, y] = False
    p, q = softmax(t / T, axis=1), softmax(s / T, axis=1)
    pair = [np.stack([x[rows, y], x[other].reshape(B, -1).sum(1)], 1) for x in (p, q)]
    rest = [x[other].reshape(B, -1) / x[other].reshape(B, -1).sum(1, keepdims=True) for x in (p, q)]
    tckd, nckd, p_t = decoupled_parts(student, teacher, labels, temperature=T)
    np.testing.assert_allclose(tckd.numpy(), divergence(*pair), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(nckd.numpy(), divergence(*rest), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(p_t.numpy(), p[rows, y], rtol=1e-4)
    expected = T**2 * (2 * divergence(*pair) + 8 * divergence(*rest)).mean()
    loss = decoupled_loss(
        student, teacher, labels, temperature=T, target_weight=2.0, other_weight=8.0
    )
    assert loss.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("beta", (0.5, 1.0, 40.0))
def test_own_temperatures_average_to_the_base_and_are_positive(beta, logits):
    student, teacher, _ = logits
    flsw = flsw_temperatures(student, teacher, temperature=T, beta=beta)
    cwsm = cwsm_temperatures(student, temperature=T, beta=beta)
    for temperatures in (flsw, cwsm):
        assert temperatures.shape == (B,) and temperatures.mean().item() == pytest.approx(T)
        assert temperatures.min() >= T / 4 - 1e-4 and temperatures.std() > 0


def test_own_temperatures_are_lower_where_the_paper_says(logits):
    student, teacher, _ = logits
    s, t = arrays(student, teacher)
    cosine = (s * t).sum(1) / np.linalg.norm(s, axis=1) / np.linalg.norm(t, axis=1)
    omega = (1 - cosine) ** 2
    found = flsw_temperatures(student, teacher, temperature=T, beta=0.5)
    np.testing.assert_allclose(found.numpy(), T + 0.5 * (omega.mean() - omega), rtol=1e-4)
    omega = 1 / softmax(s, axis=1).max(1)
    found = cwsm_temperatures(student, temperature=T, beta=0.5)
    np.testing.assert_allclose(found.numpy(), T + 0.5 * (omega.mean() - omega), rtol=1e-4)
    same = torch.full((B,), T)
    torch.testing.assert_close(
        own_temperature_loss(student, teacher, same), kd_loss(student, teacher, temperature=T)
    )


def test_weighted_soft_labels(logits):
    s, t, y = arrays(*logits)
    own, other = (-log_softmax(x, axis=1)[np.arange(B), y] for x in (s, t))
    np.testing.assert_allclose(wsld_weights(*logits).numpy(), 1 - np.exp(-own / other), rtol=1e-3)
    sure = 50 * torch.nn.functional.one_hot(logits[2], K).float()
    assert wsld_weights(logits[0], sure, logits[2]).min() > 0.99


def test_the_gate_opens_above_or_below(logits):
    _, teacher, _ = logits
    top = softmax(arrays(teacher)[0], axis=1).max(1)
    for above in (True, False):
        expected = ((top >= 0.7) == above).astype(np.float32)
        assert confidence_gate(teacher, 0.7, above=above).numpy().tolist() == expected.tolist()
        assert 0 < expected.sum() < B


# Entries


@pytest.mark.parametrize("lump", (True, False))
def test_all_entries_are_kd(lump, logits):
    student, teacher, labels = logits
    found = kd_on_entries(
        student, teacher, top_entries(teacher, K, labels), temperature=T, lump=lump
    )
    torch.testing.assert_close(found, kd_loss(student, teacher, temperature=T))


@pytest.mark.parametrize("count", (1, 3, 9))
def test_top_and_small_entries_divide_the_classes(count, logits):
    _, teacher, labels = logits
    top, small = top_entries(teacher, count), small_entries(teacher, count)
    assert (top ^ small).all() and (top.sum(1) == count).all()
    smallest_kept = teacher.masked_fill(~top, np.inf).min(1).values
    assert (smallest_kept > teacher.masked_fill(top, -np.inf).max(1).values).all()
    assert top_entries(teacher, count, labels)[torch.arange(B), labels].all()
    hidden = torch.full_like(labels, -100)
    assert top_entries(teacher, count, hidden).equal(top)


@pytest.mark.parametrize("lump", (True, False))
@pytest.mark.parametrize("choose", (top_entries, small_entries))
def test_chosen_entries_are_those_of_the_definition(choose, lump, logits):
    student, teacher, _ = logits
    keep = choose(teacher, 3)
    expected = []
    for s, t, k in zip(*arrays(student, teacher, keep), strict=True):
        p, q = softmax(t / T), softmax(s / T)
        if lump:
            p, q = (np.append(x[k], x[~k].sum()) for x in (p, q))
        else:
            p, q = (x[k] / x[k].sum() for x in (p, q))
        expected.append(divergence(p, q))
    found = kd_on_entries(student, teacher, keep, temperature=T, lump=lump)
    assert found.item() == pytest.approx(T**2 * np.mean(expected), rel=1e-4)


def test_random_entries_leave_two_and_drop_about_their_share(logits):
    _, teacher, _ = logits
    torch.manual_seed(0)
    many = teacher.repeat(100, 1)
    assert random_entries(many, 0.3).float().mean().item() == pytest.approx(0.7, abs=0.02)
    assert random_entries(many, 1.0).sum(1).eq(2).all()
    assert random_entries(many, 0.0).all()
    assert not random_entries(many, 0.5).equal(random_entries(many, 0.5))


@pytest.mark.parametrize("confidence", (0.2, 0.9, 0.99))
def test_the_virtual_teacher_is_a_smoothed_label(confidence, logits):
    target = soften(virtual_teacher(logits[2], K, confidence), 1.0)
    own = target[torch.arange(B), logits[2]]
    torch.testing.assert_close(own, torch.full((B,), confidence))
    assert target.sum(1).allclose(torch.ones(B))
    assert target.sort(1).values[:, :-1].std(1).max() < 1e-6


# Corrections


def test_a_swap_exchanges_two_entries_and_leaves_right_answers_bit_identical(logits):
    _, teacher, labels = logits
    found, wrong = swap_mistakes(teacher, labels), mistaken(teacher, labels)
    assert 0 < wrong.sum() < B
    assert found[~wrong].equal(teacher[~wrong])
    assert found.sort(1).values.equal(teacher.sort(1).values)
    assert found.argmax(1).equal(labels)
    assert ((found != teacher).sum(1) == 2 * wrong).all()


def test_a_swap_of_logits_is_a_swap_of_probabilities(logits):
    """Probability shift and the teacher side of swapped logits are one operation at one T."""
    _, teacher, labels = logits
    shifted = swap_mistakes(soften(teacher, T), labels)
    torch.testing.assert_close(soften(swap_mistakes(teacher, labels), T), shifted)


def test_replaced_answers_are_smoothed_labels_at_their_temperature(logits):
    _, teacher, labels = logits
    found = replace_mistakes(teacher, labels, smoothing=0.1, temperature=T)
    wrong = mistaken(teacher, labels)
    assert found[~wrong].equal(teacher[~wrong])
    expected = 0.9 * torch.eye(K)[labels[wrong]] + 0.01
    torch.testing.assert_close(soften(found, T)[wrong], expected)


def test_masks_and_trust(logits):
    _, teacher, labels = logits
    assert mask_weights(teacher, labels).equal(1 - mistaken(teacher, labels).float())
    (t, y) = arrays(teacher, labels)
    np.testing.assert_allclose(
        trust_weights(teacher, labels), softmax(t, axis=1)[np.arange(B), y], rtol=1e-4
    )


def test_without_a_label_nothing_is_corrected(logits):
    _, teacher, labels = logits
    hidden = torch.full_like(labels, -100)
    assert not mistaken(teacher, hidden).any()
    assert swap_mistakes(teacher, hidden).equal(teacher)
    assert replace_mistakes(teacher, hidden, smoothing=0.1, temperature=T).equal(teacher)
    assert mask_weights(teacher, hidden).eq(1).all() and trust_weights(teacher, hidden).eq(1).all()


# Extremes and bad input


LOSSES = {
    "kd": lambda s, t, y: (kd_rows(s, t, T)).mean(),
    "decoupled": lambda s, t, y: decoupled_loss(s, t, y, temperature=T),
    "standardised": lambda s, t, y: kd_loss(standardise(s), standardise(t), temperature=2.0),
    "flsw": lambda s, t, y: own_temperature_loss(s, t, flsw_temperatures(s, t, temperature=T)),
    "cwsm": lambda s, t, y: own_temperature_loss(s, t, cwsm_temperatures(s, temperature=T)),
    "wsld": lambda s, t, y: (wsld_weights(s, t, y) * kd_rows(s, t, T)).mean(),
    "top, lumped": lambda s, t, y: kd_on_entries(
        s, t, top_entries(t, 3, y), temperature=T, lump=True
    ),
    "top, dropped": lambda s, t, y: kd_on_entries(
        s, t, top_entries(t, 3, y), temperature=T, lump=False
    ),
    "small": lambda s, t, y: kd_on_entries(s, t, small_entries(t, 3), temperature=T, lump=False),
    "swapped": lambda s, t, y: kd_loss(s, swap_mistakes(t, y), temperature=T),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16), ids=str)
def test_extreme_logits_give_finite_losses_and_gradients(name, dtype):
    generator = torch.Generator().manual_seed(1)
    signs = torch.randint(2, (2, B, K), generator=generator) * 2 - 1
    student, teacher = (1e4 * signs + torch.randn(2, B, K, generator=generator)).to(dtype)
    student.requires_grad_()
    loss = LOSSES[name](student, teacher, torch.arange(B) % K)
    loss.backward()
    assert torch.isfinite(loss) and loss >= 0
    assert torch.isfinite(student.grad).all()


@pytest.mark.parametrize("name", LOSSES)
def test_a_student_who_agrees_has_nothing_to_learn(name, logits):
    _, teacher, _ = logits
    labels = teacher.argmax(1)
    assert LOSSES[name](teacher, teacher, labels).item() == pytest.approx(0, abs=1e-4)


def test_the_other_classes_may_underflow():
    """One logit far above the rest: the mass of the others is 0 in float32, its logarithm is
    not."""
    student = torch.tensor([[500.0, 0.0, 1.0]], requires_grad=True)
    tckd, nckd, _ = decoupled_parts(
        student, torch.tensor([[1.0, 0.0, 2.0]]), torch.tensor([0]), temperature=1.0
    )
    s, t = np.array([500.0, 0.0, 1.0]), np.array([1.0, 0.0, 2.0])
    log_q = s - logsumexp(s)
    p = softmax(t)
    expected = p[0] * (np.log(p[0]) - log_q[0]) + (1 - p[0]) * (
        np.log(1 - p[0]) - logsumexp(log_q[1:])
    )
    assert tckd.item() == pytest.approx(expected, rel=1e-5)
    (tckd + nckd).sum().backward()
    assert torch.isfinite(student.grad).all()


BAD = {
    "temperature": lambda s, t, y: decoupled_parts(s, t, y, temperature=0.0),
    "base temperature": lambda s, t, y: cwsm_temperatures(s, temperature=-1.0),
    "shapes": lambda s, t, y: kd_rows(s, t[:, :5], T),
    "count": lambda s, t, y: top_entries(t, 11),
    "dropped": lambda s, t, y: random_entries(t, 1.5),
    "confidence": lambda s, t, y: virtual_teacher(y, K, 0.1),
    "smoothing": lambda s, t, y: replace_mistakes(t, y, smoothing=0.0, temperature=T),
    "entries temperature": lambda s, t, y: kd_on_entries(s, t, t > 0, temperature=0.0, lump=True),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_got_and_expected(name, logits):
    with pytest.raises(ValueError, match=r"got .*expected"):
        BAD[name](*logits)
