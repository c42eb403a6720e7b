"""The self-checks on ensembles and specialists: right answers pass, mistakes get their name."""

import itertools
import math
import re

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from check_reports import reports
from kd_course.nb05_specialists.checks import check_arithmetic, check_dustbin, check_special_labels

HIDDEN = -100


def soft(z, T=1.0, dim=-1):
    return torch.exp(z / T) / torch.exp(z / T).sum(dim=dim, keepdim=True)


# Exercise 1: the mean


def mean_by_loop(z, T):
    total = torch.zeros_like(z[0])
    for member in z:
        total += soft(member, T)
    return total / len(z)


def mean_by_numpy(z, T):
    p = np.exp(z.numpy() / T)
    return (p / p.sum(axis=2, keepdims=True)).mean(axis=0)


def mean_in_the_logarithm(z, T):
    return torch.exp(torch.logsumexp(F.log_softmax(z / T, dim=-1), dim=0) - math.log(len(z)))


def mean_at_1_then_softened(z, T):
    p = mean_by_loop(z, 1.0) ** (1 / T)
    return p / p.sum(dim=1, keepdim=True)


def first_from_a_loop(z, T):
    for member in z:
        return soft(member, T)


def product(z, T):
    p = torch.ones_like(z[0])
    for member in z:
        p = p * soft(member, T)
    return p


# Exercise 2: labels


def each(own=None, other=None, hidden=None):
    """An answer that goes through the labels one by one; what is not given is right."""

    def answer(labels, group, classes):
        out = []
        for c in labels.tolist():
            if c < 0:
                out.append(hidden(group) if hidden else c)
            elif c in group:
                out.append(own(group, c) if own else group.index(c))
            else:
                out.append(other(group, classes, c) if other else len(group))
        return torch.tensor(out)

    return answer


labels_by_loop = each()


def labels_by_table(labels, group, classes):
    table = torch.full((classes,), len(group))
    table[list(group)] = torch.arange(len(group))
    return torch.where(labels < 0, labels, table[labels.clamp(min=0)])


def labels_by_comparison(labels, group, classes):
    out = torch.full_like(labels, len(group))
    for place, k in enumerate(group):
        out[labels == k] = place
    out[labels < 0] = HIDDEN
    return out


def labels_by_numpy(labels, group, classes):
    y = labels.numpy()
    places = np.searchsorted(group, y)
    return np.where(y < 0, y, np.where(np.isin(y, group), places, len(group)))


def labels_by_dictionary(labels, group, classes):
    numbers = {HIDDEN: HIDDEN, **{k: place for place, k in enumerate(group)}}
    return [numbers.get(c, len(group)) for c in labels.tolist()]


def table_without_the_hidden(labels, group, classes):
    table = torch.full((classes,), len(group))
    table[list(group)] = torch.arange(len(group))
    return table[labels.clamp(min=0)]


def changed_one_after_the_other(labels, group, classes):
    """Others to the dustbin first, in place: a class of that number is moved again."""
    others = (labels >= 0) & ~torch.isin(labels, torch.tensor(group))
    labels[others] = len(group)
    for place, k in enumerate(group):
        labels[labels == k] = place
    return labels


# Exercise 3: the dustbin


def raised(z, change, column=-1):
    z = z.clone()
    z[:, column] += change
    return z


def right_change(seen, true):
    return math.log(seen / (1 - seen)) - math.log(true / (1 - true))


def others_lowered(z, seen, true):
    return torch.cat([z[:, :-1] - right_change(seen, true), z[:, -1:]], dim=1)


def through_probabilities(z, seen, true):
    """Weigh every output by how often it occurs against how often it was seen (Bayes' rule)."""
    weights = torch.tensor([true / seen] * (z.shape[1] - 1) + [(1 - true) / (1 - seen)])
    p = soft(z) * weights
    return (p / p.sum(dim=1, keepdim=True)).log()


def multiplied(z, factor):
    z = z.clone()
    z[:, -1] = z[:, -1] * factor
    return z


RIGHT = {
    check_arithmetic: (
        mean_by_loop,
        mean_by_numpy,
        mean_in_the_logarithm,
        lambda z, T: torch.softmax(z / T, dim=2).mean(0),
        lambda z, T: sum(soft(member / T) for member in z) / len(z),
        lambda z, T: torch.stack([soft(one, T).mean(0) for one in z.unbind(1)]),
        lambda z, T: soft(z.double(), T).mean(0).tolist(),
    ),
    check_special_labels: (
        labels_by_loop,
        labels_by_table,
        labels_by_comparison,
        labels_by_numpy,
        labels_by_dictionary,
        lambda y, g, k: labels_by_loop(y, g, k).float(),
    ),
    check_dustbin: (
        lambda z, seen, true: raised(z, right_change(seen, true)),
        lambda z, seen, true: raised(z, math.log(seen * (1 - true) / ((1 - seen) * true))),
        lambda z, *shares: raised(z, -torch.logit(torch.tensor(shares)).diff()),
        lambda z, seen, true: raised(z.double(), right_change(seen, true)).numpy(),
        lambda z, seen, true: (
            z + right_change(seen, true) * torch.tensor([0] * (z.shape[1] - 1) + [1])
        ),
        others_lowered,
        through_probabilities,
        lambda *case: F.log_softmax(others_lowered(*case), dim=1),
        lambda *case: others_lowered(*case) + torch.arange(6.0)[:, None],
    ),
}
MISTAKES = {  # for each check: a part of what it has to say, and the answers that get it
    check_arithmetic: {
        "averaged the logits: that": (
            lambda z, T: soft(z.mean(dim=0), T),
            lambda z, T: soft(sum(z) / len(z) / T),
        ),
        "the temperature is missing: soften every": (lambda z, T: mean_by_loop(z, 1.0),),
        "averaged at T = 1 and softened": (mean_at_1_then_softened,),
        "is a distribution already": (lambda z, T: soft(mean_by_loop(z, T)),),
        "divided the mean of probabilities by T": (lambda z, T: soft(mean_by_loop(z, 1.0) / T),),
        "you summed over the members": (lambda z, T: sum(soft(member, T) for member in z),),
        "members are all still there": (lambda z, T: torch.stack([soft(one, T) for one in z]),),
        "mean over the images (dim=1)": (lambda z, T: soft(z, T).mean(dim=1),),
        "mean over the classes (dim=2)": (
            lambda z, T: soft(z, T).mean(dim=2),
            lambda z, T: soft(z, T).mean(dim=-1),
        ),
        "ran over the members (dim=0)": (lambda z, T: soft(z, T, dim=0).mean(dim=0),),
        "ran over the images (dim=1)": (
            lambda z, T: soft(z, T, dim=1).mean(dim=0),
            lambda z, T: sum(soft(one, T, dim=0) for one in z) / len(z),
        ),
        "product of the members; ": (product,),
        "logarithm of the mean": (lambda z, T: torch.log(mean_by_loop(z, T)),),
        "multiplied by the temperature": (lambda z, T: mean_by_loop(z, 1 / T),),
        "first member alone": (first_from_a_loop,),
        "not one of the known": (lambda z, T: mean_by_loop(z, T + 1),),
        "expected shape (6, 10), got (6, 9)": (lambda z, T: mean_by_loop(z, T)[:, 1:],),
    },
    check_special_labels: {
        "counts its own classes from 0": (each(own=lambda g, c: c),),
        "nothing has changed": (lambda y, g, k: y, lambda y, g, k: y.clone().clamp(max=k)),
        "went to the dustbin; nobody": (
            table_without_the_hidden,
            each(hidden=len),
            lambda y, g, k: [g.index(c) if c in g else len(g) for c in y.tolist()],
        ),
        "got a class of their own": (each(hidden=lambda g: -1),),
        "number of the last special class": (each(other=lambda g, k, c: len(g) - 1),),
        "other classes have place 0": (each(other=lambda g, k, c: 0),),
        "comes last, at len(group), not first": (
            each(own=lambda g, c: 1 + g.index(c), other=lambda g, k, c: 0),
        ),
        "begin at 0": (
            each(own=lambda g, c: 1 + g.index(c), other=lambda g, k, c: 1 + len(g)),
            lambda y, g, k: torch.where(y < 0, y, labels_by_loop(y, g, k) + 1),
        ),
        "dustbin has the number K": (each(other=lambda g, k, c: k),),
        "other classes are hidden (-100) now; ": (each(other=lambda g, k, c: HIDDEN),),
        "images of other classes are missing": (
            lambda y, g, k: torch.tensor(
                [g.index(c) if c in g else c for c in y.tolist() if c in (*g, HIDDEN)]
            ),
        ),
        "hidden images are missing": (
            lambda y, g, k: labels_by_loop(y[y >= 0], g, k),
            lambda y, g, k: [g.index(c) if c in g else len(g) for c in y.tolist() if c != HIDDEN],
        ),
        "says whether a label is special": (
            lambda y, g, k: torch.isin(y, torch.tensor(g)),
            lambda y, g, k: [c in g for c in y.tolist()],
        ),
        "not one of the known": (each(own=lambda g, c: len(g) - 1 - g.index(c)),),
        "expected shape (1": (lambda *case: labels_by_loop(*case)[:, None],),
    },
    check_dustbin: {
        "nothing has changed": (lambda z, *_: z, lambda z, *_: z.clone()),
        "sign is the other way round": (
            lambda z, seen, true: raised(z, -right_change(seen, true)),
            lambda z, seen, true: raised(z, right_change(true, seen)),
        ),
        "logarithm is missing": (
            lambda z, seen, true: raised(z, seen / (1 - seen) / (true / (1 - true))),
        ),
        "ratio of the shares; take": (lambda z, seen, true: raised(z, math.log(seen / true)),),
        "ratio of the shares of the others only": (
            lambda z, seen, true: raised(z, math.log((1 - true) / (1 - seen))),
        ),
        "base 2": (
            lambda z, seen, true: raised(z, math.log2(seen * (1 - true) / true / (1 - seen))),
        ),
        "to the base 10;": (
            lambda z, seen, true: raised(z, math.log10(seen * (1 - true) / true / (1 - seen))),
        ),
        "multiplied the dustbin's logit; ": (
            lambda z, seen, true: multiplied(z, math.exp(right_change(seen, true))),
        ),
        "changed the first logit": (
            lambda z, seen, true: raised(z, right_change(seen, true), column=0),
        ),
        "raised every logit": (
            lambda z, seen, true: z + right_change(seen, true),
            lambda z, seen, true: raised(z, right_change(seen, true), column=slice(None)),
        ),
        "raised the special classes": (
            lambda z, seen, true: others_lowered(z, true, seen),
            lambda z, seen, true: raised(z, right_change(seen, true), column=slice(0, -1)),
        ),
        "not one of the known": (
            lambda z, seen, true: raised(z, 2 * right_change(seen, true)),
            lambda z, seen, true: others_lowered(z, seen, true) * 2,
        ),
        "expected shape (6, ": (lambda z, seen, true: raised(z, right_change(seen, true))[:, 1:],),
    },
}
OUTSIDE_THE_LIST = ("not one of the known", "expected shape")
UNKNOWN = (  # wrong, whatever they are called
    (check_arithmetic, lambda z, T: soft(z.sum(dim=0), T)),
    (check_arithmetic, lambda z, T: soft(z.mean(dim=0))),
    (check_arithmetic, lambda z, T: soft(z[-1], T)),
    (check_arithmetic, lambda z, T: soft(z[-1], T) / len(z)),
    (check_arithmetic, lambda z, T: soft(soft(z, T), T).mean(dim=0)),
    (check_arithmetic, lambda z, T: mean_by_loop(z, 1.0) / T),
    (check_arithmetic, lambda z, T: T * mean_by_loop(z, T).log()),
    (check_arithmetic, lambda z, T: product(z, T) ** (1 / len(z))),
    (check_arithmetic, lambda z, T: soft(z, T).sum(dim=0) / z.shape[1]),
    (check_arithmetic, lambda z, T: soft(z, T).median(dim=0).values),
    (check_arithmetic, lambda z, T: (z / T).exp().mean(dim=0)),
    (check_arithmetic, lambda z, T: soft((z / T).exp().mean(dim=0).log())),
    (check_arithmetic, lambda z, T: soft(z, T).mean()),
    (check_arithmetic, lambda z, T: soft(z, T).mean(dim=0, keepdim=True)),
    (check_arithmetic, lambda z, T: mean_by_loop(z, T).argmax(dim=1)),
    (check_special_labels, each(other=lambda g, k, c: len(g) + 1)),
    (check_special_labels, each(other=lambda g, k, c: k - 1)),
    (check_special_labels, each(other=lambda g, k, c: -1)),
    (check_special_labels, each(other=lambda g, k, c: c)),
    (check_special_labels, each(own=lambda g, c: c - g[0])),
    (check_special_labels, each(own=lambda g, c: 0)),
    (check_special_labels, each(hidden=lambda g: 0)),
    (check_special_labels, each(hidden=lambda g: len(g) - 1)),
    (check_special_labels, each(other=lambda g, k, c: HIDDEN, hidden=len)),
    (check_special_labels, lambda y, g, k: [g.index(c) for c in y.tolist() if c in g]),
    (check_special_labels, lambda y, g, k: F.one_hot(labels_by_loop(y, g, k).clamp(min=0))),
    (check_special_labels, lambda y, g, k: ~torch.isin(y, torch.tensor(g))),
    (check_dustbin, lambda z, s, t: raised(z, math.log(s / (1 - s) / t / (1 - t)))),
    (check_dustbin, lambda z, s, t: raised(z, math.log(t / s))),
    (check_dustbin, lambda z, s, t: raised(z, s / (1 - s) - t / (1 - t))),
    (check_dustbin, lambda z, s, t: raised(z, s - t)),
    (check_dustbin, lambda z, s, t: raised(z, math.log(s / (1 - t)))),
    (check_dustbin, lambda z, s, t: raised(z, right_change(s, t), column=-2)),
    (check_dustbin, lambda z, s, t: z[:, -1] + right_change(s, t)),
    (check_dustbin, lambda z, s, t: torch.cat([z[:-1], z[-1:] + right_change(s, t)])),
    (check_dustbin, lambda z, s, t: multiplied(z, right_change(s, t))),
    (check_dustbin, lambda z, s, t: raised(multiplied(z, 0), right_change(s, t))),
    (check_dustbin, lambda z, s, t: soft(raised(z, right_change(s, t)))),
    (check_dustbin, lambda z, s, t: soft(z, 1) + right_change(s, t)),
    (check_dustbin, lambda z, s, t: F.log_softmax(raised(z, -right_change(s, t)), dim=1)),
)
all_checks = pytest.mark.parametrize("check", RIGHT, ids=lambda check: check.__name__)


@pytest.mark.parametrize(("check", "answer"), UNKNOWN)
def test_an_answer_wrong_in_another_way_is_not_called_right(check, answer):
    assert check(answer).startswith("[wrong] ")


@pytest.mark.parametrize(
    "wrong",
    (
        lambda seen, true: -math.log(true / (1 - true)),
        lambda seen, true: math.log((1 - seen) / seen / (true / (1 - true))),
    ),
    ids=("leaves out the share in training", "has its odds upside down"),
)
def test_what_is_done_to_the_share_in_training_matters(wrong):
    assert check_dustbin(lambda z, *shares: raised(z, wrong(*shares))).startswith("[wrong] ")


def test_the_ratio_of_logarithms_is_not_called_no_change():
    said = check_dustbin(lambda z, s, t: raised(z, math.log(s / (1 - s)) / math.log(t / (1 - t))))
    assert said.startswith("[wrong] ") and "nothing has changed" not in said


def test_labels_changed_one_after_the_other_are_not_called_right():
    labels, group = torch.tensor([0, 1, 3, 8]), (1, 3, 8)
    expected = labels_by_table(labels, group, 10)
    assert not changed_one_after_the_other(labels, group, 10).equal(expected)  # it is a mistake
    assert check_special_labels(changed_one_after_the_other).startswith("[wrong] ")


def test_an_unknown_change_of_the_dustbin_is_told_two_different_numbers():
    said = check_dustbin(lambda z, *shares: raised(z, 5.0))
    expected, got = re.search(r"expected (\[.*?\]), got (\[.*?\])", said).groups()
    assert expected != got


def test_a_change_of_what_was_given_is_said():
    def in_place(z, *shares):
        z[:, -1] += right_change(*shares)
        return z

    assert "clone" in check_dustbin(in_place)


@all_checks
def test_no_two_mistakes_have_the_same_value_nor_is_one_of_them_right(check, monkeypatch):
    calls = reports(check, lambda *_: "no", monkeypatch)
    assert len(calls) == 1
    for case, right, mistakes in calls:
        values = {"right": right.double()}
        values |= {words: mistake(*case).double() for words, mistake in mistakes.items()}
        assert len(values) > 10 and all(value.isfinite().all() for value in values.values())
        for (words, a), (others, b) in itertools.combinations(values.items(), 2):
            if a.shape == b.shape:
                assert not torch.allclose(a, b, rtol=2e-3, atol=1e-5), (words, others)


def test_mistakes_with_the_dustbin_are_different_answers_not_only_other_logits(monkeypatch):
    ((case, right, mistakes),) = reports(check_dustbin, lambda *_: "no", monkeypatch)
    for words, mistake in mistakes.items():
        value = mistake(*case)
        same_shape = value.shape == right.shape
        assert not (same_shape and torch.allclose(soft(value), soft(right), atol=1e-3)), words


@all_checks
def test_the_expected_value_is_that_of_an_answer_by_loops(check, monkeypatch):
    ((case, expected, _),) = reports(check, lambda *_: "no", monkeypatch)
    torch.testing.assert_close(RIGHT[check][0](*case), expected, rtol=1e-5, atol=1e-6)


def test_the_labels_of_the_case_are_special_others_and_hidden(monkeypatch):
    ((case, *_),) = reports(check_special_labels, lambda *_: "no", monkeypatch)
    labels, group, classes = case
    assert set(group) <= set(labels.tolist()) and 0 < len(group) < classes
    assert len(set(labels.tolist()) - {*group, HIDDEN}) >= 2 and HIDDEN in labels.tolist()


def test_members_images_and_classes_of_the_case_cannot_be_mistaken(monkeypatch):
    ((case, *_),) = reports(check_arithmetic, lambda *_: "no", monkeypatch)
    logits, temperature = case
    assert len({*logits.shape}) == 3 and temperature not in (1.0, *logits.shape)


@pytest.mark.parametrize("check", (check_arithmetic, check_special_labels))
def test_working_in_place_spoils_nothing(check):
    def in_place(given, *rest):
        value = RIGHT[check][0](given, *rest)
        given *= 0
        return value

    for _ in range(2):  # a cell may be run again and again
        assert check(in_place) == "[ok] right"
