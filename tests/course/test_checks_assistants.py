"""The self-checks on teacher assistants: right answers pass, mistakes get their name."""

import itertools

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from torch.nn import functional as F

from check_reports import reports
from kd_course.nb06_assistants.checks import check_dense_loss, check_overlap, check_teaching

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


def mixed(chain, ladder):
    return lambda rungs, dense: (ladder if dense else chain)(rungs, dense)


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
    (kd,) = soft_terms(s, z[teach].mean(dim=0, keepdim=True), T)
    return len(z) * (1 - w) * F.cross_entropy(s, y) + w * kd


# Exercise 3: overlap


def overlap_of_sets(first, second, labels):
    a, b = ({*(told != labels).nonzero().flatten().tolist()} for told in (first, second))
    return torch.tensor(len(a & b) / len(a | b))


def overlap_by_numpy(a, b, y):
    wrongs = np.stack([a.numpy(), b.numpy()]) != y.numpy()
    return wrongs.all(axis=0)[wrongs.any(axis=0)].mean()


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
        lambda n, dense: torch.ones(n, n).triu(1).tril(n if dense else 1),
        lambda n, dense: [
            [int(0 < j - i < (n if dense else 2)) for j in range(n)] for i in range(n)
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
        overlap_by_numpy,
        lambda a, b, y: both(a, b, y) / either(a, b, y),
        lambda a, b, y: float(both(a, b, y)) / float(either(a, b, y)),
        lambda a, b, y: (wrong(a, y).sum() + wrong(b, y).sum()) / either(a, b, y) - 1,
    ),
}
MISTAKES = {  # for each check: a part of what it has to say, and the answers that get it
    check_teaching: {
        "rows and columns are swapped": (
            lambda n, dense: by_pairs(n, dense).T,
            lambda n, dense: np.eye(n, k=-1),
        ),
        "a network teaches itself here": (
            lambda n, dense: by_pairs(n, dense) + torch.eye(n),
            mixed(by_pairs, lambda n, _: np.triu(np.ones((n, n)))),
        ),
        "in a chain every rung has one": (
            lambda n, dense: by_pairs(n, True),
            lambda n, dense: by_pairs(n, not dense),
        ),
        "in a dense ladder all rungs above": (
            lambda n, dense: by_pairs(n, False),
            lambda n, dense: np.eye(n, k=1),
        ),
        "only the teacher at the top": (
            lambda n, dense: by_pairs(n, True) * (torch.arange(n) == 0)[:, None],
        ),
        "only the student at the end": (
            lambda n, dense: by_pairs(n, True) * (torch.arange(n) == n - 1),
        ),
        "smaller networks teach larger": (
            lambda n, dense: by_pairs(n, dense) + by_pairs(n, dense).T,
        ),
        "everyone teaches everyone": (lambda n, dense: torch.ones(n, n),),
        "the student teaches the teacher": (
            lambda n, dense: by_pairs(n, dense) + torch.eye(n).roll(1, dims=1).tril(),
            mixed(lambda n, _: torch.eye(n).roll(1, dims=1), by_pairs),
        ),
        "nobody teaches": (
            lambda n, dense: torch.zeros(n, n),
            lambda n, dense: by_pairs(n, dense) * 0,
        ),
        "this is the diagonal": (lambda n, dense: torch.eye(n),),
        "not one of the known": (lambda n, dense: 2 * by_pairs(n, dense),),
        "expected shape (5, 5)": (
            lambda n, dense: by_pairs(n - 1, dense),
            lambda n, dense: torch.ones(n),
        ),
        "expected shape (3, 3)": (lambda n, dense: by_pairs(5, dense),),
    },
    check_dense_loss: {
        "all sources teach here": (
            lambda s, z, teach, *rest: dense_by_numpy(s, z, teach | True, *rest),
            lambda s, z, teach, y, T, w: (
                len(z) * (1 - w) * F.cross_entropy(s, y) + w * soft_terms(s, z, T).sum()
            ),
        ),
        "`teach` is the wrong way": (
            lambda s, z, teach, *rest: dense_by_numpy(s, z, ~teach, *rest),
        ),
        "here it counts 1 - λ": (
            lambda s, z, teach, y, T, w: dense_by_numpy(s, z, teach, y, T, w, label=1 - w),
        ),
        "sources that teach; it counts": (
            lambda s, z, teach, y, T, w: dense_by_numpy(s, z[teach], teach[teach], y, T, w),
            lambda s, z, teach, y, T, w: sum(
                (1 - w) * F.cross_entropy(s, y) + w * kd for kd in soft_terms(s, z[teach], T)
            ),
        ),
        "(M + 1)(1 - λ)": (
            lambda s, z, teach, y, T, w: dense_by_numpy(
                s, z, teach, y, T, w, label=(len(z) + 1) * (1 - w)
            ),
        ),
        "cross-entropy with the soft targets": (
            lambda s, z, teach, y, T, w: (
                len(z) * (1 - w) * F.cross_entropy(s, y)
                + w * T**2 * sum(F.cross_entropy(s / T, F.softmax(one / T, 1)) for one in z[teach])
            ),
        ),
        "two things": (
            lambda s, z, teach, y, T, w: (
                (1 - w) * F.cross_entropy(s, y) + w * soft_terms(s, z, T).sum()
            ),
        ),
        "M times too large": (
            lambda s, z, teach, y, T, w: (
                len(z) * ((1 - w) * F.cross_entropy(s, y) + w * soft_terms(s, z[teach], T).sum())
            ),
        ),
        "(M - 1)(1 - λ)": (
            lambda *case: dense_by_numpy(*case, label=(len(case[1]) - 1) * (1 - case[5])),
        ),
        "the temperature is missing": (lambda *case: dense_by_numpy(*case[:4], 1.0, case[5]),),
        "and once more; it counts": (
            lambda *case: dense_by_numpy(*case, label=(case[2].sum().item() + 1) * (1 - case[5])),
        ),
        "T² is there twice": (lambda *case: dense_by_numpy(*case, soft=case[4] ** 2),),
        "λ is missing before": (lambda *case: dense_by_numpy(*case, soft=1 / case[5]),),
        "1 - λ is missing": (lambda *case: dense_by_numpy(*case, label=len(case[1])),),
        "the usual loss with the mean": (
            lambda s, z, teach, y, T, w: (
                (1 - w) * F.cross_entropy(s, y) + w * soft_terms(s, z[teach], T).mean()
            ),
        ),
        "sources that teach; the paper's": (lambda *case: dense_by_numpy(*case) / case[2].sum(),),
        "only the last source": (
            lambda s, z, teach, y, T, w: (
                len(z) * (1 - w) * F.cross_entropy(s, y) + w * soft_terms(s, z[teach], T)[-1]
            ),
        ),
        "the label is missing": (
            lambda s, z, teach, y, T, w: w * soft_terms(s, z[teach], T).sum(),
        ),
        "whole loss by the number of sources; ": (
            lambda *case: dense_by_numpy(*case) / len(case[1]),
            lambda s, z, teach, y, T, w: (
                (1 - w) * F.cross_entropy(s, y) + w * (soft_terms(s, z, T) * teach).mean()
            ),
        ),
        "took the mean over the sources": (
            lambda s, z, teach, y, T, w: (
                len(z) * (1 - w) * F.cross_entropy(s, y) + w * soft_terms(s, z[teach], T).mean()
            ),
        ),
        "by all M sources": (lambda *case: dense_by_numpy(*case, soft=1 / len(case[1])),),
        "scaled the soft term up": (
            lambda *case: dense_by_numpy(*case, soft=len(case[1]) / case[2].sum().item()),
        ),
        "T² is missing": (lambda *case: dense_by_numpy(*case, soft=1 / case[4] ** 2),),
        "you used T": (lambda *case: dense_by_numpy(*case, soft=1 / case[4]),),
        'reduction "mean"': (lambda *case: dense_in_torch(*case, reduction="mean"),),
        'reduction "sum"': (lambda *case: dense_in_torch(*case, reduction="sum"),),
        "roles swapped": (lambda *case: dense_in_torch(*case, swap=True),),
        "λ and 1 - λ are swapped": (lambda *case: dense_by_numpy(*case[:5], 1 - case[5]),),
        "one soft term with the mean": (one_mean_source,),
        "the label needs no temperature": (
            lambda s, z, teach, y, T, w: (
                len(z) * (1 - w) * F.cross_entropy(s / T, y) + w * soft_terms(s, z[teach], T).sum()
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
        "only one of the two makes": (
            lambda a, b, y: both(a, b, y) / (wrong(a, y) ^ wrong(b, y)).sum(),
        ),
        "// cuts off": (lambda a, b, y: both(a, b, y) // either(a, b, y),),
        "common errors count twice": (
            lambda a, b, y: 2 * both(a, b, y) / (wrong(a, y).sum() + wrong(b, y).sum()),
        ),
        "at least one has wrong; count": (lambda a, b, y: either(a, b, y) / len(y),),
        "both answer alike": (lambda a, b, y: (a == b).float().mean(),),
        "in the same way": (lambda a, b, y: (wrong(a, y) & (a == b)).sum() / either(a, b, y),),
        "1 minus the overlap": (lambda a, b, y: 1 - overlap_of_sets(a, b, y),),
        "counted right answers": (
            lambda a, b, y: ((a == y) & (b == y)).sum() / ((a == y) | (b == y)).sum(),
        ),
        "in percent": (lambda a, b, y: 100 * overlap_of_sets(a, b, y),),
        "one value an image": (
            lambda a, b, y: wrong(a, y) & wrong(b, y),
            lambda a, b, y: (wrong(a, y) * wrong(b, y)).int(),
        ),
        "not one of the known": (lambda a, b, y: overlap_of_sets(a, b, y) ** 2,),
        "expected shape ()": (lambda a, b, y: wrong(a, y)[:3],),
    },
}
OUTSIDE_THE_LIST = ("not one of the known", "expected shape")
UNKNOWN = (  # wrong, whatever they are called
    (check_teaching, mixed(by_pairs, lambda n, dense: by_pairs(n, dense).tril(2))),
    (check_teaching, lambda n, dense: by_pairs(n, dense) * (torch.arange(n) > 0)[:, None]),
    (check_dense_loss, lambda *case: dense_by_numpy(*case, soft=case[4])),
    (check_dense_loss, lambda *case: dense_by_numpy(*case, label=1.0)),
    (check_overlap, lambda a, b, y: both(a, b, y) / max(wrong(a, y).sum(), wrong(b, y).sum()) / 2),
)


@pytest.mark.parametrize(("check", "answer"), UNKNOWN)
def test_an_answer_wrong_in_another_way_is_not_called_right(check, answer):
    assert check(answer).startswith("[wrong] ")


def test_the_chain_is_asked_before_the_dense_ladder(monkeypatch):
    right = reports(check_teaching, by_pairs, monkeypatch)
    assert [case for case, *_ in right] == [(5, False), (5, True), (3, False), (3, True)]
    monkeypatch.undo()
    wrong_already = reports(check_teaching, lambda n, dense: torch.eye(n), monkeypatch)
    assert [case for case, *_ in wrong_already] == [(5, False)]


@pytest.mark.parametrize("words", MISTAKES[check_teaching])
def test_a_mistake_in_the_dense_ladder_alone_is_named_too(words):
    answer = MISTAKES[check_teaching][words][0]
    said = check_teaching(mixed(by_pairs, answer))
    right = words == "in a chain every rung has one"  # what a dense ladder should be
    assert said == "[ok] right" if right else said.startswith("[wrong] ") and words in said


@pytest.mark.parametrize("number", (bool, int, np.int8, np.float32))
@pytest.mark.parametrize("pack", (np.array, torch.tensor, np.ndarray.tolist))
def test_who_teaches_whom_may_be_of_any_kind_of_number(number, pack):
    said = check_teaching(lambda *case: pack(by_pairs(*case).numpy().astype(number)))
    assert said == "[ok] right"


@pytest.mark.parametrize("dense", (False, True))
def test_only_the_mistake_of_the_other_ladder_is_right_and_all_are_different(dense, monkeypatch):
    case, expected, mistakes = reports(check_teaching, by_pairs, monkeypatch)[dense]
    values = {words: mistake(*case) for words, mistake in mistakes.items()}
    (other,) = [words for words, value in values.items() if value.equal(expected)]
    assert other.startswith("in a chain" if dense else "in a dense ladder")
    assert len({str(value.tolist()) for value in values.values()}) == len(values)


@pytest.mark.parametrize("check", (check_dense_loss, check_overlap), ids=lambda c: c.__name__)
def test_no_two_mistakes_have_the_same_value(check, monkeypatch):
    ((case, expected, mistakes),) = reports(check, RIGHT[check][0], monkeypatch)
    values = [expected.double(), *(mistake(*case).double() for mistake in mistakes.values())]
    for one, other in itertools.combinations(values, 2):
        assert one.shape != other.shape or not torch.allclose(one, other, rtol=1e-3, atol=1e-5)


def test_sources_images_and_classes_of_the_case_cannot_be_mistaken(monkeypatch):
    ((case, *_),) = reports(check_dense_loss, dense_in_torch, monkeypatch)
    _, sources, teach, _, temperature, weight = case
    numbers = {*sources.shape, teach.sum().item(), temperature, 1.0, weight, 1 - weight}
    assert len(numbers) == 8 and 1 < teach.sum() < len(teach)


def test_the_errors_of_the_case_are_common_or_not_and_alike_or_not(monkeypatch):
    (((a, b, y), *_),) = reports(check_overlap, overlap_of_sets, monkeypatch)
    alike, first, second = (a == b)[wrong(a, y)].sum(), wrong(a, y).sum(), wrong(b, y).sum()
    assert 0 < alike < both(a, b, y) < min(first, second) and first != second
