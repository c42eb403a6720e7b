"""Labels: classes, hidden ones, soft ones, weighted ones; and all that is no label is refused."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from by_hand import B, K, partly_hidden, random_batch
from kd_helpers import methods
from kd_helpers.data.splits import UNLABELLED
from kd_helpers.methods import CrossEntropy, HintonKD, SwapMistakes
from kd_helpers.methods.labels import balanced_class_weights
from kd_helpers.methods.targets import smooth_labels
from kd_helpers.methods.teacher_mistakes import mask_weights, trust_weights
from kd_helpers.methods.terms import hard_loss
from kd_helpers.methods.top_k import top_entries
from kd_helpers.methods.weighted_soft_labels import wsld_weights

WEIGHTS = (0.5, 2.0, 1.0, 0.0, 3.0, 1.0, 1.0, 0.25, 4.0, 1.0)


def by_hand(logits, targets, weights, smoothing):
    """Image by image in double precision; targets (B, K), rows of zeros where hidden."""
    log_q, w = log_softmax(logits.double().numpy(), 1), np.array(weights)
    smooth = (1 - smoothing) * targets + smoothing / K
    shown = targets.sum(1) > 0
    total = sum(-(w * p * q).sum() for p, q in zip(smooth[shown], log_q[shown], strict=True))
    return total / (targets[shown] @ w).sum()


def test_the_label_term_is_a_weighted_mean_for_classes_and_for_soft_labels():
    student, other, labels = partly_hidden(random_batch())
    shown = labels != UNLABELLED
    one_hot = F.one_hot(labels.clamp(min=0), K) * shown[:, None]
    mixed = 0.7 * one_hot.roll(1, 0) + 0.3 * other.softmax(1)
    soft = (one_hot[shown].double(), mixed[(shown.roll(1))].double(), other.softmax(1).double())
    for smoothing in (0.0, 0.2):
        for weights in ((), WEIGHTS):
            how = {"label_smoothing": smoothing, "class_weights": weights}
            found = hard_loss(student, labels, **how).item()
            w = weights or (1.0,) * K
            expected = by_hand(student, one_hot.double().numpy(), w, smoothing)
            assert found == pytest.approx(expected, rel=1e-5)
            theirs = F.cross_entropy(
                student, labels, torch.tensor(w), label_smoothing=smoothing
            ).item()
            assert found == pytest.approx(theirs, rel=1e-5)
            for rows, targets in zip((shown, shown.roll(1), shown | True), soft, strict=True):
                found = hard_loss(student[rows], targets, **how).item()
                expected = by_hand(student[rows], targets.numpy(), w, smoothing)
                assert found == pytest.approx(expected, rel=1e-4)
    assert hard_loss(torch.zeros(2, 10), torch.eye(10)[:2]).item() == pytest.approx(np.log(10))


def test_nothing_to_learn_from_is_a_loss_of_0_with_weights_too():
    z = torch.randn(4, K, requires_grad=True)
    for labels in (torch.full((4,), UNLABELLED), torch.full((4,), 3)):  # class 3 weighs nothing
        loss = hard_loss(z, labels, class_weights=WEIGHTS)
        loss.backward()
        assert loss == 0 and not z.grad.any()


def test_methods_and_what_stands_around_them_use_the_weights():
    student, teacher, labels = random_batch()
    expected = hard_loss(student, labels, class_weights=WEIGHTS).item()
    core = HintonKD(kd_weight=0.3, class_weights=WEIGHTS)
    for method in (CrossEntropy(class_weights=WEIGHTS), core, SwapMistakes(core)):
        assert method(student, teacher, labels)["ce"].item() == expected
    assert CrossEntropy(class_weights=(2, 2.0, 2)) == CrossEntropy()  # changes nothing
    with pytest.raises(ValueError, match="9 class weights for 10 classes"):
        hard_loss(student, labels, class_weights=WEIGHTS[1:])
    for wrong in ((1.0, -1.0), (1.0, float("nan")), (1.0, "2"), (0.0, 0.0), (1.0, True)):
        with pytest.raises(ValueError, match="class weight"):
            CrossEntropy(class_weights=wrong)
    with pytest.raises(ValueError, match="no label term"):
        HintonKD(kd_weight=1.0, class_weights=WEIGHTS)


def test_balanced_weights_are_those_of_scikit_learn():
    labels = torch.tensor([0] * 7 + [1] * 2 + [2] + [UNLABELLED] * 3)
    theirs = compute_class_weight("balanced", classes=np.arange(3), y=labels[:10].numpy())
    assert balanced_class_weights(labels, 3) == pytest.approx(theirs)
    assert balanced_class_weights(labels, 4)[3] == 0


WRONG = {
    "float32 for 64 images": lambda y: y.float(),
    "int32 for 64 images": lambda y: y.int(),
    "uint8": lambda y: y.byte(),
    "among 10 classes": lambda y: y.where(torch.arange(B) != 5, K),
    "got the label -1": lambda y: y.where(torch.arange(B) != 5, -1),
    r"\(63,\)": lambda y: y[1:],
    r"\(64, 1\)": lambda y: y[:, None],
    r"\(64, 10\) int64": lambda y: F.one_hot(y, K),
    r"\(64, 9\)": lambda y: torch.full((B, 9), 1 / 9),
    "type ndarray": lambda y: y.numpy(),
    "type list": lambda y: y.tolist(),
    "rows sum to": lambda y: 2.0 * F.one_hot(y, K),
    "of sum 1": lambda y: torch.full((B, K), torch.nan),
    "expected probabilities": lambda y: torch.eye(K)[y] * 3 - 0.2,
}


def everything_with_labels():
    """By name, all that takes labels: (labels) → anything."""
    student, teacher, _ = random_batch()
    made = {
        "hard_loss": lambda y: hard_loss(student, y),
        "balanced_class_weights": lambda y: balanced_class_weights(y, K),
        "smooth_labels": lambda y: smooth_labels(y, K, 0.1),
        "mask_weights": lambda y: mask_weights(teacher, y),
        "trust_weights": lambda y: trust_weights(teacher, y),
        "wsld_weights": lambda y: wsld_weights(student, teacher, y),
        "top_entries": lambda y: top_entries(teacher, 3, y),
    }
    kinds = [getattr(methods, name) for name in methods.__all__]
    plain = [k for k in kinds if not vars(k).get("__abstractmethods__") and k.needs_teacher]
    for kind in [CrossEntropy, *plain]:
        try:
            method = kind()
        except (ValueError, TypeError):
            continue  # it wants layers or groups
        made[kind.__name__] = lambda y, m=method: m(student, teacher, y)
    return made


def test_what_is_no_label_is_refused_everywhere_in_one_sentence():
    labels = random_batch()[2]
    for name, use in everything_with_labels().items():
        if name in ("Method", "Distillation", "Treatment", "Weighted"):
            continue
        for words, spoil in WRONG.items():
            if name in ("smooth_labels", "balanced_class_weights") and words == r"\(63,\)":
                continue  # there is nothing else of 64
            with pytest.raises(ValueError, match=words) as found:
                use(spoil(labels))
            assert "\n" not in str(found.value), (name, words)


def test_who_needs_the_true_class_says_so_for_soft_labels():
    student, teacher, labels = random_batch()
    soft = torch.eye(K)[labels]
    answers = {}
    for name, use in everything_with_labels().items():
        try:
            use(soft)
            answers[name] = True
        except NotImplementedError:
            continue
        except ValueError as problem:
            assert "needs the true class" in str(problem), name
            answers[name] = False
    assert {"CrossEntropy", "HintonKD", "Standardised", "RandomEntries"} <= {
        name for name, fine in answers.items() if fine
    }
    assert {"DecoupledKD", "NKD", "TopK", "SwapMistakes", "wsld_weights", "smooth_labels"} <= {
        name for name, fine in answers.items() if not fine
    }
    found = HintonKD(kd_weight=0.4)(student, teacher, soft)["loss"]
    assert found.item() == pytest.approx(HintonKD(kd_weight=0.4)(student, teacher, labels)["loss"])
