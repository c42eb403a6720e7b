"""The self-checks on confident and wrong teachers: right answers pass, mistakes get their name."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from check_reports import reports
from kd_course.nb03_confidence.checks import (
    check_lumped,
    check_mistakes,
    check_other_classes,
    check_standardise,
    check_swap,
    check_trust,
)

HIDDEN = -100


def soft(z, T=1.0):
    return torch.exp(z / T) / torch.exp(z / T).sum(dim=1, keepdim=True)


def standard(z, correction=1, dim=1):
    spread = ((z - z.mean(dim, True)) ** 2).sum(dim, True) / (z.shape[dim] - correction)
    return (z - z.mean(dim, True)) / spread.sqrt()


def drop(z, classes):
    return torch.stack(
        [torch.cat([row[:k], row[k + 1 :]]) for row, k in zip(z, classes, strict=True)]
    )


def set_to(z, classes, number):
    z = z.clone()
    z[torch.arange(len(z)), classes] = number
    return z


def renormalised(z, y, T):
    others = drop(soft(z, T), y)
    return others / others.sum(dim=1, keepdim=True)


def masked(z, y, T):
    away = F.one_hot(y, z.shape[1]).bool()
    return torch.softmax(z.masked_fill(away, -math.inf) / T, dim=1)[~away].view(len(z), -1)


def lumped(p, count):
    p = p.sort(dim=1, descending=True).values
    return torch.cat([p[:, :count], p[:, count:].sum(dim=1, keepdim=True)], dim=1)


def lumped_numpy(p, count):
    p = -np.sort(-p.numpy(), axis=1)
    return np.concatenate([p[:, :count], p[:, count:].sum(1, keepdims=True)], axis=1)


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


def exchange_of_views_turned(row, a, b):
    row[b], row[a] = row[a], row[b]


def swap(z, y):
    return change(z, y, exchange)


def swap_all(z, y):  # also where the teacher is right: there both are one class
    rows, top, z = torch.arange(len(z)), z.argmax(dim=1), z.clone()
    z[rows, top], z[rows, y] = z[rows, y], z[rows, top]
    return z


def swap_in_place(z, y):
    return change(z, y, exchange, clone=False)


def zero_both(row, answer, label):
    row[answer] = row[label] = 0


def large_label(size):
    return lambda z, y: change(z, y, lambda row, a, b: row.__setitem__(b, size))


def into_a_copy(z, y):
    z[z.argmax(dim=1) != y][:, y] = 0
    return z


def wrong(z, y):
    return torch.tensor(
        [b not in (a, HIDDEN) for a, b in zip(z.argmax(1).tolist(), y.tolist(), strict=True)]
    )


def places(z, y):
    return torch.tensor([i for i, flag in enumerate(wrong(z, y)) if flag])


def ce(z, y):
    return -torch.stack([row[k] for row, k in zip(F.log_softmax(z, dim=1), y, strict=True)])


RIGHT = {
    check_standardise: (
        standard,
        lambda z: (z - z.mean(1, keepdim=True)) / z.std(1, keepdim=True),
        lambda z: (z - z.mean(1, keepdim=True)) / (z.std(1, keepdim=True) + 1e-7),
        lambda z: standard(z, correction=0),
        lambda z: F.layer_norm(z, z.shape[1:]),
        lambda z: (z.numpy() - z.numpy().mean(1, keepdims=True)) / z.numpy().std(1, keepdims=True),
    ),
    check_other_classes: (renormalised, masked, lambda z, y, T: soft(drop(z, y), T)),
    check_lumped: (lumped, lumped_numpy),
    check_swap: (swap, swap_all, lambda z, y: swap(z.double(), y)),
    check_mistakes: (
        wrong,
        lambda z, y: (z.argmax(dim=1) != y) & (y != HIDDEN),
        lambda z, y: torch.where(y == HIDDEN, False, z.argmax(dim=-1) != y),
        lambda z, y: wrong(z, y).tolist(),
    ),
    check_trust: (
        lambda z, y: torch.exp(-ce(z, y)),
        lambda z, y: soft(z)[torch.arange(len(y)), y],
        lambda z, y: torch.exp(-F.cross_entropy(z, y, reduction="none")),
    ),
}
MISTAKES = {  # for each check: a part of what it has to say, and the answers that get it
    check_standardise: {
        "over the batch": (lambda z: standard(z, dim=0), lambda z: standard(z, 0, dim=0)),
        "whole batch at once": (
            lambda z: (z - z.mean()) / z.std(),
            lambda z: (z - z.mean()) / z.std(correction=0),
        ),
        "must also be divided": (lambda z: z - z.mean(dim=1, keepdim=True),),
        "must be taken off first": (
            lambda z: z / z.std(dim=1, keepdim=True),
            lambda z: z / z.std(dim=1, keepdim=True, correction=0),
        ),
        "by the variance": (
            lambda z: (z - z.mean(1, True)) / z.var(1, keepdim=True),
            lambda z: (z - z.mean(1, True)) / z.var(1, keepdim=True, correction=0),
        ),
        "brackets": (lambda z: z - z.mean(1, keepdim=True) / z.std(1, keepdim=True),),
        "from 0 to 1": (
            lambda z: torch.stack([(row - row.min()) / (row.max() - row.min()) for row in z]),
        ),
        "by its length": (lambda z: z / (z**2).sum(dim=1, keepdim=True).sqrt(),),
        "softmax of the logits": (soft,),
        "applied softmax after": (
            lambda z: soft(standard(z)),
            lambda z: soft(standard(z, correction=0)),
        ),
        "not one of the known": (lambda z: standard(z) + 1,),
        "expected shape (6, 10), got (6,)": (lambda z: z.mean(dim=1),),
    },
    check_other_classes: {
        "divide by the sum of the others": (lambda z, y, T: drop(soft(z, T), y),),
        "temperature is missing": (lambda z, y, T: soft(drop(z, y)),),
        "multiplied": (lambda z, y, T: soft(drop(z, y), 1 / T),),
        "true class is still there": (lambda z, y, T: soft(set_to(z, y, 0), T),),
        "took a share of the softmax": (lambda z, y, T: drop(soft(set_to(z, y, 0), T), y),),
        "leave it out: (B, K - 1)": (
            lambda z, y, T: soft(set_to(z, y, -math.inf), T),
            lambda z, y, T: (
                soft(z, T)
                * set_to(torch.ones_like(z), y, 0)
                / (1 - soft(z, T)[torch.arange(6), y])[:, None]
            ),
        ),
        "after the softmax": (lambda z, y, T: set_to(soft(z, T), y, 0),),
        "over all classes; leave": (lambda z, y, T: soft(z, T),),
        "that the teacher answers": (lambda z, y, T: soft(drop(z, z.argmax(dim=1)), T),),
        "class 0 in every row": (lambda z, y, T: soft(drop(z, torch.zeros_like(y)), T),),
        "log-probabilities": (lambda z, y, T: soft(drop(z, y), T).log(),),
        "not one of the known": (lambda z, y, T: soft(drop(z, y), T + 1),),
        "expected shape (6, 9), got (6, 8)": (lambda z, y, T: soft(drop(z, y), T)[:, :8],),
    },
    check_lumped: {
        "rest is missing": (lambda p, n: lumped(p, n)[:, :n],),
        "shared the rest out": (
            lambda p, n: lumped(p, n)[:, :n] / lumped(p, n)[:, :n].sum(1, keepdim=True),
        ),
        "is the mean": (
            lambda p, n: torch.cat(
                [lumped(p, n)[:, :n], p.sort(1).values[:, :-n].mean(1, keepdim=True)], dim=1
            ),
        ),
        "next largest only": (lambda p, n: p.sort(dim=1, descending=True).values[:, : n + 1],),
        "one entry too many": (lambda p, n: lumped(p, n + 1),),
        "smallest entries": (lambda p, n: -lumped(-p, n),),
        "first classes": (lambda p, n: torch.cat([p[:, :n], p[:, n:].sum(1, keepdim=True)], 1),),
        "order of their classes": (
            lambda p, n: torch.stack(
                [
                    torch.cat([row[row > edge], row[row <= edge].sum()[None]])
                    for row, edge in zip(
                        p, p.sort(dim=1, descending=True).values[:, n], strict=True
                    )
                ]
            ),
        ),
        "rising order": (
            lambda p, n: torch.cat([lumped(p, n)[:, :n].flip(1), lumped(p, n)[:, n:]], dim=1),
        ),
        "you put it first": (
            lambda p, n: torch.cat([lumped(p, n)[:, n:], lumped(p, n)[:, :n]], dim=1),
        ),
        "not one of the known": (lambda p, n: lumped(p, n) * 2,),
        "expected shape (6, 4), got (6, 3)": (lambda p, n: lumped(p, n - 1),),
    },
    check_swap: {
        "nothing has changed": (lambda z, y: z, into_a_copy),
        "hold the answer's number": (
            lambda z, y: change(z, y, exchange_of_views_turned),
            lambda z, y: change(z, y, exchange_of_views_turned, clone=False),
            lambda z, y: set_to(z, y, z.max(dim=1).values),
        ),
        "hold the true class's old number": (lambda z, y: change(z, y, exchange_of_views),),
        "set both entries to 0": (lambda z, y: change(z, y, zero_both),),
        "wrong answer's entry to 0": (
            lambda z, y: change(z, y, lambda row, a, b: row.__setitem__(a, 0)),
        ),
        "above all others": (
            large_label(100),
            large_label(1e9),
            large_label(math.inf),
            lambda z, y: set_to(z, y, 30),
            lambda z, y: set_to(z, y, z.max(dim=1).values + 1),
        ),
        "with class 0": (lambda z, y: change(z, y, lambda row, a, b: exchange(row, a, 0)),),
        "whole row has moved": (
            lambda z, y: change(z, y, lambda row, a, b: row.copy_(row.roll(b - a))),
        ),
        "keep every row": (lambda z, y: z[z.argmax(dim=1) == y],),
        "these are probabilities": (lambda z, y: soft(swap(z, y)), lambda z, y: swap(soft(z), y)),
        "begin with logits = logits.clone()": (
            swap_in_place,
            lambda z, y: (swap_in_place(z, y), None)[1],  # forgot to return it
        ),
        "not one of the known": (lambda z, y: swap(z, y) + 1, large_label(-100)),
        "expected shape (6, 10), got (6,)": (lambda z, y: z.argmax(dim=1),),
    },
    check_mistakes: {
        "hidden labels (-100) count as wrong": (lambda z, y: z.argmax(dim=1) != y,),
        "taken for class 0": (
            lambda z, y: z.argmax(dim=1) != torch.where(y == HIDDEN, 0, y),
            lambda z, y: z.argmax(dim=1) != F.relu(y),
        ),
        "gets right": (lambda z, y: z.argmax(dim=1) == y,),
        "turn True and False round": (lambda z, y: (z.argmax(dim=1) == y) | (y == HIDDEN),),
        "this is the number": (lambda z, y: sum(wrong(z, y)), lambda z, y: len(places(z, y))),
        "counts the hidden": (lambda z, y: (z.argmax(dim=1) != y).sum().item(),),
        "the share": (lambda z, y: wrong(z, y).float().mean(),),
        "places of the wrong answers; ": (places, lambda z, y: np.flatnonzero(wrong(z, y))),
        "as a column": (lambda z, y: torch.argwhere(wrong(z, y)),),
        "hidden images are missing": (lambda z, y: z[y != HIDDEN].argmax(dim=1) != y[y != HIDDEN],),
        "second best class": (lambda z, y: (z.argsort(1)[:, -2] != y) & (y != HIDDEN),),
        "comes second": (
            lambda z, y: (z.argsort(1)[:, -2] != y) & (z.argsort(1)[:, -1] != y) & (y != HIDDEN),
        ),
        "not one of the known": (lambda z, y: torch.ones_like(y).bool(),),
        "expected shape (6,), got (6, 1)": (lambda z, y: wrong(z, y)[:, None],),
    },
    check_trust: {
        "this is the cross-entropy": (ce,),
        "from the mean cross-entropy": (lambda z, y: torch.exp(-ce(z, y).mean()),),
        "this is the mean cross-entropy": (lambda z, y: ce(z, y).mean().item(),),
        "mean weight": (lambda z, y: torch.exp(-ce(z, y)).mean(),),
        "top probability": (lambda z, y: soft(z).max(dim=1).values,),
        "1 minus": (lambda z, y: 1 - torch.exp(-ce(z, y)),),
        "logarithm": (lambda z, y: -ce(z, y),),
        "sign is missing": (lambda z, y: torch.exp(ce(z, y)),),
        "all or nothing": (lambda z, y: (z.argmax(dim=1) == y).float(),),
        "divided by their sum": (lambda z, y: torch.softmax(-ce(z, y), dim=0),),
        "not one of the known": (lambda z, y: torch.exp(-ce(z, y)) ** 0.5,),
        "expected shape (6,), got (6, 10)": (lambda z, y: soft(z),),
    },
}
OUTSIDE_THE_LIST = ("not one of the known", "expected shape", "begin with", "above all others")
all_checks = pytest.mark.parametrize("check", RIGHT, ids=lambda check: check.__name__)


@all_checks
def test_no_two_mistakes_have_the_same_value_nor_is_one_of_them_right(check, monkeypatch):
    calls = reports(check, lambda *_: "no", monkeypatch)
    assert calls
    values = [{"right": right.double()} for _, right, _ in calls]
    for (case, _, mistakes), found in zip(calls, values, strict=True):
        found.update({words: mistake(*case).double() for words, mistake in mistakes.items()})
    for one, two in itertools.product(values, values):  # also with K and with K - 1 in the std
        for (words, a), (others, b) in itertools.product(one.items(), two.items()):
            if words != others and a.shape == b.shape:
                assert not torch.allclose(a, b, rtol=1e-2, atol=1e-3), (words, others)
    assert all(value.isfinite().all() for found in values for value in found.values())


@all_checks
def test_an_unknown_mistake_is_told_what_was_expected(check):
    right = RIGHT[check][0]
    said = check(lambda *case: right(*case) * 0.123 + 4.56)
    assert said.startswith("[wrong] expected [") and "got [" in said


def test_a_constant_for_the_true_class_with_a_gradient_is_named():
    weight = torch.ones((), requires_grad=True)
    assert "above all others" in check_swap(lambda z, y: large_label(50)(z, y) * weight)


@pytest.mark.parametrize("check", (check_standardise, check_other_classes, check_trust))
def test_working_in_place_is_no_mistake_where_nobody_asked_for_a_copy(check):
    def in_place(z, *rest):
        value = RIGHT[check][0](z, *rest)
        z *= 0
        return value

    for _ in range(2):  # a cell may be run again and again
        assert check(in_place) == "[ok] right"


def test_the_cases_hold_right_wrong_and_hidden_answers(monkeypatch):
    for check in (check_other_classes, check_swap, check_trust, check_mistakes):
        (case, *_), *_ = reports(check, lambda *_: "no", monkeypatch)
        known = case[1] != HIDDEN
        right = case[0].argmax(dim=1) == case[1]
        assert right.any() and (known & ~right).any()
        assert (~known).any() == (check is check_mistakes)
