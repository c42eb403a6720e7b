"""Self-checks of the exercises on confident and on wrong teachers, in the manner of `checks`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from kd_course.exercises import random_logits, report
from kd_helpers.data.splits import UNLABELLED
from kd_helpers.methods.standardised_logits import standardise
from kd_helpers.methods.targets import soften
from kd_helpers.methods.teacher_mistakes import mistaken, swap_mistakes, trust_weights

IN_PLACE = "you changed the logits that you were given; begin with logits = logits.clone(), change and return that"
TOO_LARGE = "the true class got a number above all others; exchange it with the answer's number"


def check_standardise(answer: Callable[[torch.Tensor], torch.Tensor]) -> str:
    """Check rows of mean 0 and standard deviation 1: logits (B, K) → (B, K).

    Both standard deviations are right, divided by K - 1 (PyTorch's own) and by K: papers differ.
    """
    logits = random_logits(5)

    def verdict(correction: int) -> tuple[str, bool]:
        def std(z: torch.Tensor, dim: int | tuple[int, int] = 1) -> torch.Tensor:
            return z.std(dim=dim, correction=correction, keepdim=True)

        def right(z: torch.Tensor) -> torch.Tensor:
            return (z - z.mean(1, True)) / std(z)

        mistakes = {
            "mean and standard deviation run over the batch (dim=0); take them over the classes (dim=1)": lambda z: (
                (z - z.mean(0)) / std(z, 0)
            ),
            "mean and standard deviation run over the whole batch at once; each row needs its own (dim=1, keepdim=True)": lambda z: (
                (z - z.mean()) / std(z, (0, 1))
            ),
            "the mean is 0 now; the rows must also be divided by their standard deviation": lambda z: (
                z - z.mean(1, True)
            ),
            "the standard deviation is 1 now; the mean of the row must be taken off first": lambda z: (
                z / std(z)
            ),
            "you divided by the variance; the standard deviation is its root": lambda z: (
                (z - z.mean(1, True)) / std(z) ** 2
            ),
            "brackets are missing: (logits - mean) / std, else only the mean is divided": lambda z: (
                z - z.mean(1, True) / std(z)
            ),
            "the rows run from 0 to 1: you used the smallest and the largest entry, not mean and standard deviation": lambda z: (
                (z - z.amin(1, True)) / (z.amax(1, True) - z.amin(1, True))
            ),
            "you divided the row by its length; take off the mean, then divide by the standard deviation": lambda z: (
                F.normalize(z, dim=1)
            ),
            "this is the softmax of the logits; no softmax here: standardise the logits": lambda z: (
                F.softmax(z, dim=1)
            ),
            "you applied softmax after it; return the standardised logits": lambda z: F.softmax(
                right(z), dim=1
            ),
        }
        expected = standardise(logits) if correction else right(logits)
        said = report(answer, (logits,), expected, mistakes)
        return said, said in ("[ok] right", *(f"[wrong] {words}" for words in mistakes))

    said, known = verdict(correction=0)
    return said if known else verdict(correction=1)[0]


def check_other_classes(answer: Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]) -> str:
    """Check the distribution over the other classes: (logits (B, K), labels (B,), T) → (B, K -
    1)."""
    logits = random_logits(6)
    case = (logits, labels_at(logits, (0, 0, 0, 1, 4, 2)), 4.0)
    never = -torch.inf
    mistakes = {
        "the rows do not sum to 1: this is the softmax over all classes with one left out; divide by the sum of the others": lambda z, y, t: (
            without(soften(z, t), y)
        ),
        "the temperature is missing: divide the logits by it": lambda z, y, t: F.softmax(
            without(z, y), dim=1
        ),
        "you multiplied by the temperature; divide the logits by it": lambda z, y, t: F.softmax(
            without(z, y) * t, dim=1
        ),
        "the true class is still there: a logit of 0 is not 'no class', exp(0) is 1; leave it out": lambda z, y, t: (
            soften(put(z, y, 0.0), t)
        ),
        "you set the true class's logit to 0, so it took a share of the softmax (exp(0) is 1); leave it out before the softmax": lambda z, y, t: (
            without(soften(put(z, y, 0.0), t), y)
        ),
        "the numbers are right, but the true class still has a column, of 0; leave it out: (B, K - 1)": lambda z, y, t: (
            soften(put(z, y, never), t)
        ),
        "you set the true class's probability to 0 after the softmax: the rows no longer sum to 1; leave it out before": lambda z, y, t: (
            put(soften(z, t), y, 0.0)
        ),
        "this is the distribution over all classes; leave the true one out": lambda z, y, t: soften(
            z, t
        ),
        "you left out the class that the teacher answers; leave out the label, the teacher may be wrong": lambda z, y, t: (
            soften(without(z, z.argmax(1)), t)
        ),
        "you left out class 0 in every row; leave out the row's own label": lambda z, y, t: soften(
            z[:, 1:], t
        ),
        "these are log-probabilities: use softmax, not log_softmax": lambda z, y, t: F.log_softmax(
            without(z, y) / t, dim=1
        ),
    }
    return report(answer, case, soften(without(case[0], case[1]), case[2]), mistakes)


def check_lumped(answer: Callable[[torch.Tensor, int], torch.Tensor]) -> str:
    """Check the largest entries and a bin: (probabilities (B, K), count) → (B, count + 1)."""
    case = (soften(random_logits(7), 2.0), 3)

    def top(p: torch.Tensor, n: int) -> torch.Tensor:
        return p.topk(n, dim=1).values

    def with_rest(chosen: torch.Tensor) -> torch.Tensor:
        return torch.cat([chosen, 1 - chosen.sum(1, True)], dim=1)

    def in_order_of_classes(p: torch.Tensor, n: int) -> torch.Tensor:
        return p.gather(1, p.topk(n, dim=1).indices.sort(dim=1).values)

    mistakes = {
        "the rest is missing: add one more entry, the sum of all others": top,
        "you shared the rest out among the largest; keep it as an entry of its own": lambda p, n: (
            top(p, n) / top(p, n).sum(1, True)
        ),
        "the last entry is the mean of the others; take their sum": lambda p, n: torch.cat(
            [top(p, n), (1 - top(p, n).sum(1, True)) / (p.shape[1] - n)], dim=1
        ),
        "the last entry is the next largest only; take the sum of all others": lambda p, n: top(
            p, n + 1
        ),
        "you kept one entry too many before the rest": lambda p, n: with_rest(top(p, n + 1)),
        "these are the smallest entries; keep the largest": lambda p, n: with_rest(
            p.topk(n, dim=1, largest=False).values
        ),
        "these are the first classes, not the largest entries": lambda p, n: with_rest(p[:, :n]),
        "the largest entries are in the order of their classes; the largest comes first": lambda p, n: (
            with_rest(in_order_of_classes(p, n))
        ),
        "the largest entries are in rising order; the largest comes first": lambda p, n: with_rest(
            top(p, n).flip(1)
        ),
        "the rest comes last, you put it first": lambda p, n: with_rest(top(p, n)).roll(1, dims=1),
    }
    return report(answer, case, with_rest(top(*case)), mistakes)


def check_swap(answer: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> str:
    """Check the exchange of a wrong answer with the true class: (B, K), labels (B,) → (B, K)."""
    logits = random_logits(8)
    labels = labels_at(logits, (0, 2, 0, 1, 5, 2))
    wrong = mistaken(logits, labels)
    given = value = None

    def watched(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        nonlocal given, value
        given = z
        value = answer(z, y)
        return value

    def both(z: torch.Tensor, y: torch.Tensor, number: torch.Tensor | float) -> torch.Tensor:
        return torch.where(wrong[:, None], put(put(z, y, number), z.argmax(1), number), z)

    def rolled(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        steps = (y - z.argmax(dim=1)).tolist()
        return torch.stack([row.roll(step) for row, step in zip(z, steps, strict=True)])

    mistakes = {
        "nothing has changed (a line like logits[wrong][...] = ... writes into a copy)": lambda z, y: (
            z
        ),
        "both entries hold the answer's number now: keep a copy of the true class's number before you write over it": lambda z, y: (
            both(z, y, z.amax(1, True))
        ),
        "both entries hold the true class's old number now: keep a copy of the answer's number before you write over it": lambda z, y: (
            both(z, y, z.gather(1, y[:, None]))
        ),
        "you set both entries to 0; exchange them": lambda z, y: both(z, y, 0.0),
        "you set the wrong answer's entry to 0; exchange it with the true class's": lambda z, y: (
            torch.where(wrong[:, None], put(z, z.argmax(1), 0.0), z)
        ),
        "you exchanged the answer with class 0; exchange it with the row's own label": lambda z, y: (
            swap_mistakes(z, y.where(~wrong, 0))
        ),
        "the whole row has moved along; exchange two entries and leave the others where they are": rolled,
        "the rows with a wrong answer are missing; keep every row": lambda z, y: z[~wrong],
        "these are probabilities; return the exchanged logits": lambda z, y: F.softmax(
            swap_mistakes(z, y), dim=1
        ),
    }
    said = report(watched, (logits, labels), swap_mistakes(logits, labels), mistakes)
    if said.startswith(("[ok]", "[todo]")) and not torch.equal(given, logits):
        return f"[wrong] {IN_PLACE}"
    if said.endswith("not one of the known mistakes"):  # so the shape is right: how large is it?
        value = torch.as_tensor(value).detach().double()
        own = value.gather(1, labels[:, None])
        only_own_changed = torch.allclose(value, put(logits.double(), labels, own), atol=1e-6)
        if only_own_changed and (own > logits.amax(1, True))[wrong].all():
            return f"[wrong] {TOO_LARGE}"
    return said


def check_mistakes(answer: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> str:
    """Check where the teacher is wrong: (B, K), (B,) with -100 where hidden → (B,) bool."""
    logits = random_logits(11)  # the teacher answers 0 to a hidden image
    hidden = torch.tensor([False, True, False, True, False, True])
    labels = labels_at(logits, (0, 0, 1, 0, 3, 0)).masked_fill(hidden, UNLABELLED)
    mistakes = {
        "hidden labels (-100) count as wrong; nobody knows that they are: leave them False": lambda z, y: (
            z.argmax(1) != y
        ),
        "hidden labels (-100) were taken for class 0; leave them False": lambda z, y: (
            z.argmax(1) != y.clamp(min=0)
        ),
        "these are the images that the teacher gets right": lambda z, y: z.argmax(1) == y,
        "these are the images that are not wrong: turn True and False round": lambda z, y: (
            ~mistaken(z, y)
        ),
        "this is the number of wrong answers; return True or False for each image": lambda z, y: (
            mistaken(z, y).sum()
        ),
        "this is a number, and it counts the hidden labels too; return True or False for each image": lambda z, y: (
            (z.argmax(1) != y).sum()
        ),
        "this is the share of wrong answers; return True or False for each image": lambda z, y: (
            mistaken(z, y).double().mean()
        ),
        "these are the places of the wrong answers; return True or False for each image": lambda z, y: (
            mistaken(z, y).nonzero().flatten()
        ),
        "these are the places of the wrong answers, as a column; return True or False for each image": lambda z, y: (
            mistaken(z, y).nonzero()
        ),
        "the hidden images are missing; they stay in, as False": lambda z, y: mistaken(z, y)[
            y != UNLABELLED
        ],
        "you compared with the teacher's second best class; its answer is the best": lambda z, y: (
            (z.topk(2, 1).indices[:, 1] != y) & (y != UNLABELLED)
        ),
        "an answer is wrong also where the true class comes second": lambda z, y: (
            (z.topk(2, 1).indices != y[:, None]).all(1) & (y != UNLABELLED)
        ),
    }
    return report(answer, (logits, labels), mistaken(logits, labels), mistakes)


def check_trust(answer: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> str:
    """Check weights by the teacher's cross-entropy: (logits (B, K), labels (B,)) → exp(-CE)
    (B,)."""
    logits = random_logits(10)
    case = (logits, labels_at(logits, (0, 1, 0, 2, 1, 3)))
    mistakes = {
        "this is the cross-entropy; the weight is exp(-CE)": lambda z, y: F.cross_entropy(
            z, y, reduction="none"
        ),
        "this is one number, from the mean cross-entropy; each image needs its own weight: reduction='none'": lambda z, y: (
            torch.exp(-F.cross_entropy(z, y))
        ),
        "this is the mean cross-entropy; take it for each image (reduction='none'), then exp(-CE)": F.cross_entropy,
        "this is the mean weight; each image keeps its own": lambda z, y: trust_weights(
            z, y
        ).mean(),
        "this is the teacher's top probability, right or wrong; take the true class's": lambda z, y: (
            F.softmax(z, 1).amax(1)
        ),
        "this is 1 minus the weight: it trusts the teacher most where it is wrong": lambda z, y: (
            1 - trust_weights(z, y)
        ),
        "this is the logarithm of the weight; take exp of it": lambda z, y: (
            -F.cross_entropy(z, y, reduction="none")
        ),
        "the sign is missing, exp(+CE) grows with the mistake: exp(-CE)": lambda z, y: (
            1 / trust_weights(z, y)
        ),
        "this weight is all or nothing; a teacher who is wrong a little keeps a part of it": lambda z, y: (
            ~mistaken(z, y)
        ),
        "the weights are divided by their sum; leave them as they are": lambda z, y: (
            trust_weights(z, y) / trust_weights(z, y).sum()
        ),
    }
    return report(answer, case, trust_weights(*case), mistakes)


def labels_at(logits: torch.Tensor, places: tuple[int, ...]) -> torch.Tensor:
    """Labels that stand at these places of the teacher's order: 0 where it is right."""
    return logits.argsort(dim=1, descending=True).gather(1, torch.tensor(places)[:, None])[:, 0]


def without(values: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """All columns but the row's own label: (B, K), (B,) → (B, K - 1)."""
    return values[~F.one_hot(labels, values.shape[1]).bool()].view(len(values), -1)


def put(values: torch.Tensor, labels: torch.Tensor, number: torch.Tensor | float) -> torch.Tensor:
    """A copy with this number, or (B, 1) one for each row, at the row's own label."""
    return values.scatter(1, labels[:, None], number)
