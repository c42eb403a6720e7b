"""The self-checks on teacher assistants: right answers pass, mistakes get their name."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from torch.nn import functional as F

from check_reports import reports
from kd_helpers.checks_assistants import check_dense_loss, check_overlap, check_teaching

# Exercise 1: who teaches whom


def by_pairs(rungs, dense):
    matrix = torch.zeros(rungs, rungs)
    for student in range(1, rungs):
        for teacher in range(0 if dense else student - 1, student):
            matrix[teacher, student] = 1
    return matrix


def by_comparison(rungs, dense):
    teacher, student = torch.arange(rungs)[:, None], torch.arange(rungs)
    return (teacher < student) if dense else (teacher == student - 1)


# Exercise 2: the loss


def dense_by_numpy(s, z, teach, y, T, w, *, label=None, soft=1.0):
    s, z, y = s.detach().numpy(), z.numpy(), y.numpy()
    ce = -log_softmax(s, axis=1)[np.arange(len(y)), y].mean()
    kd = 0.0
    for one, is_on in zip(z, teach.tolist(), strict=True):
        if is_on:
            p = softmax(one / T, axis=1)
            rows = (p * (log_softmax(one / T, axis=1) - log_softmax(s / T, axis=1))).sum(axis=1)
            kd += T * T * rows.mean()
    label = len(z) * (1 - w) if label is None else label
    return torch.tensor(label * ce + w * soft * kd)


def soft_terms(s, z, T, reduction="batchmean", swap=False):
    """T²·KL of each source, (M,), in PyTorch's words."""
    found = []
    for one in z:
        student, source = (one, s) if swap else (s, one)
        value = F.kl_div(F.log_softmax(student / T, 1), F.softmax(source / T, 1), reduction="sum")
        found.append(T * T * value / {"batchmean": len(s), "mean": s.numel(), "sum": 1}[reduction])
    return torch.stack(found)


def dense_in_torch(s, z, teach, y, T, w, **how):
    label = len(z) * (1 - w) * F.cross_entropy(s, y)
    return label + w * (soft_terms(s, z, T, **how) * teach).sum()


def one_mean_source(s, z, teach, y, T, w):
    kd = soft_terms(s, z[teach].mean(dim=0, keepdim=True), T).sum()
    return len(z) * (1 - w) * F.cross_entropy(s, y) + w * kd


# Exercise 3: overlap


def overlap_of_sets(first, second, labels):
    a, b = (
        {i for i, (x, y) in enumerate(zip(told.tolist(), labels.tolist(), strict=True)) if x != y}
        for told in (first, second)
    )
    return torch.tensor(len(a & b) / len(a | b))


def wrong(told, labels):
    return told != labels


def both(a, b, y):
    return (wrong(a, y) & wrong(b, y)).sum()


def either(a, b, y):
    return (wrong(a, y) | wrong(b, y)).sum()


RIGHT = {
    check_teaching: (
        by_pairs,
        by_comparison,
        lambda n, dense: np.triu(np.ones((n, n)), 1) if dense else np.eye(n, k=1),
        lambda n, dense: [
            [int(j > i if dense else j == i + 1) for j in range(n)] for i in range(n)
        ],
    ),
    check_dense_loss: (
        dense_in_torch,
        dense_by_numpy,
        lambda s, z, teach, y, T, w: (
            len(z) * (1 - w) * F.cross_entropy(s, y) + w * soft_terms(s, z[teach], T).sum()
        ),
        lambda *case: float(dense_by_numpy(*case)),
    ),
    check_overlap: (
        overlap_of_sets,
        lambda a, b, y: both(a, b, y) / either(a, b, y),
        lambda a, b, y: float(both(a, b, y)) / float(either(a, b, y)),
        lambda a, b, y: (wrong(a, y).sum() + wrong(b, y).sum()) / either(a, b, y) - 1,
    ),
}
MISTAKES = {  # for each check: a part of what it has to say, and the answers that get it
    check_teaching: {
        "rows and columns are swapped": (lambda n, dense: by_pairs(n, dense).T,),
        "a network teaches itself here": (lambda n, dense: by_pairs(n, dense) + torch.eye(n),),
        "in a chain every rung has one": (lambda n, dense: by_pairs(n, True),),
        "in a dense ladder all rungs above": (lambda n, dense: by_pairs(n, False),),
        "only the teacher at the top": (lambda n, dense: by_pairs(n, True) * (torch.arange(n) == 0)[:, None],),
        "only the student at the end": (lambda n, dense: by_pairs(n, True) * (torch.arange(n) == n - 1),),
        "smaller networks teach larger": (lambda n, dense: by_pairs(n, dense) + by_pairs(n, dense).T,),
        "everyone teaches everyone": (lambda n, dense: torch.ones(n, n),),
        "nobody teaches": (lambda n, dense: torch.zeros(n, n), lambda n, dense: by_pairs(n, dense) * 0),
        "this is the diagonal": (lambda n, dense: torch.eye(n),),
        "not one of the known": (lambda n, dense: 2 * by_pairs(n, dense),),
        "expected shape (5, 5)": (lambda n, dense: by_pairs(n - 1, dense), lambda n, dense: torch.ones(n)),
    },
    check_dense_loss: {
        "all sources teach here": (
            lambda s, z, teach, *rest: dense_by_numpy(s, z, teach | True, *rest),
            lambda s, z, teach, y, T, w: len(z) * (1 - w) * F.cross_entropy(s, y) + w * soft_terms(s, z, T).sum(),
        ),
        "`teach` is the wrong way": (lambda s, z, teach, *rest: dense_by_numpy(s, z, ~teach, *rest),),
        "here it counts 1 - λ": (lambda s, z, teach, y, T, w: dense_by_numpy(s, z, teach, y, T, w, label=1 - w),),
        "sources that teach; it counts": (
            lambda s, z, teach, y, T, w: dense_by_numpy(s, z[teach], teach[teach], y, T, w),
        ),
        "(M + 1)(1 - λ)": (lambda s, z, teach, y, T, w: dense_by_numpy(s, z, teach, y, T, w, label=5 * (1 - w)),),
        "the label is missing": (lambda s, z, teach, y, T, w: w * soft_terms(s, z[teach], T).sum(),),
        "divided the whole loss": (lambda *case: dense_by_numpy(*case) / 4,),
        "took the mean over the sources": (
            lambda s, z, teach, y, T, w: 4 * (1 - w) * F.cross_entropy(s, y) + w * soft_terms(s, z[teach], T).mean(),
        ),
        "by all M sources": (lambda *case: dense_by_numpy(*case, soft=1 / 4),),
        "scaled the soft term up": (lambda *case: dense_by_numpy(*case, soft=4 / 3),),
        "T² is missing": (lambda *case: dense_by_numpy(*case, soft=1 / case[4] ** 2),),
        "you used T": (lambda *case: dense_by_numpy(*case, soft=1 / case[4]),),
        'reduction "mean"': (lambda *case: dense_in_torch(*case, reduction="mean"),),
        'reduction "sum"': (lambda *case: dense_in_torch(*case, reduction="sum"),),
        "roles swapped": (lambda *case: dense_in_torch(*case, swap=True),),
        "λ and 1 - λ are swapped": (lambda *case: dense_by_numpy(*case[:5], 1 - case[5]),),
        "one soft term with the mean": (one_mean_source,),
        "the label needs no temperature": (
            lambda s, z, teach, y, T, w: (
                4 * (1 - w) * F.cross_entropy(s / T, y) + w * soft_terms(s, z[teach], T).sum()
            ),
        ),
        "soft terms alone": (lambda s, z, teach, y, T, w: soft_terms(s, z[teach], T).sum(),),
        "not one of the known": (lambda *case: dense_by_numpy(*case) + 1,),
        "expected shape ()": (lambda s, z, teach, y, T, w: soft_terms(s, z, T),),
    },
    check_overlap: {
        "these are images": (both,),
        "divided by all images": (lambda a, b, y: both(a, b, y) / len(y),),
        "errors of the first": (lambda a, b, y: both(a, b, y) / wrong(a, y).sum(),),
        "errors of the second": (lambda a, b, y: both(a, b, y) / wrong(b, y).sum(),),
        "both added up": (lambda a, b, y: both(a, b, y) / (wrong(a, y).sum() + wrong(b, y).sum()),),
        "both answer alike": (lambda a, b, y: (a == b).float().mean(),),
        "in the same way": (lambda a, b, y: (wrong(a, y) & (a == b)).sum() / either(a, b, y),),
        "1 minus the overlap": (lambda a, b, y: 1 - overlap_of_sets(a, b, y),),
        "counted right answers": (lambda a, b, y: ((a == y) & (b == y)).sum() / ((a == y) | (b == y)).sum(),),
        "in percent": (lambda a, b, y: 100 * overlap_of_sets(a, b, y),),
        "one value an image": (lambda a, b, y: wrong(a, y) & wrong(b, y),),
        "not one of the known": (lambda a, b, y: overlap_of_sets(a, b, y) ** 2,),
        "expected shape ()": (lambda a, b, y: wrong(a, y)[:3],),
    },
}  # fmt: skip
OUTSIDE_THE_LIST = ("not one of the known", "expected shape")


def test_the_chain_is_asked_before_the_dense_ladder(monkeypatch):
    right = reports(check_teaching, by_pairs, monkeypatch)
    assert [case for case, *_ in right] == [(5, False), (5, True)]
    monkeypatch.undo()
    wrong_already = reports(check_teaching, lambda n, dense: torch.eye(n), monkeypatch)
    assert [case for case, *_ in wrong_already] == [(5, False)]


@pytest.mark.parametrize("check", (check_dense_loss, check_overlap), ids=lambda c: c.__name__)
def test_no_two_mistakes_have_the_same_value(check, monkeypatch):
    ((case, expected, mistakes),) = reports(check, RIGHT[check][0], monkeypatch)
    values = [expected.double(), *(mistake(*case).double() for mistake in mistakes.values())]
    for place, one in enumerate(values):
        for other in values[place + 1 :]:
            assert one.shape != other.shape or not torch.allclose(one, other, rtol=1e-3, atol=1e-5)
