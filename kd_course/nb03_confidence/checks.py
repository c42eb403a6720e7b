"""Self-checks of the exercises on confident and on wrong teachers, in the manner of `checks`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

from kd_course.exercises import random_logits, report
from kd_course.progress import exercise
from kd_helpers.data.splits import UNLABELLED
from kd_helpers.methods.targets import soften
from kd_helpers.methods.teacher_mistakes import mistaken, swap_mistakes, trust_weights

IN_PLACE = (
    "you changed the logits that you were given; begin with logits = logits.clone(), change and "
    "return that"
)
TOO_LARGE = "the true class got a number above all others; exchange it with the answer's number"


@exercise(
    hint=(
        "mean and standard deviation with `dim=1, keepdim=True`, so that each row is compared "
        "with its own"
    ),
    place="Treatments",
    why="a row's size and offset are gone, and the shape of the answer is left",
)
def check_standardise(answer: Callable) -> str:
    """Check rows of mean 0 and standard deviation 1: logits (B, K) → (B, K).

    Both standard deviations are right, divided by K - 1 (PyTorch's own) and by K: papers differ.
    """
    z = random_logits(5)
    centred, plain = z - z.mean(1, True), soften(z, 1)

    def verdict(correction: int) -> str:
        std, of_classes, of_all = (
            z.std(dim=dim, correction=correction, keepdim=True) for dim in (1, 0, (0, 1))
        )
        right, low, high = centred / std, z.amin(1, True), z.amax(1, True)
        mistakes = {
            "mean and standard deviation run over the batch (dim=0); "
            "take them over the classes (dim=1)": (z - z.mean(0)) / of_classes,
            "mean and standard deviation run over the whole batch at once; "
            "each row needs its own (dim=1, keepdim=True)": (z - z.mean()) / of_all,
            "the mean is 0 now; the rows must also be divided by their standard deviation": centred,
            "the standard deviation is 1 now; the mean of the row must be taken off first": z / std,
            "you divided by the variance; the standard deviation is its root": centred / std**2,
            "brackets are missing: (logits - mean) / std, else only the mean is divided": z
            - z.mean(1, True) / std,
            "the rows run from 0 to 1: you used the smallest and the largest entry, "
            "not mean and standard deviation": (z - low) / (high - low),
            "you divided the row by its length; "
            "take off the mean, then divide by the standard deviation": F.normalize(z, dim=1),
            "this is the softmax of the logits; no softmax here: standardise the logits": plain,
            "you applied softmax after it; return the standardised logits": soften(right, 1),
        }
        return report(answer, (z,), right, mistakes)

    said = verdict(correction=0)
    return verdict(correction=1) if said.startswith("[wrong] expected") else said


@exercise(
    hint=(
        "a mask of the one-hot labels, turned round by ~, picks B · (K − 1) logits; `view` "
        "them as (B, K − 1)"
    ),
    place="Two parts in one",
    why="softmax over the other nine alone is the distribution that NCKD compares",
)
def check_other_classes(answer: Callable) -> str:
    """Check the distribution over other classes: (logits (B, K), labels (B,), T) → (B, K - 1)."""
    z, t = random_logits(6), 4.0
    y = labels_at(z, (0, 0, 0, 1, 4, 2))
    others, p = without(z, y), soften(z, t)
    zero, never = soften(put(z, y, 0.0), t), soften(put(z, y, -torch.inf), t)
    right = soften(others, t)
    mistakes = {
        "the rows do not sum to 1: this is the softmax over all classes with one left out; "
        "divide by the sum of the others": without(p, y),
        "the temperature is missing: divide the logits by it": soften(others, 1),
        "you multiplied by the temperature; divide the logits by it": soften(others, 1 / t),
        "the true class is still there: a logit of 0 is not 'no class', exp(0) is 1; "
        "leave it out": zero,
        "you set the true class's logit to 0, so it took a share of the softmax (exp(0) is 1); "
        "leave it out before the softmax": without(zero, y),
        "the numbers are right, but the true class still has a column, of 0; "
        "leave it out: (B, K - 1)": never,
        "you set the true class's probability to 0 after the softmax: "
        "the rows no longer sum to 1; leave it out before": put(p, y, 0.0),
        "this is the distribution over all classes; leave the true one out": p,
        "you left out the class that the teacher answers; "
        "leave out the label, the teacher may be wrong": soften(without(z, z.argmax(1)), t),
        "you left out class 0 in every row; leave out the row's own label": soften(z[:, 1:], t),
        "these are log-probabilities: use softmax, not log_softmax": right.log(),
    }
    return report(answer, (z, y, t), right, mistakes)


@exercise(
    hint=(
        "`topk` gives the k largest in falling order; what is missing to 1 is one more "
        "column, by `torch.cat`"
    ),
    place="Treatments",
    why="each row still sums to 1, so it is a distribution over k + 1 outcomes",
)
def check_lumped(answer: Callable) -> str:
    """Check the largest entries and a bin: (probabilities (B, K), count) → (B, count + 1)."""
    p, n = soften(random_logits(7), 2.0), 3
    ranked, places = p.sort(dim=1, descending=True).values, p.topk(n).indices
    top, others = ranked[:, :n], ranked[:, n:]
    shared, mean_rest = top / top.sum(1, True), torch.cat([top, others.mean(1, True)], dim=1)

    def with_rest(chosen: torch.Tensor) -> torch.Tensor:
        return torch.cat([chosen, 1 - chosen.sum(1, True)], dim=1)

    right, in_order = with_rest(top), with_rest(p.gather(1, places.sort(dim=1).values))
    mistakes = {
        "the rest is missing: add one more entry, the sum of all others": top,
        "you shared the rest out among the largest; keep it as an entry of its own": shared,
        "the last entry is the mean of the others; take their sum": mean_rest,
        "the last entry is the next largest only; take the sum of all others": ranked[:, : n + 1],
        "you kept one entry too many before the rest": with_rest(ranked[:, : n + 1]),
        "these are the smallest entries; keep the largest": with_rest(ranked.flip(1)[:, :n]),
        "these are the first classes, not the largest entries": with_rest(p[:, :n]),
        "the largest entries are in the order of their classes; the largest comes first": in_order,
        "the largest entries are in rising order; the largest comes first": with_rest(top.flip(1)),
        "the rest comes last, you put it first": right.roll(1, dims=1),
    }
    return report(answer, (p, n), right, mistakes)


@exercise(
    hint=(
        "`gather` both numbers first, the label's and the answer's, then `scatter` each into "
        "the other's place"
    ),
    place="Swap: the smallest correction",
    why="all ten numbers are still there, so the teacher is as sure as before",
)
def check_swap(answer: Callable) -> str:
    """Check the exchange of a wrong answer with the true class: (B, K), labels (B,) → (B, K)."""
    z = random_logits(8)
    y = labels_at(z, (0, 2, 0, 1, 5, 2))
    wrong, right, said_class = mistaken(z, y), swap_mistakes(z, y), z.argmax(1)
    moved = (torch.arange(10) - (y - said_class)[:, None]) % 10
    seen: dict[str, Any] = {}

    def watched(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        seen.update(given=z, value=answer(z, y))
        return seen["value"]

    def in_wrong(changed: torch.Tensor) -> torch.Tensor:
        return torch.where(wrong[:, None], changed, z)

    def both(number: torch.Tensor | float) -> torch.Tensor:
        return in_wrong(put(put(z, y, number), said_class, number))

    zeroed = in_wrong(put(z, said_class, 0.0))
    mistakes = {
        "nothing has changed (a line like logits[wrong][...] = ... writes into a copy)": z,
        "both entries hold the answer's number now: "
        "keep a copy of the true class's number before you write over it": both(z.amax(1, True)),
        "both entries hold the true class's old number now: keep a copy of the answer's number "
        "before you write over it": both(z.gather(1, y[:, None])),
        "you set both entries to 0; exchange them": both(0.0),
        "you set the wrong answer's entry to 0; exchange it with the true class's": zeroed,
        "you exchanged the answer with class 0; "
        "exchange it with the row's own label": swap_mistakes(z, y.where(~wrong, 0)),
        "the whole row has moved along; "
        "exchange two entries and leave the others where they are": z.gather(1, moved),
        "the rows with a wrong answer are missing; keep every row": z[~wrong],
        "these are probabilities; return the exchanged logits": soften(right, 1),
    }
    said = report(watched, (z, y), right, mistakes)
    if said.startswith(("[ok]", "[todo]")) and not torch.equal(seen["given"], z):
        return f"[wrong] {IN_PLACE}"
    if said.endswith("not one of the known mistakes"):  # so the shape is right: how large is it?
        value = torch.as_tensor(seen["value"]).detach().double()
        own = value.gather(1, y[:, None])
        only_own_changed = torch.allclose(value, put(z.double(), y, own), atol=1e-6)
        if only_own_changed and (own > z.amax(1, True))[wrong].all():
            return f"[wrong] {TOO_LARGE}"
    return said


@exercise(
    hint="compare `argmax(dim=1)` with the labels, and join that by & with `labels != -100`",
    place="Count first",
    why="of an image without a label nobody can say that the teacher is wrong",
)
def check_mistakes(answer: Callable) -> str:
    """Check where the teacher is wrong: (B, K), (B,) with -100 where hidden → (B,) bool."""
    z = random_logits(11)  # the teacher answers 0 to a hidden image
    hidden = torch.tensor([False, True, False, True, False, True])
    y = labels_at(z, (0, 0, 1, 0, 3, 0)).masked_fill(hidden, UNLABELLED)
    right, two = mistaken(z, y), z.topk(2, 1).indices != y[:, None]
    as_class_0 = z.argmax(1) != y.clamp(min=0)
    of_each = "return True or False for each image"
    mistakes = {
        "hidden labels (-100) count as wrong; nobody knows that they are: leave them False": two[
            :, 0
        ],
        "hidden labels (-100) were taken for class 0; leave them False": as_class_0,
        "these are the images that the teacher gets right": ~two[:, 0],
        "these are the images that are not wrong: turn True and False round": ~right,
        f"this is the number of wrong answers; {of_each}": right.sum(),
        f"this is a number, and it counts the hidden labels too; {of_each}": two[:, 0].sum(),
        f"this is the share of wrong answers; {of_each}": right.double().mean(),
        f"these are the places of the wrong answers; {of_each}": right.nonzero().flatten(),
        f"these are the places of the wrong answers, as a column; {of_each}": right.nonzero(),
        "the hidden images are missing; they stay in, as False": right[~hidden],
        "you compared with the teacher's second best class; its answer is the best": two[:, 1]
        & ~hidden,
        "an answer is wrong also where the true class comes second": two.all(1) & ~hidden,
    }
    return report(answer, (z, y), right, mistakes)


@exercise(
    hint='cross-entropy with `reduction="none"` is one number an image; take exp of its negative',
    place="Corrections",
    why="exp(−CE) is the teacher's probability of the label, near 0 where it is sure and wrong",
)
def check_trust(answer: Callable) -> str:
    """Check the weights exp(-CE) of the teacher: (logits (B, K), labels (B,)) → (B,)."""
    z = random_logits(10)
    y = labels_at(z, (0, 1, 0, 2, 1, 3))
    right = trust_weights(z, y)
    ce, mean, surest = -right.log(), F.cross_entropy(z, y), soften(z, 1).amax(1)
    mistakes = {
        "this is the cross-entropy; the weight is exp(-CE)": ce,
        "this is one number, from the mean cross-entropy; "
        "each image needs its own weight: reduction='none'": torch.exp(-mean),
        "this is the mean cross-entropy; "
        "take it for each image (reduction='none'), then exp(-CE)": mean,
        "this is the mean weight; each image keeps its own": right.mean(),
        "this is the teacher's top probability, right or wrong; take the true class's": surest,
        "this is 1 minus the weight: it trusts the teacher most where it is wrong": 1 - right,
        "this is the logarithm of the weight; take exp of it": -ce,
        "the sign is missing, exp(+CE) grows with the mistake: exp(-CE)": 1 / right,
        "this weight is all or nothing; "
        "a teacher who is wrong a little keeps a part of it": ~mistaken(z, y),
        "the weights are divided by their sum; leave them as they are": right / right.sum(),
    }
    return report(answer, (z, y), right, mistakes)


def labels_at(logits: torch.Tensor, places: tuple[int, ...]) -> torch.Tensor:
    """Labels that stand at these places of the teacher's order: 0 where it is right."""
    return logits.argsort(dim=1, descending=True).gather(1, torch.tensor(places)[:, None])[:, 0]


def without(values: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """All columns but the row's own label: (B, K), (B,) → (B, K - 1)."""
    return values[~F.one_hot(labels, values.shape[1]).bool()].view(len(values), -1)


def put(values: torch.Tensor, labels: torch.Tensor, number: torch.Tensor | float) -> torch.Tensor:
    """A copy with this number, or (B, 1) one for each row, at the row's own label."""
    return values.scatter(1, labels[:, None], number)
