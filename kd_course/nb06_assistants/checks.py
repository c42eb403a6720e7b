"""Self-checks of the exercises on teacher assistants, in the manner of `checks`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from kd_course.exercises import random_logits, report
from kd_helpers.experiments.ladders import error_overlap
from kd_helpers.methods.hinton import kd_loss


def check_teaching(answer: Callable[[int, bool], torch.Tensor]) -> str:
    """Check who teaches whom: (rungs R, dense?) → (R, R), 1 where the row teaches the column.

    Both kinds of ladder are asked for, the chain first, and again with fewer rungs: what fits one
    number of rungs only is not an answer.
    """
    said = ""
    for case in ((5, False), (5, True), (3, False), (3, True)):
        said = report(answer, case, teaching(*case), TEACHING_MISTAKES)
        if said != "[ok] right":
            break
    return said


def teaching(count: int, dense: bool) -> torch.Tensor:
    above = torch.ones(count, count).triu(1)
    return above if dense else above - above.triu(2)


TEACHING_MISTAKES = {
    "rows and columns are swapped: the row is the teacher, the column its student": lambda n, d: (
        teaching(n, d).T
    ),
    "a network teaches itself here: leave the diagonal 0": lambda n, d: (
        teaching(n, d) + torch.eye(n)
    ),
    "in a chain every rung has one teacher only, the rung above it": lambda n, d: teaching(n, True),
    "in a dense ladder all rungs above teach, not the next one only": lambda n, d: teaching(
        n, False
    ),
    "only the teacher at the top teaches: the assistants must teach too": lambda n, d: F.pad(
        torch.ones(1, n - 1), (1, 0, 0, n - 1)
    ),
    "only the student at the end is taught: the assistants need teachers too": lambda n, d: F.pad(
        torch.ones(n - 1, 1), (n - 1, 0, 0, 1)
    ),
    "smaller networks teach larger ones as well: leave everything below the diagonal 0": lambda n, d: (
        teaching(n, d) + teaching(n, d).T
    ),
    "everyone teaches everyone, even itself": lambda n, d: torch.ones(n, n),
    "the student teaches the teacher: leave the first column 0": lambda n, d: (
        teaching(n, d) + F.pad(torch.ones(1, 1), (0, n - 1, n - 1, 0))
    ),
    "nobody teaches anybody": lambda n, d: torch.zeros(n, n),
    "this is the diagonal: every network teaches itself": lambda n, d: torch.eye(n),
}


def check_dense_loss(answer: Callable[..., torch.Tensor]) -> str:
    """Check the loss of a dense ladder with sources left out.

    (student_logits (B, K), source_logits (M, B, K), teach (M,) bool, labels (B,), T, λ) → scalar.
    """
    student, labels = random_logits(31), torch.tensor([1, 0, 4, 9, 2, 7])
    sources = torch.stack([random_logits(seed) for seed in (32, 33, 34, 35, 36)])
    # Two of five teach: then no number of sources is another one's plus or minus one.
    teach = torch.tensor([True, False, False, True, False])
    case = (student, sources, teach, labels, 4.0, 0.9)
    return report(answer, case, dense_loss(*case), DENSE_MISTAKES)


def dense_loss(
    s: torch.Tensor,
    z: torch.Tensor,
    on: torch.Tensor,
    y: torch.Tensor,
    t: float,
    w: float,
    *,
    label: float | None = None,
    soft: float = 1.0,
    swapped: bool = False,
) -> torch.Tensor:
    """label: weight of the cross-entropy, in place of M(1 - λ). soft: a factor of the soft term."""
    pairs = [(one, s) if swapped else (s, one) for one, is_on in zip(z, on, strict=True) if is_on]
    kd = torch.stack([kd_loss(*pair, temperature=t) for pair in pairs]).sum()
    weight = len(z) * (1 - w) if label is None else label
    return weight * F.cross_entropy(s, y) + w * soft * kd


def entropies(z: torch.Tensor) -> torch.Tensor:
    """Mean entropy over the images, summed over the sources (M, B, K), in nats."""
    return -(z.softmax(-1) * z.log_softmax(-1)).sum(dim=-1).mean(dim=-1).sum()


DENSE_MISTAKES = {
    "all sources teach here: leave out those whose `teach` is False": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on | True, y, t, w)
    ),
    "`teach` is the wrong way round: True means that a source teaches": lambda s, z, on, y, t, w: (
        dense_loss(s, z, ~on, y, t, w)
    ),
    "the label counts M(1 - λ), once for each of the M sources; here it counts 1 - λ": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, w, label=1 - w)
    ),
    "the label counts for each of the sources that teach; it counts for all M, also those left out": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, w, label=int(on.sum()) * (1 - w))
    ),
    "the label counts for each of the sources that teach and once more; it counts for all M": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, w, label=(int(on.sum()) + 1) * (1 - w))
    ),
    "the label counts (M + 1)(1 - λ); in the paper n is the number of assistants, and n + 1 = M": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, w, label=(len(z) + 1) * (1 - w))
    ),
    "the label is missing": lambda s, z, on, y, t, w: dense_loss(s, z, on, y, t, w, label=0.0),
    "you divided the whole loss by the number of sources; the paper's is a sum": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, w) / len(z)
    ),
    "you took the mean over the sources; the paper's is a sum": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, w, soft=1 / int(on.sum()))
    ),
    "you divided the soft term by all M sources; the paper's is a sum": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, w, soft=1 / len(z))
    ),
    "you scaled the soft term up for the sources left out; the paper does not": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, w, soft=len(z) / int(on.sum()))
    ),
    "T² is missing: the gradient of the soft term shrinks as 1/T²": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, w, soft=1 / t**2)
    ),
    "the factor is T², you used T": lambda s, z, on, y, t, w: dense_loss(
        s, z, on, y, t, w, soft=1 / t
    ),
    'reduction "mean" also divides by the number of classes; use "batchmean"': lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, w, soft=1 / s.shape[1])
    ),
    'reduction "sum" does not divide by the batch; use "batchmean"': lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, w, soft=len(s))
    ),
    "T² is there twice: `kd_loss` has it already": lambda s, z, on, y, t, w: dense_loss(
        s, z, on, y, t, w, soft=t**2
    ),
    "λ is missing before the soft terms": lambda s, z, on, y, t, w: dense_loss(
        s, z, on, y, t, w, soft=1 / w
    ),
    "1 - λ is missing: the label counts M(1 - λ)": lambda s, z, on, y, t, w: dense_loss(
        s, z, on, y, t, w, label=len(z)
    ),
    "this is the usual loss with the mean of the soft terms; the paper's is a sum, and the label counts M(1 - λ)": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, w, label=1 - w, soft=1 / int(on.sum()))
    ),
    "you divided the whole loss by the number of sources that teach; the paper's is a sum": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, w) / int(on.sum())
    ),
    "only the last source that teaches is in it; add them up": lambda s, z, on, y, t, w: dense_loss(
        s, z[on][-1:], on[on][-1:], y, t, w, label=len(z) * (1 - w)
    ),
    "this is the cross-entropy with the soft targets; KL takes the sources' own entropy off": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, w) + w * t**2 * entropies(z[on] / t)
    ),
    "two things: leave out sources whose `teach` is False, and the label counts M(1 - λ)": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on | True, y, t, w, label=1 - w)
    ),
    "the soft terms are M times too large: M belongs to the label only": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, w, soft=len(z))
    ),
    "the label counts (M - 1)(1 - λ); M is the number of sources, the teacher too": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, w, label=(len(z) - 1) * (1 - w))
    ),
    "the temperature is missing": lambda s, z, on, y, t, w: dense_loss(s, z, on, y, 1.0, w),
    "roles swapped: the source's distribution is the target, the student's log-probabilities the input": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, w, swapped=True)
    ),
    "λ and 1 - λ are swapped: λ weighs the soft terms": lambda s, z, on, y, t, w: dense_loss(
        s, z, on, y, t, 1 - w
    ),
    "this is one soft term with the mean of the sources; the paper has one term for each": lambda s, z, on, y, t, w: (
        dense_loss(s, z[on].mean(0, keepdim=True), on[on][:1], y, t, w, label=len(z) * (1 - w))
    ),
    "the label needs no temperature": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, w, label=0.0) + len(z) * (1 - w) * F.cross_entropy(s / t, y)
    ),
    "these are the soft terms alone, without their weight and without the label": lambda s, z, on, y, t, w: (
        dense_loss(s, z, on, y, t, 1.0)
    ),
}


def check_overlap(
    answer: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor | float],
) -> str:
    """Check the overlap of errors: (answers (N,), answers (N,), labels (N,)) → 0..1."""
    labels = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2])
    # Wrong on 9 and on 8 images, on 6 of them both, on 1 in the same way.
    first = torch.tensor([1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 0, 1, 2])
    second = torch.tensor([1, 3, 4, 5, 6, 7, 6, 7, 8, 0, 1, 1, 2])
    case = (first, second, labels)
    mistakes = {
        "these are images; divide by how many at least one of the two has wrong": lambda a, b, y: (
            (a != y) & (b != y)
        ).sum(),
        "you divided by all images; divide by those that at least one of the two has wrong": lambda a, b, y: (
            ((a != y) & (b != y)).double().mean()
        ),
        "you divided by the errors of the first; divide by those of either": lambda a, b, y: (
            ((a != y) & (b != y)).sum() / (a != y).sum()
        ),
        "you divided by the errors of the second; divide by those of either": lambda a, b, y: (
            ((a != y) & (b != y)).sum() / (b != y).sum()
        ),
        "you divided by the errors of both added up, which counts the common ones twice": lambda a, b, y: (
            ((a != y) & (b != y)).sum() / ((a != y).sum() + (b != y).sum())
        ),
        "the common errors count twice here; divide them by those of either": lambda a, b, y: (
            2 * ((a != y) & (b != y)).sum() / ((a != y).sum() + (b != y).sum())
        ),
        "this is the share of all images that at least one has wrong; count those that both have wrong, and divide": lambda a, b, y: (
            ((a != y) | (b != y)).double().mean()
        ),
        "you divided by the errors that only one of the two makes; the common ones are errors of either, too": lambda a, b, y: (
            ((a != y) & (b != y)).sum() / ((a != y) ^ (b != y)).sum()
        ),
        "this is 0: // cuts off what comes after the point; use /": lambda a, b, y: torch.tensor(
            0.0
        ),
        "you counted images that both answer alike, right ones too; count those that both have wrong": lambda a, b, y: (
            (a == b).double().mean()
        ),
        "you counted the images that both have wrong in the same way; any two wrong answers count": lambda a, b, y: (
            ((a != y) & (a == b)).sum() / ((a != y) | (b != y)).sum()
        ),
        "this is the share that only one of the two has wrong: 1 minus the overlap": lambda a, b, y: (
            ((a != y) ^ (b != y)).sum() / ((a != y) | (b != y)).sum()
        ),
        "you counted right answers; count errors": lambda a, b, y: (
            ((a == y) & (b == y)).sum() / ((a == y) | (b == y)).sum()
        ),
        "this is in percent; the overlap runs from 0 to 1": lambda a, b, y: torch.tensor(
            100 * error_overlap(a, b, y)
        ),
        "this is one value an image; add the images up": lambda a, b, y: (
            (a != y) & (b != y)
        ).double(),
    }
    return report(answer, case, torch.tensor(error_overlap(*case)), mistakes)
