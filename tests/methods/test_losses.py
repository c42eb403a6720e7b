"""Losses against NumPy in float64 and closed forms; every known fault is shown to be caught."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from kd_helpers.data.splits import UNLABELLED
from kd_helpers.methods.hinton import distillation_terms, hard_loss, kd_loss

BATCH, CLASSES = 6, 7
TEMPERATURES = (0.5, 1.0, 4.0, 16.0)
BAD_TEMPERATURES = (0, -1.0, float("nan"), float("inf"))
BAD_WEIGHTS = (-0.1, 1.1, float("nan"), float("inf"))


def random_logits(seed: int, batch: int = BATCH, classes: int = CLASSES) -> torch.Tensor:
    return 3 * torch.randn(batch, classes, generator=torch.Generator().manual_seed(seed))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def as_numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().double().numpy()


def reference_kd(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> float:
    """T² · mean over images of Σ p (log p - log q), in float64."""
    log_q = log_softmax(as_numpy(student) / temperature)
    log_p = log_softmax(as_numpy(teacher) / temperature)
    return float(temperature**2 * (np.exp(log_p) * (log_p - log_q)).sum(axis=1).mean())


def reference_hard(logits: torch.Tensor, labels: torch.Tensor, smoothing: float = 0.0) -> float:
    """Cross-entropy with (1 - ε)·onehot + ε/K over the images that have a label, in float64."""
    log_q, losses = log_softmax(as_numpy(logits)), []
    for row, label in zip(log_q, labels.tolist(), strict=True):
        if label != UNLABELLED:
            target = np.full(len(row), smoothing / len(row))
            target[label] += 1 - smoothing
            losses.append(-(target * row).sum())
    return float(np.mean(losses)) if losses else 0.0


def gradient(loss, student: torch.Tensor, teacher: torch.Tensor, temperature: float):
    student = student.clone().requires_grad_()
    loss(student, teacher, temperature=temperature).backward()
    return student.grad


def is_right(loss) -> bool:
    """The criterion: the value and the gradient are those of T² · KL, on several shapes."""
    for batch, classes, temperature in ((1, 2, 1.5), (BATCH, CLASSES, 4.0), (3, 10, 2.0)):
        student, teacher = random_logits(1, batch, classes), random_logits(2, batch, classes)
        value = loss(student, teacher, temperature=temperature).item()
        if not np.isclose(value, reference_kd(student, teacher, temperature), rtol=1e-4):
            return False
        q, p = (np.exp(log_softmax(as_numpy(z) / temperature)) for z in (student, teacher))
        expected = temperature * (q - p) / batch
        found = as_numpy(gradient(loss, student, teacher, temperature))
        if not np.allclose(found, expected, rtol=1e-3, atol=1e-6):
            return False
    return True


def kl(student, teacher, temperature, reduction="batchmean"):
    log_q = F.log_softmax(student / temperature, dim=1)
    p = F.softmax(teacher / temperature, dim=1)
    if reduction == "mean":  # by hand: PyTorch will change the meaning of its own "mean"
        return F.kl_div(log_q, p, reduction="none").mean()
    return F.kl_div(log_q, p, reduction=reduction)


FAULTY = {
    "mean instead of batchmean": lambda s, t, *, temperature: (
        kl(s, t, temperature, "mean") * temperature**2
    ),
    "sum instead of batchmean": lambda s, t, *, temperature: (
        kl(s, t, temperature, "sum") * temperature**2
    ),
    "no T²": lambda s, t, *, temperature: kl(s, t, temperature),
    "T instead of T²": lambda s, t, *, temperature: kl(s, t, temperature) * temperature,
    "roles swapped": lambda s, t, *, temperature: kl(t, s, temperature) * temperature**2,
    "softmax twice on the teacher": lambda s, t, *, temperature: (
        kl(s, F.softmax(t, 1), temperature) * temperature**2
    ),
    "softmax twice on the student": lambda s, t, *, temperature: (
        kl(F.softmax(s, 1), t, temperature) * temperature**2
    ),
    "softmax over the batch": lambda s, t, *, temperature: (
        F.kl_div(F.log_softmax(s / temperature, 0), F.softmax(t / temperature, 0), reduction="sum")
        * temperature**2
        / len(s)
    ),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_faulty_loss_is_caught(fault):
    assert not is_right(FAULTY[fault])


def test_the_right_formula_and_ours_pass_the_same_criterion():
    assert is_right(lambda s, t, *, temperature: kl(s, t, temperature) * temperature**2)
    assert is_right(kd_loss)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_kd_loss_against_numpy(temperature):
    student, teacher = random_logits(1), random_logits(2)
    found = kd_loss(student, teacher, temperature=temperature)
    assert found.shape == ()
    assert found.item() == pytest.approx(reference_kd(student, teacher, temperature), rel=1e-4)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_gradient_has_the_closed_form(temperature):
    student, teacher = random_logits(1), random_logits(2)
    q, p = (np.exp(log_softmax(as_numpy(z) / temperature)) for z in (student, teacher))
    found = as_numpy(gradient(kd_loss, student, teacher, temperature))
    np.testing.assert_allclose(found, temperature * (q - p) / BATCH, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_equal_logits_cost_nothing_and_pull_nowhere(temperature):
    logits = random_logits(1)
    assert kd_loss(logits, logits.clone(), temperature=temperature).item() == 0
    found = gradient(kd_loss, logits, logits.clone(), temperature)
    assert found.abs().max() < 1e-6


def test_a_constant_added_to_all_logits_changes_nothing():
    student, teacher = random_logits(1), random_logits(2)
    before = kd_loss(student, teacher, temperature=4.0)
    assert kd_loss(student + 5, teacher - 3, temperature=4.0).item() == pytest.approx(
        before.item(), rel=1e-4
    )


def test_high_temperature_matches_centred_logits():
    """For T → ∞ the loss is Σ (centred difference)² / 2K, its gradient that difference / (B·K)."""
    student, teacher = random_logits(1) / 3, random_logits(2) / 3
    centred = [as_numpy(z) - as_numpy(z).mean(axis=1, keepdims=True) for z in (student, teacher)]
    difference = centred[0] - centred[1]
    limit = (difference**2).sum(axis=1).mean() / (2 * CLASSES)
    assert kd_loss(student, teacher, temperature=100.0).item() == pytest.approx(limit, rel=0.03)
    found = as_numpy(gradient(kd_loss, student, teacher, 1000.0))
    np.testing.assert_allclose(found, difference / (BATCH * CLASSES), atol=1e-3)


def test_t_squared_keeps_the_gradient_in_size():
    student, teacher = random_logits(1) / 3, random_logits(2) / 3
    norms = [gradient(kd_loss, student, teacher, t).norm().item() for t in (20.0, 200.0)]
    assert norms[0] == pytest.approx(norms[1], rel=0.1)
    without = [gradient(FAULTY["no T²"], student, teacher, t).norm().item() for t in (20.0, 200.0)]
    assert without[1] < without[0] / 50


def test_a_batch_shown_twice_has_the_same_loss():
    student, teacher = random_logits(1), random_logits(2)
    once = kd_loss(student, teacher, temperature=3.0).item()
    twice = kd_loss(student.repeat(2, 1), teacher.repeat(2, 1), temperature=3.0).item()
    assert twice == pytest.approx(once, rel=1e-5)


def test_no_gradient_reaches_the_teacher():
    student, teacher = random_logits(1).requires_grad_(), random_logits(2).requires_grad_()
    kd_loss(student, teacher, temperature=2.0).backward()
    assert teacher.grad is None
    assert student.grad is not None


def test_half_precision_logits_are_computed_in_float32():
    student, teacher = random_logits(1).bfloat16(), random_logits(2).half()
    found = kd_loss(student, teacher, temperature=4.0)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(reference_kd(student, teacher, 4.0), rel=1e-4)


@pytest.mark.parametrize("smoothing", (0.0, 0.1, 1.0))
def test_hard_loss_against_numpy(smoothing):
    logits, labels = random_logits(3), torch.tensor([0, UNLABELLED, 6, 2, UNLABELLED, 2])
    found = hard_loss(logits, labels, label_smoothing=smoothing).item()
    assert found == pytest.approx(reference_hard(logits, labels, smoothing), rel=1e-5)


def test_a_hidden_label_leaves_the_image_out():
    logits, labels = random_logits(3), torch.tensor([0, UNLABELLED, 6, 2, UNLABELLED, 2])
    seen = labels != UNLABELLED
    assert hard_loss(logits, labels).item() == pytest.approx(
        hard_loss(logits[seen], labels[seen]).item(), rel=1e-6
    )
    logits.requires_grad_()
    hard_loss(logits, labels).backward()
    assert (logits.grad[~seen] == 0).all() and (logits.grad[seen] != 0).any()


@pytest.mark.parametrize("smoothing", (0.0, 0.1))
def test_without_any_label_the_hard_loss_and_its_gradient_are_zero(smoothing):
    logits = random_logits(3).requires_grad_()
    loss = hard_loss(logits, torch.full((BATCH,), UNLABELLED), label_smoothing=smoothing)
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("weight", (0.0, 0.3, 1.0))
@pytest.mark.parametrize("smoothing", (0.0, 0.2))
def test_kd_weight_mixes_the_two_terms(weight, smoothing):
    student, teacher, labels = random_logits(1), random_logits(2), torch.arange(BATCH)
    terms = distillation_terms(
        student, teacher, labels, temperature=3.0, kd_weight=weight, label_smoothing=smoothing
    )
    ce, kd = reference_hard(student, labels, smoothing), reference_kd(student, teacher, 3.0)
    assert terms["ce"].item() == pytest.approx(ce, rel=1e-4)
    assert terms["kd"].item() == pytest.approx(kd, rel=1e-4)
    assert terms["loss"].item() == pytest.approx((1 - weight) * ce + weight * kd, rel=1e-4)


def test_only_the_loss_carries_a_gradient():
    terms = distillation_terms(
        random_logits(1).requires_grad_(), random_logits(2), torch.arange(BATCH), kd_weight=0.5
    )
    assert {name: value.requires_grad for name, value in terms.items()} == {
        "loss": True,
        "ce": False,
        "kd": False,
    }


def test_without_a_teacher_the_loss_is_the_hard_one():
    logits, labels = random_logits(1), torch.arange(BATCH)
    terms = distillation_terms(logits, None, labels)
    assert terms["loss"].item() == terms["ce"].item() == hard_loss(logits, labels).item()
    assert terms["kd"].item() == 0


def test_weight_without_a_teacher_is_refused():
    with pytest.raises(ValueError, match=r"kd_weight=0\.5 and no teacher"):
        distillation_terms(random_logits(1), None, torch.arange(BATCH), kd_weight=0.5)


@pytest.mark.parametrize("temperature", BAD_TEMPERATURES)
def test_a_bad_temperature_is_refused(temperature):
    with pytest.raises(ValueError, match=f"got temperature={temperature}; expected"):
        kd_loss(random_logits(1), random_logits(2), temperature=temperature)


@pytest.mark.parametrize("weight", BAD_WEIGHTS)
def test_a_bad_weight_is_refused(weight):
    with pytest.raises(ValueError, match=f"got kd_weight={weight}; expected"):
        distillation_terms(
            random_logits(1), random_logits(2), torch.arange(BATCH), kd_weight=weight
        )


@pytest.mark.parametrize("smoothing", (-0.1, 1.1, float("nan")))
def test_a_bad_label_smoothing_is_refused(smoothing):
    with pytest.raises(ValueError, match=r"got .*smoothing.*expected"):
        hard_loss(random_logits(1), torch.arange(BATCH), label_smoothing=smoothing)


@pytest.mark.parametrize("bad", (float("nan"), float("inf"), float("-inf")))
@pytest.mark.parametrize("role", ("student", "teacher"))
def test_logits_that_are_not_finite_are_refused_by_role(role, bad):
    logits = {"student": random_logits(1), "teacher": random_logits(2)}
    logits[role][2, 3] = bad
    with pytest.raises(ValueError, match=f"got {role} logits that are not finite; expected"):
        kd_loss(logits["student"], logits["teacher"], temperature=2.0)


@pytest.mark.parametrize("shape", ((BATCH, CLASSES + 1), (BATCH - 1, CLASSES), (1, CLASSES)))
def test_different_shapes_are_refused_and_both_named(shape):
    with pytest.raises(ValueError) as caught:
        kd_loss(random_logits(1), torch.zeros(shape), temperature=2.0)
    assert str((BATCH, CLASSES)) in str(caught.value) and str(shape) in str(caught.value)
    assert "same classes" in str(caught.value)


def test_logits_without_a_batch_are_refused():
    with pytest.raises(ValueError, match="expected one shape"):
        kd_loss(torch.zeros(CLASSES), torch.zeros(CLASSES), temperature=2.0)
