"""Self-checks of the exercises on teacher assistants: a known mistake gets its sentence."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from kd_course.exercises import random_logits, report
from kd_course.progress import exercise
from kd_helpers.experiments.ladders import error_overlap
from kd_helpers.methods.hinton import kd_loss
from kd_helpers.methods.targets import soften


@exercise(
    hint=(
        "`torch.ones(R, R).triu(1)` is all that lies above the diagonal; a chain has its "
        "first line only"
    ),
    place="Everyone above teaches",
    why="above the diagonal the row is always the larger network",
)
def check_teaching(answer: Callable[[int, bool], torch.Tensor]) -> str:
    """Check who teaches whom: (rungs R, dense?) → (R, R), 1 where the row teaches the column.

    Both kinds of ladder are asked for, the chain first, and again with fewer rungs: what fits one
    number of rungs only is not an answer.
    """
    said = ""
    for case in ((5, False), (5, True), (3, False), (3, True)):
        said = report(answer, case, teaching(*case), teaching_mistakes(*case))
        if said != "[ok] right":
            break
    return said


def teaching(count: int, dense: bool) -> torch.Tensor:
    above = torch.ones(count, count).triu(1)
    return above if dense else above - above.triu(2)


def teaching_mistakes(count: int, dense: bool) -> dict[str, torch.Tensor]:
    right, none, self = teaching(count, dense), torch.zeros(count, count), torch.eye(count)
    first, last = F.one_hot(torch.tensor([0, count - 1]), count)  # of the rungs
    return {
        "rows and columns are swapped: the row is the teacher, the column its student": right.T,
        "a network teaches itself here: leave the diagonal 0": right + self,
        "in a chain every rung has one teacher only, the rung above it": teaching(count, True),
        "in a dense ladder all rungs above teach, not the next one only": teaching(count, False),
        "only the teacher at the top teaches: the assistants must teach too": torch.outer(
            first, 1 - first
        ),
        "only the student at the end is taught: the assistants need teachers too": torch.outer(
            1 - last, last
        ),
        "smaller networks teach larger ones as well: leave everything below the diagonal 0": right
        + right.T,
        "everyone teaches everyone, even itself": none + 1,
        "the student teaches the teacher: leave the first column 0": right
        + torch.outer(last, first),
        "nobody teaches anybody": none,
        "this is the diagonal: every network teaches itself": self,
    }


@exercise(
    hint=(
        "add `kd_loss` of the sources whose `teach` is True; the label counts M(1 − λ), "
        "whoever is left out"
    ),
    place="Leaving sources out",
    why="a source that is left out takes its soft term along, but not the label's",
)
def check_dense_loss(answer: Callable[..., torch.Tensor]) -> str:
    """Check the loss of a dense ladder with sources left out.

    (student_logits (B, K), source_logits (M, B, K), teach (M,) bool, labels (B,), T, λ) → scalar.
    """
    s, y, t, w = random_logits(31), torch.tensor([1, 0, 4, 9, 2, 7]), 4.0, 0.9
    z = torch.stack([random_logits(seed) for seed in (32, 33, 34, 35, 36)])
    # Two of five teach: then no number of sources is another one's plus or minus one.
    on = torch.tensor([True, False, False, True, False])
    M, n, (B, K) = len(z), int(on.sum()), s.shape
    kd = w * torch.stack([kd_loss(s, one, temperature=t) for one in z])  # (M,)
    soft, once = kd[on].sum(), (1 - w) * F.cross_entropy(s, y)
    right = M * once + soft
    at_1 = w * sum(kd_loss(s, one, temperature=1.0) for one in z[on])
    swapped = w * sum(kd_loss(one, s, temperature=t) for one in z[on])
    of_mean = w * kd_loss(s, z[on].mean(0), temperature=t)
    own = torch.special.entr(soften(z[on], t)).sum(-1).mean(-1).sum()  # the sources' entropy
    mistakes = {
        "all sources teach here: leave out those whose `teach` is False": M * once + kd.sum(),
        "`teach` is the wrong way round: True means that a source teaches": M * once
        + kd[~on].sum(),
        "the label counts M(1 - λ), once for each of the M sources; here it counts 1 - λ": once
        + soft,
        "the label counts for each of the sources that teach; "
        "it counts for all M, also those left out": n * once + soft,
        "the label counts for each of the sources that teach and once more; it counts for all M": (
            n + 1
        )
        * once
        + soft,
        "the label counts (M + 1)(1 - λ); "
        "in the paper n is the number of assistants, and n + 1 = M": (M + 1) * once + soft,
        "the label is missing": soft,
        "you divided the whole loss by the number of sources; the paper's is a sum": right / M,
        "you took the mean over the sources; the paper's is a sum": M * once + soft / n,
        "you divided the soft term by all M sources; the paper's is a sum": M * once + soft / M,
        "you scaled the soft term up for the sources left out; the paper does not": M * once
        + soft * M / n,
        "T² is missing: the gradient of the soft term shrinks as 1/T²": M * once + soft / t**2,
        "the factor is T², you used T": M * once + soft / t,
        'reduction "mean" also divides by the number of classes; use "batchmean"': M * once
        + soft / K,
        'reduction "sum" does not divide by the batch; use "batchmean"': M * once + soft * B,
        "T² is there twice: `kd_loss` has it already": M * once + soft * t**2,
        "λ is missing before the soft terms": M * once + soft / w,
        "1 - λ is missing: the label counts M(1 - λ)": M * once / (1 - w) + soft,
        "this is the usual loss with the mean of the soft terms; "
        "the paper's is a sum, and the label counts M(1 - λ)": once + soft / n,
        "you divided the whole loss by the number of sources that teach; "
        "the paper's is a sum": right / n,
        "only the last source that teaches is in it; add them up": M * once + kd[on][-1],
        "this is the cross-entropy with the soft targets; "
        "KL takes the sources' own entropy off": right + w * t**2 * own,
        "two things: leave out sources whose `teach` is False, and the label counts M(1 - λ)": once
        + kd.sum(),
        "the soft terms are M times too large: M belongs to the label only": M * (once + soft),
        "the label counts (M - 1)(1 - λ); M is the number of sources, the teacher too": (M - 1)
        * once
        + soft,
        "the temperature is missing": M * once + at_1,
        "roles swapped: the source's distribution is the target, "
        "the student's log-probabilities the input": M * once + swapped,
        "λ and 1 - λ are swapped: λ weighs the soft terms": M * once * w / (1 - w)
        + soft * (1 - w) / w,
        "this is one soft term with the mean of the sources; the paper has one term for each": M
        * once
        + of_mean,
        "the label needs no temperature": M * (1 - w) * F.cross_entropy(s / t, y) + soft,
        "these are the soft terms alone, without their weight and without the label": soft / w,
    }
    return report(answer, (s, z, on, y, t, w), right, mistakes)


@exercise(
    hint="two masks, one for the errors of each; count where both are True, and where either is",
    place="The error avalanche",
    why="1 means that both err on the same images, 0 that one could correct the other",
)
def check_overlap(
    answer: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor | float],
) -> str:
    """Check the overlap of errors: (answers (N,), answers (N,), labels (N,)) → 0..1."""
    y = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2])
    # Wrong on 9 and on 8 images, on 6 of them both, on 1 in the same way.
    a = torch.tensor([1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 0, 1, 2])
    b = torch.tensor([1, 3, 4, 5, 6, 7, 6, 7, 8, 0, 1, 1, 2])
    first, second, alike = a != y, b != y, a == b
    both, either, count = (first & second).sum(), (first | second).sum(), len(y)
    right, added = torch.tensor(error_overlap(a, b, y)), first.sum() + second.sum()
    mistakes = {
        "these are images; divide by how many at least one of the two has wrong": both,
        "you divided by all images; divide by those that at least one of the two has wrong": both
        / count,
        "you divided by the errors of the first; divide by those of either": both / first.sum(),
        "you divided by the errors of the second; divide by those of either": both / second.sum(),
        "you divided by the errors of both added up, which counts the common ones twice": both
        / added,
        "the common errors count twice here; divide them by those of either": 2 * both / added,
        "this is the share of all images that at least one has wrong; "
        "count those that both have wrong, and divide": either / count,
        "you divided by the errors that only one of the two makes; "
        "the common ones are errors of either, too": both / (either - both),
        "this is 0: // cuts off what comes after the point; use /": 0.0,
        "you counted images that both answer alike, right ones too; "
        "count those that both have wrong": alike.double().mean(),
        "you counted the images that both have wrong in the same way; "
        "any two wrong answers count": (first & alike).sum() / either,
        "this is the share that only one of the two has wrong: 1 minus the overlap": 1 - right,
        "you counted right answers; count errors": (~first & ~second).sum()
        / (~first | ~second).sum(),
        "this is in percent; the overlap runs from 0 to 1": 100 * right,
        "this is one value an image; add the images up": first & second,
    }
    return report(answer, (a, b, y), right, mistakes)
