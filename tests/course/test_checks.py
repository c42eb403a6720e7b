"""The self-checks of the exercises: right answers pass, each known mistake is called by name."""

import math
import warnings

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from check_reports import reports
from kd_course import exercises as checks
from kd_helpers.data.splits import UNLABELLED

CLASSES = 10
SIMILARITY = np.full((4, 4), 0.01)  # classes 1 and 2 are most alike, 3 → 0 is the largest one way
np.fill_diagonal(SIMILARITY, 0.9)
SIMILARITY[1, 2] = SIMILARITY[2, 1] = 0.20
SIMILARITY[3, 0] = 0.25


def kl(s, t, T):
    p = F.softmax(t / T, dim=1)
    return (p * (p.log() - F.log_softmax(s / T, dim=1))).sum(dim=1)


def soft(z, T):
    return torch.exp(z / T) / torch.exp(z / T).sum(dim=1, keepdim=True)


def labelled_sum(z, y):
    seen = y != UNLABELLED
    return -F.log_softmax(z[seen], dim=1)[torch.arange(int(seen.sum())), y[seen]].sum()


def labelled_mean(z, y):
    return labelled_sum(z, y) / max(1, int((y != UNLABELLED).sum()))


def most_similar(similarity):
    both = similarity + similarity.T
    np.fill_diagonal(both, 0)
    return np.unravel_index(both.argmax(), both.shape)


def smooth(y, k, e):
    return torch.full((len(y), k), e / k) + (1 - e) * F.one_hot(y, k)


def check_most_similar(answer):
    return checks.check_most_similar(answer, SIMILARITY)


RIGHT = {
    checks.check_accuracy: (
        lambda z, y: (z.argmax(dim=1) == y).float().mean(),
        lambda z, y: (z.argmax(dim=1) == y).float().mean().item(),
        lambda z, y: np.mean(z.argmax(dim=1).numpy() == y.numpy()),
    ),
    checks.check_soften: (soft, lambda z, T: torch.softmax(z / T, dim=-1)),
    checks.check_smooth_labels: (smooth, lambda y, k, e: smooth(y, k, e).double()),
    check_most_similar: (most_similar, lambda s: (1, 2), lambda s: [2, 1]),
    checks.check_kd_loss: (
        lambda s, t, T: T**2 * kl(s, t, T).mean(),
        lambda s, t, T: T * T * kl(s.double(), t.double(), T).mean().item(),
    ),
    checks.check_gradient: (lambda s, t, T: T * (soft(s, T) - soft(t, T)) / len(s),),
    checks.check_labelled_loss: (labelled_mean,),
}
MISTAKES = (  # the check, a part of what it has to say, the wrong answer
    (checks.check_accuracy, "number of right answers", lambda z, y: (z.argmax(1) == y).sum()),
    (checks.check_accuracy, "percent", lambda z, y: 100 * (z.argmax(1) == y).float().mean()),
    (checks.check_accuracy, "wrong answers", lambda z, y: (z.argmax(1) != y).float().mean()),
    (checks.check_accuracy, "one value an image", lambda z, y: (z.argmax(1) == y).float()),
    (checks.check_soften, "multiplied", lambda z, T: soft(z, 1 / T)),
    (checks.check_soften, "no effect", lambda z, T: soft(z, 1)),
    (checks.check_soften, "divided the probabilities", lambda z, T: soft(z, 1) / T),
    (checks.check_soften, "over the batch", lambda z, T: soft(z.T, T).T),
    (checks.check_soften, "softmax twice", lambda z, T: soft(soft(z, 1), T)),
    (checks.check_soften, "logarithm", lambda z, T: soft(z, T).log()),
    (checks.check_smooth_labels, "not smoothed", lambda y, k, e: smooth(y, k, 0)),
    (checks.check_smooth_labels, "do not sum to 1", lambda y, k, e: F.one_hot(y, k) + e / k),
    (
        checks.check_smooth_labels,
        "K - 1 other classes",
        lambda y, k, e: torch.where(F.one_hot(y, k) == 1, 1 - e, e / (k - 1)),
    ),
    (
        checks.check_smooth_labels,
        "added ε to every class",
        lambda y, k, e: (1 - e) * F.one_hot(y, k) + e,
    ),
    (check_most_similar, "diagonal", lambda s: np.unravel_index(s.argmax(), s.shape)),
    (check_most_similar, "one direction", lambda s: (3, 0)),
    (check_most_similar, "expected another pair", lambda s: (0, 1)),
    (checks.check_kd_loss, "T² is missing", lambda s, t, T: kl(s, t, T).mean()),
    (
        checks.check_kd_loss,
        'reduction "mean" also divides',
        lambda s, t, T: T**2 * kl(s, t, T).mean() / CLASSES,
    ),
    (checks.check_kd_loss, "and T² is missing", lambda s, t, T: kl(s, t, T).mean() / CLASSES),
    (checks.check_kd_loss, 'reduction "sum"', lambda s, t, T: T**2 * kl(s, t, T).sum()),
    (checks.check_kd_loss, "roles swapped", lambda s, t, T: T**2 * kl(t, s, T).mean()),
    (
        checks.check_kd_loss,
        "softmax twice on the teacher",
        lambda s, t, T: T**2 * kl(s, soft(t, 1), T).mean(),
    ),
    (
        checks.check_kd_loss,
        "softmax twice on the student",
        lambda s, t, T: T**2 * kl(soft(s, 1), t, T).mean(),
    ),
    (
        checks.check_kd_loss,
        "must be log-probabilities",
        lambda s, t, T: T**2 * F.kl_div(soft(s, T), soft(t, T), reduction="batchmean"),
    ),
    (
        checks.check_kd_loss,
        "the student needs the temperature",
        lambda s, t, T: T**2 * kl(s * T, t, T).mean(),
    ),
    (
        checks.check_kd_loss,
        "the teacher needs the temperature",
        lambda s, t, T: T**2 * kl(s, t * T, T).mean(),
    ),
    (
        checks.check_kd_loss,
        "cross-entropy with the soft target",
        lambda s, t, T: -(T**2) * (soft(t, T) * soft(s, T).log()).sum(1).mean(),
    ),
    (checks.check_kd_loss, "you used T", lambda s, t, T: T * kl(s, t, T).mean()),
    (checks.check_kd_loss, "expected shape ()", lambda s, t, T: T**2 * kl(s, t, T)),
    (checks.check_gradient, "factor 1/B", lambda s, t, T: T * (soft(s, T) - soft(t, T))),
    (
        checks.check_gradient,
        "roles swapped",
        lambda s, t, T: T * (soft(t, T) - soft(s, T)) / len(s),
    ),
    (
        checks.check_gradient,
        "T² is missing: T²",
        lambda s, t, T: (soft(s, T) - soft(t, T)) / T / len(s),
    ),
    (
        checks.check_gradient,
        "chain rule",
        lambda s, t, T: T**2 * (soft(s, T) - soft(t, T)) / len(s),
    ),
    (
        checks.check_gradient,
        "at temperature T",
        lambda s, t, T: T * (soft(s, 1) - soft(t, 1)) / len(s),
    ),
    (checks.check_labelled_loss, "divided by all", lambda z, y: labelled_sum(z, y) / len(y)),
    (checks.check_labelled_loss, "added the images up", labelled_sum),
    (
        checks.check_labelled_loss,
        "taken for class 0",
        lambda z, y: labelled_mean(z, torch.where(y == UNLABELLED, 0, y)),
    ),
    (checks.check_labelled_loss, "must be 0", lambda z, y: F.cross_entropy(z, y)),
)
all_checks = pytest.mark.parametrize("check", RIGHT, ids=lambda check: check.__name__)


@pytest.mark.parametrize(
    ("check", "answer"), [(check, answer) for check, answers in RIGHT.items() for answer in answers]
)
def test_a_right_answer_passes(check, answer):
    assert check(answer) == "[ok] right"


@pytest.mark.parametrize(
    ("check", "words", "answer"), MISTAKES, ids=[f"{c.__name__}-{w}" for c, w, _ in MISTAKES]
)
def test_a_known_mistake_is_called_by_its_name(check, words, answer):
    said = check(answer)
    assert said.startswith("[wrong] ")
    assert words in said


def test_every_mistake_that_kd_loss_knows_has_its_own_words(monkeypatch):
    ((_, _, mistakes),) = reports(checks.check_kd_loss, lambda *_: "no", monkeypatch)
    said = [checks.check_kd_loss(mistake) for mistake in mistakes.values()]
    assert said == [f"[wrong] {words}" for words in mistakes]


@all_checks
@pytest.mark.parametrize("strange", ("0.5", {"loss": 1}, 7), ids=repr)
def test_an_answer_of_a_strange_type_is_reported_not_raised(check, strange):
    assert check(lambda *_: strange).startswith(("[wrong] ", "[error] "))


@all_checks
def test_an_unknown_mistake_is_told_what_was_expected(check):
    if check is check_most_similar:
        said = check(lambda s: (2, 3))
    else:
        value = RIGHT[check][0]
        said = check(lambda *case: torch.as_tensor(value(*case)) * 0.123 + 4.56)
    assert said.startswith("[wrong] ") and "expected" in said and "got" in said


@all_checks
def test_not_a_number_is_not_right(check):
    if check is not check_most_similar:
        value = RIGHT[check][0]
        said = check(lambda *case: torch.as_tensor(value(*case)) * math.nan)
        assert said.startswith("[wrong] ")


def test_an_answer_that_works_in_place_does_not_spoil_the_next_check(monkeypatch):
    case = tuple(x.clone() if isinstance(x, torch.Tensor) else x for x in checks.KD_CASE)
    monkeypatch.setattr(checks, "KD_CASE", case)  # keep the other tests out of this

    def in_place(student_logits, teacher_logits, T):
        student_logits /= T
        teacher_logits /= T
        return T**2 * kl(student_logits, teacher_logits, 1).mean()

    for _ in range(12):  # a cell may be run again and again
        assert checks.check_kd_loss(in_place) == "[ok] right"
    assert checks.check_kd_loss(lambda s, t, T: kl(t, s, T).mean()).startswith("[wrong] ")


@all_checks
def test_a_check_shows_the_reader_no_warning(check):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(RIGHT[check][0])
        if check is not check_most_similar:
            check(lambda *_: 12.5)


def test_an_answer_with_a_gradient_passes():
    weight = torch.ones((), requires_grad=True)
    right = RIGHT[checks.check_kd_loss][0]
    assert checks.check_kd_loss(lambda *case: right(*case) * weight) == "[ok] right"
