"""The self-checks of the exercises: right answers pass, each known mistake is called by name.

The answers here are written anew, by loops and in numpy: a check must not compare with itself.
"""

import itertools
import math
import re
import sys
import warnings

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import log_softmax, softmax
from torch.nn import functional as F

from kd_course import exercises, progress
from kd_course.exercises import (
    check_accuracy,
    check_gradient,
    check_kd_loss,
    check_labelled_loss,
    check_smooth_labels,
    check_soften,
)
from kd_course.nb03_confidence.checks import (
    check_lumped,
    check_mistakes,
    check_other_classes,
    check_standardise,
    check_swap,
    check_trust,
)
from kd_course.nb05_specialists.checks import check_arithmetic, check_dustbin, check_special_labels
from kd_course.nb06_assistants.checks import check_dense_loss, check_overlap, check_teaching
from kd_course.nb07_papers.checks import (
    best_of_nothing,
    check_best_of_nothing,
    check_seeds_needed,
    seeds_needed,
)
from kd_course.nb08_faults.checks import check_ratio
from kd_course.nb10_own_pictures.checks import check_nearest
from kd_course.nb11_low_precision.checks import check_levels, check_straight_through, check_ternary

HIDDEN = -100
SIMILARITY = np.full((4, 4), 0.01)  # classes 1 and 2 are most alike, 3 → 0 is the largest one way
np.fill_diagonal(SIMILARITY, 0.9)
SIMILARITY[1, 2] = SIMILARITY[2, 1] = 0.20
SIMILARITY[3, 0] = 0.25


# Right answers


def soft(z, T=1.0, dim=-1):
    return torch.exp(z / T) / torch.exp(z / T).sum(dim=dim, keepdim=True)


def kl(s, t, T):
    p = soft(t, T)
    return (p * (p.log() - soft(s, T).log())).sum(dim=1)


def kl_over_batch(s, t, T):
    p = soft(t, T, dim=0)
    return (p * (p.log() - soft(s, T, dim=0).log())).sum() / len(s)


def smooth(y, k, e):
    return torch.full((len(y), k), e / k) + (1 - e) * F.one_hot(y, k)


def labelled_mean(z, y):
    terms = -F.log_softmax(z, 1)[torch.arange(len(y)), y.clamp(min=0)][y != HIDDEN]
    return terms.sum() / max(1, len(terms))


def standard(z, correction=1, dim=1):
    spread = ((z - z.mean(dim, True)) ** 2).sum(dim, True) / (z.shape[dim] - correction)
    return (z - z.mean(dim, True)) / spread.sqrt()


def drop(z, classes):
    rows = zip(z, classes, strict=True)
    return torch.stack([torch.cat([row[:k], row[k + 1 :]]) for row, k in rows])


def lumped(p, count):
    p = p.sort(dim=1, descending=True).values
    return torch.cat([p[:, :count], p[:, count:].sum(dim=1, keepdim=True)], dim=1)


def change(z, y, edit, clone=True):
    """Each row with a wrong answer through edit(row, answer, label)."""
    z = z.clone() if clone else z
    for row, answer, label in zip(z, z.argmax(dim=1).tolist(), y.tolist(), strict=True):
        if answer != label:
            edit(row, answer, label)
    return z


def exchange(row, a, b):
    row[a], row[b] = row[b].item(), row[a].item()


def exchange_of_views(row, a, b):  # what students write, and PyTorch's trap
    row[a], row[b] = row[b], row[a]


def wrong(z, y):
    pairs = zip(z.argmax(1).tolist(), y.tolist(), strict=True)
    return torch.tensor([b not in (a, HIDDEN) for a, b in pairs])


def trust(z, y):
    return soft(z)[torch.arange(len(y)), y]


def special_labels(y, group, k):
    return torch.tensor([c if c < 0 else (*group, c).index(c) for c in y.tolist()])


def special(y, group):
    return torch.isin(y, torch.tensor(group)) | (y < 0)


def raised(z, change):
    z = z.clone()
    z[:, -1] += change
    return z


def odds(seen, true):
    return math.log(seen / (1 - seen)) - math.log(true / (1 - true))


def teaching(rungs, dense):
    ones = np.ones((rungs, rungs))
    return torch.tensor(np.triu(ones, 1) if dense else np.eye(rungs, k=1))


def dense_loss(s, z, teach, y, T, w, *, label=None):
    s, z, y = s.detach().numpy(), z.numpy(), y.numpy()
    ce = -log_softmax(s, axis=1)[np.arange(len(y)), y].mean()
    kd = 0.0
    for one in z[teach.numpy()]:
        p = softmax(one / T, axis=1)
        rows = (p * (log_softmax(one / T, axis=1) - log_softmax(s / T, axis=1))).sum(axis=1)
        kd += T * T * rows.mean()
    return torch.tensor((len(z) * (1 - w) if label is None else label) * ce + w * kd)


def overlap(first, second, labels):
    a, b = ({*(told != labels).nonzero().flatten().tolist()} for told in (first, second))
    return torch.tensor(len(a & b) / len(a | b))


def seeds_with(factor):
    return lambda s, d: next(n for n in range(2, 999) if factor(n) * s / math.sqrt(n) < d)


def distance_to_nearest(images, others):
    pairs = [[np.abs(x - y).mean() for y in others] for x in images]
    return torch.tensor(np.min(pairs, axis=1), dtype=torch.float32)


def levels(weight, bits, most=None, largest=None):
    n = most or 2 ** (bits - 1) - 1
    rows = [row * n / (largest or max(map(abs, row.tolist()))) for row in weight]
    scales = [row.abs().max() / n if largest is None else largest / n for row in weight]
    return torch.stack([row.round() * s for row, s in zip(rows, scales, strict=True)])


def three_levels(weight, least=0.7):
    rows = []
    for row in weight.tolist():
        limit = least * np.mean(np.abs(row))
        a = np.mean([abs(w) for w in row if abs(w) > limit])
        rows.append([a * np.sign(w) if abs(w) > limit else 0.0 for w in row])
    return torch.tensor(rows)


def check_most_similar(answer):
    return exercises.check_most_similar(answer, SIMILARITY)


RIGHT = {  # the first one is of a tensor, and the base of what the tests below do to it
    check_accuracy: (
        lambda z, y: (z.argmax(dim=1) == y).float().mean(),
        lambda z, y: np.mean(z.argmax(dim=1).numpy() == y.numpy()),
    ),
    check_soften: (soft, lambda z, T: torch.softmax(z / T, dim=-1)),
    check_smooth_labels: (smooth, lambda y, k, e: smooth(y, k, e).double().tolist()),
    check_kd_loss: (
        lambda s, t, T: T**2 * kl(s, t, T).mean(),
        lambda s, t, T: T**2 * kl(s.div_(T), t.div_(T), 1).mean(),  # spoils no later check
    ),
    check_gradient: (lambda s, t, T: T * (soft(s, T) - soft(t, T)) / len(s),),
    check_labelled_loss: (labelled_mean,),
    check_standardise: (
        standard,
        lambda z: F.layer_norm(z, z.shape[1:]),
        lambda z: (z.numpy() - z.numpy().mean(1, keepdims=True)) / z.numpy().std(1, keepdims=True),
    ),
    check_other_classes: (
        lambda z, y, T: soft(drop(z, y), T),
        lambda z, y, T: drop(soft(z, T), y) / drop(soft(z, T), y).sum(dim=1, keepdim=True),
    ),
    check_lumped: (lumped,),
    check_swap: (lambda z, y: change(z, y, exchange),),
    check_mistakes: (wrong,),
    check_trust: (trust,),
    check_nearest: (lambda x, y: distance_to_nearest(x.numpy() * 1.0, y.numpy() * 1.0),),
    check_arithmetic: (
        lambda z, T: sum(soft(member, T) for member in z) / len(z),
        lambda z, T: soft(z.double(), T).mean(0).tolist(),
    ),
    check_special_labels: (special_labels,),
    check_dustbin: (lambda z, seen, true: raised(z, odds(seen, true)) + 3.0,),
    check_teaching: (teaching, lambda n, dense: teaching(n, dense).bool().tolist()),
    check_dense_loss: (dense_loss, lambda *case: float(dense_loss(*case))),
    check_best_of_nothing: (best_of_nothing,),
    check_seeds_needed: (seeds_needed, seeds_with(lambda n: stats.t.ppf(0.975, n - 1))),
    check_overlap: (overlap,),
    check_levels: (levels,),
    check_ternary: (three_levels, lambda w: three_levels(w).double().tolist()),
    check_straight_through: (
        lambda w, told: w + (told - w).detach(),
        lambda w, told: told.detach() - w.detach() + w,
    ),
}
MISTAKES = (  # the check, a part of what it has to say, the wrong answer
    (check_accuracy, "number of right answers", lambda z, y: (z.argmax(1) == y).sum()),
    (check_soften, "over the batch", lambda z, T: soft(z.T, T).T),
    (check_smooth_labels, "added ε to", lambda y, k, e: (1 - e) * F.one_hot(y, k) + e),
    (check_most_similar, "one direction", lambda s: (3, 0)),
    (check_kd_loss, "expected shape ()", lambda s, t, T: T**2 * kl(s, t, T)),
    (check_kd_loss, "T² is missing", lambda s, t, T: kl(s, t, T).mean()),
    (check_kd_loss, "no gradient comes back", lambda s, t, T: T**2 * kl(s, t, T).mean().item()),
    (check_kd_loss, "no gradient comes back", lambda s, t, T: T**2 * kl(s, t, T).mean().detach()),
    (
        check_kd_loss,
        "exchanged",
        lambda s, t, T: T**2 * F.kl_div(soft(t, T), soft(s, T).log(), reduction="sum"),
    ),
    (
        check_kd_loss,
        "exchanged",
        lambda s, t, T: F.kl_div(soft(s, T).log(), soft(t, T).log(), reduction="sum"),
    ),
    (check_kd_loss, "over the batch", lambda s, t, T: T**2 * kl_over_batch(s, t, T)),
    (check_labelled_loss, "no gradient comes back", lambda z, y: labelled_mean(z, y).item()),
    (check_kd_loss, "roles swapped", lambda s, t, T: T**2 * kl(t, s, T).mean()),
    (check_gradient, "factor 1/B", lambda s, t, T: T * (soft(s, T) - soft(t, T))),
    (check_labelled_loss, "for class 0", lambda z, y: labelled_mean(z, F.relu(y))),
    (check_standardise, "over the batch", lambda z: standard(z, dim=0)),
    (check_other_classes, "divide by the sum", lambda z, y, T: drop(soft(z, T), y)),
    (check_lumped, "smallest entries", lambda p, n: -lumped(-p, n)),
    (check_swap, "old number", lambda z, y: change(z, y, exchange_of_views)),
    (check_swap, "logits.clone()", lambda z, y: change(z, y, exchange, clone=False)),
    (check_nearest, "wraps round", lambda x, y: distance_to_nearest(x.numpy(), y.numpy())),
    (check_trust, "from the mean", lambda z, y: trust(z, y).log().mean().exp()),
    (check_arithmetic, "averaged the logits", lambda z, T: soft(z.mean(dim=0), T)),
    (check_arithmetic, "over the images (dim=1)", lambda z, T: soft(z, T).mean(dim=1)),
    (check_special_labels, "own classes from 0", lambda y, g, k: y.where(special(y, g), len(g))),
    (check_dustbin, "other way round", lambda z, s, t: raised(z, odds(t, s))),
    (check_dustbin, "clone", lambda z, s, t: z[:, -1].add_(odds(s, t)) is z or z),
    (check_teaching, "rows and columns", lambda n, dense: teaching(n, dense).T),
    (check_dense_loss, "(M + 1)(1 - λ)", lambda *c: dense_loss(*c, label=6 * (1 - c[5]))),
    (check_dense_loss, "all sources teach", lambda s, z, on, *r: dense_loss(s, z, on | True, *r)),
    (check_overlap, "divided by all", lambda a, b, y: ((a != y) & (b != y)).sum() / len(y)),
    (check_best_of_nothing, "root of n", lambda n, s: s * n**0.5),
    (check_seeds_needed, "n - 1 degrees", seeds_with(lambda n: stats.t.ppf(0.975, n))),
    (check_seeds_needed, "too few", lambda s, d: seeds_needed(s, d) - 1),
    (check_levels, "on each side", lambda w, bits: levels(w, bits, most=2**bits - 1)),
    (check_levels, "for all channels", lambda w, bits: levels(w, bits, largest=w.abs().max())),
    (check_ternary, "nothing is 0", lambda w: three_levels(w).abs().amax(1)[:, None] * w.sign()),
    (check_straight_through, "no gradient", lambda w, told: told),
    (check_straight_through, "unrounded weight", lambda w, told: w + (told - told).detach()),
)
CHECKS = [*RIGHT, check_most_similar]


def test_right_answers_pass_and_are_shown_no_warning():
    weight = torch.ones((), requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for check, answers in RIGHT.items():
            for answer in answers:
                for _ in range(2):  # a cell may be run again
                    assert check(answer).startswith("[ok] right"), check.__name__
            with_gradient = lambda *case, first=answers[0]: first(*case) * weight  # noqa: E731
            assert check(with_gradient).startswith("[ok] right"), check.__name__
    for pair in ((1, 2), [2, 1]):
        assert check_most_similar(lambda s, pair=pair: pair).startswith("[ok] right")


def test_a_right_answer_shows_one_picture_of_it_beside_mistakes_that_look_different(monkeypatch):
    shown = []
    monkeypatch.setattr(progress, "display", lambda picture: shown.append(picture.data))
    for check, (answer, *_) in RIGHT.items():
        check(answer)
        cards = re.findall(r"<svg.*?aria-label='([^']+)'.*?>(.*?)</svg>", shown.pop())
        assert not shown and cards[0][0] == "your answer", check.__name__
        assert 2 <= len(cards) <= 4
        drawn = [re.sub("fill='[^']+'", "", chart) for _, chart in cards]
        assert drawn[0] not in drawn[1:], check.__name__
    check_seeds_needed(lambda spread, difference: 3)
    assert not shown


def test_a_known_mistake_is_called_by_its_name():
    for check, words, answer in MISTAKES:
        said = check(answer)
        assert said.startswith("[wrong] ") and words in said, (check.__name__, words, said)


def test_no_two_known_mistakes_give_the_same_answer(monkeypatch):
    """Else one would be called by the other's name."""
    modules = {sys.modules[check.__module__] for check in (*CHECKS, check_ratio)} - {
        sys.modules[__name__]
    }
    told = []
    for module in modules:
        spy = lambda answer, case, right, mistakes, **_: told.append(mistakes) or ""  # noqa: E731
        monkeypatch.setattr(module, "report", spy, raising=False)
    for check in (*CHECKS, check_ratio):
        check(lambda *_: ...)
    assert len(told) >= len(CHECKS) - 5
    for mistakes in told:
        values = {words: torch.as_tensor(value).double() for words, value in mistakes.items()}
        for (one, a), (other, b) in itertools.combinations(values.items(), 2):
            assert a.shape != b.shape or not torch.allclose(a, b, 1e-4, 1e-6), (one, other)


def test_what_is_no_answer_or_an_unknown_one_is_said_in_words():
    def broken(*_):
        raise RuntimeError("shapes do not fit")

    for check in CHECKS:
        assert check(lambda *_: ...).startswith("[todo] not answered yet")
        assert "end it with `return" in check(lambda *_: None)
        assert "RuntimeError: shapes do not fit. It got " in check(broken), check.__name__
        for strange in ("0.5", {"loss": 1}, [], 7):
            assert check(lambda *_, x=strange: x).startswith(("[wrong] ", "[error] "))
    for check, (right, *_) in RIGHT.items():
        said = check(lambda *case, r=right: torch.as_tensor(r(*case)) * 0.123 + 4.56)
        assert said.startswith("[wrong] expected ") and "got" in said
        assert check(lambda *case, r=right: r(*case) * math.nan).startswith("[wrong] ")


def test_the_best_of_nothing_and_the_seeds_needed_are_those_of_the_tables():
    for settings, expected in ((1, 0.0), (2, 0.56419), (5, 1.16296), (10, 1.53875)):
        assert best_of_nothing(settings, 2.0) == pytest.approx(2 * expected, abs=1e-4)
    for spread, difference in ((0.4, 0.33), (0.2, 0.5), (1.0, 0.25)):
        n = seeds_needed(spread, difference)
        half = [stats.t.ppf(0.975, m - 1) * spread / math.sqrt(m) for m in (n, max(n - 1, 2))]
        assert half[0] < difference and (n == 2 or half[1] >= difference)
