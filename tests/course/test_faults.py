"""The faults of notebook 08: each is the mistake it claims to be, and nothing else.

That the faulty teachers are faulty is seen by their assertions (`test_museum.py`).
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from kd_course.nb08_faults import faulty_losses as losses
from kd_course.nb08_faults.experiments import FAULTS, METHODS, with_fault
from kd_course.nb08_faults.faulty_losses import BEST_STEP, LOSS_FAULTS, RIGHT, Watched
from kd_course.nb08_faults.faulty_teachers import TEACHER_FAULTS
from kd_helpers.data.augment import ViewSet
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import dataset_of, load_or_train, new_student, train_student
from kd_helpers.methods import HintonKD, Standardised
from kd_helpers.teachers import Mean
from kd_helpers.training.checkpoints import Checkpoint
from kd_helpers.training.loop import History
from kd_helpers.training.schedules import Schedule

T, W, B, K = 3.0, 0.8, 6, 10
OWN = (  # the last two take several teachers
    losses.UnsureHalf,
    losses.MaskOnScalar,
    losses.WithSwitch,
    losses.SwitchIgnored,
    losses.EpsilonInHalf,
    losses.EachTeacher,
    losses.WrongAxis,
)
Y = [1, 0, 4, 9, 2, 7]
NOTHING_ELSE = {
    "T on the labels",
    "weights swapped",
    "label without gradient",
    *TEACHER_FAULTS,
    BEST_STEP,
    RIGHT,
}


def faulty(fault: str, smoothing: float = 0.0) -> Watched:
    return METHODS.get(fault, Watched)(temperature=T, kd_weight=W, label_smoothing=smoothing)


def case():
    generator = torch.Generator().manual_seed(5)
    z, v = (3 * torch.randn(B, K, generator=generator) for _ in range(2))
    return z.requires_grad_(), v, torch.tensor(Y)


def soft_by_numpy(z, v, fault):
    """The soft term of a fault, written out."""
    log_p, log_q = log_softmax(v / T, axis=1), log_softmax(z / T, axis=1)
    p, q = np.exp(log_p), np.exp(log_q)
    forward = (p * (log_p - log_q)).sum(axis=1).mean()
    p2 = softmax(softmax(v, axis=1) / T, axis=1)
    return {
        "mean": T**2 * (p * (log_p - log_q)).mean(),
        "no T²": forward,
        "roles swapped": T**2 * (q * (log_q - log_p)).sum(axis=1).mean(),
        "no logarithm": T**2 * (q * (log_q - p)).sum(axis=1).mean(),
        "softmax twice": T**2 * (p2 * (np.log(p2) - log_q)).sum(axis=1).mean(),
        "teacher against itself": 0.0,
        "T on one side": T**2 * (p * (log_p - log_softmax(z, axis=1))).sum(axis=1).mean(),
        "labels for the teacher": -(T**2) * log_q[np.arange(B), Y].mean(),
    }.get(fault, T**2 * forward)


def hard_by_numpy(z, y, fault):
    z = z / T if fault == "T on the labels" else z
    return -log_softmax(z, axis=1)[np.arange(len(y)), y].mean()


def test_the_terms_are_those_written_out():
    for fault in FAULTS:
        z, v, y = case()
        terms = faulty(fault)(z, v, y)
        plain = [x.detach().double().numpy() for x in (z, v)]
        soft, hard = soft_by_numpy(*plain, fault), hard_by_numpy(plain[0], y.numpy(), fault)
        weight = 1 - W if fault == "weights swapped" else W
        assert terms["kd"].item() == pytest.approx(soft, rel=1e-4, abs=1e-5), fault
        assert terms["ce"].item() == pytest.approx(hard, rel=1e-4), fault
        assert terms["loss"].item() == pytest.approx((1 - weight) * hard + weight * soft, rel=1e-4)
        assert (fault in NOTHING_ELSE) == (abs(soft - soft_by_numpy(*plain, RIGHT)) < 1e-9)


def test_faults_with_a_right_way_of_their_own_are_the_mistakes_they_claim_to_be():
    z, v, y = case()
    soft = {kind: kind(temperature=T).soft(z, v, y).item() for kind in OWN}
    rows = HintonKD(temperature=T).rows(z, v, y)
    unsure = v.softmax(1).amax(1).argsort()[:3]
    assert soft[losses.UnsureHalf] == pytest.approx(rows[unsure].sum().item() / B)
    assert soft[losses.MaskOnScalar] == pytest.approx(rows.mean().item() / 2)
    standard = Standardised(HintonKD(temperature=T)).soft(z, v, y).item()
    assert soft[losses.WithSwitch] == pytest.approx(standard)
    off = losses.WithSwitch(temperature=T, standardised=False).soft(z, v, y).item()
    assert soft[losses.SwitchIgnored] == pytest.approx(off) == pytest.approx(rows.mean().item())
    assert soft[losses.EpsilonInHalf] == pytest.approx(rows.mean().item(), rel=0.02)
    told = torch.cat([v, v.flip(0)], dim=1)
    right, wrong = (kind(temperature=T).soft(z, told, y) for kind in OWN[-2:])
    each = [HintonKD(temperature=T).soft(z, one, y) for one in (v, v.flip(0))]
    torch.testing.assert_close(right, sum(each) / 2)
    torch.testing.assert_close(wrong, sum(each) / B)


def test_in_half_precision_a_sure_teacher_ends_the_lesson():
    z, v, y = case()
    terms = losses.EpsilonInHalf(temperature=T)(z, 100 * v, y)
    terms["loss"].backward()
    assert not any(terms.values()) and not z.grad.any()


def test_the_pulls_are_the_lengths_of_the_gradients_in_closed_form():
    z, v, y = case()
    terms = faulty(RIGHT)(z, v, y)
    s, t = z.detach().double().numpy(), v.double().numpy()
    soft = W * T * (softmax(s / T, axis=1) - softmax(t / T, axis=1)) / B
    hard = (1 - W) * (softmax(s, axis=1) - np.eye(K)[y.numpy()]) / B
    assert terms["soft pull"].item() == pytest.approx(np.linalg.norm(soft), rel=1e-4)
    assert terms["hard pull"].item() == pytest.approx(np.linalg.norm(hard), rel=1e-4)


# In the loop

TINY = Recipe(schedule=Schedule(steps=8, batch_size=16), transfer=TransferSet(images=64))


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A place for results, with the teachers trained once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KD_OUT", str(tmp_path_factory.mktemp("out")))
        for teacher in (TINY, replace(TINY, seed=2)):
            load_or_train(teacher, quiet=True)
        yield


def trained(recipe: Recipe) -> tuple[torch.Tensor, History]:
    student = new_student(recipe, dataset_of(recipe))
    history = train_student(recipe, student, dataset_of(recipe), report_every=2)
    return torch.cat([value.flatten() for value in student.state_dict().values()]), history


def taught(fault: str) -> Recipe:
    teacher = Mean((TINY, replace(TINY, seed=2))) if fault == "means as logits" else TINY
    recipe = replace(TINY, teacher=teacher, method=HintonKD(), seed=1)
    moved = replace(recipe, augmentation=ViewSet(flip=True, max_shift=2))
    return moved if fault == "other view" else recipe


def test_a_watched_training_is_the_training_and_every_fault_makes_another_student(out):
    for fault in FAULTS:
        right = taught(fault)
        (plain, _), (watched, history) = trained(right), trained(with_fault(right, RIGHT))
        assert plain.equal(watched) and {"soft pull", "hard pull"} <= history.terms.keys()
        wrong = with_fault(right, fault)
        assert wrong.hash != right.hash and wrong.method.core.temperature == 4
        if fault not in (RIGHT, BEST_STEP):  # the best step may be the last one
            assert not trained(wrong)[0].equal(plain), fault


def test_a_fault_keeps_no_checkpoint_that_would_lack_its_teacher(out, monkeypatch, tmp_path):
    monkeypatch.setattr(Checkpoint, "keep_if_due", lambda *_: pytest.fail("a checkpoint"))
    for fault in ("learning teacher", "train mode", BEST_STEP):
        recipe = with_fault(taught(fault), fault)
        state = Checkpoint(tmp_path / "state", recipe.to_plain(), every=0.0)
        student = new_student(recipe, dataset_of(recipe))
        train_student(recipe, student, dataset_of(recipe), checkpoint=state)
    assert all(with_fault(taught(fault), fault).resumable for fault in LOSS_FAULTS)
