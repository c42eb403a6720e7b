"""Self-checks of the exercises on ensembles and specialists, in the manner of `checks`."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.nn import functional as F

from kd_course.exercises import random_logits, report
from kd_course.nb03_confidence.checks import IN_PLACE
from kd_helpers.data.class_groups import special_labels
from kd_helpers.data.splits import UNLABELLED
from kd_helpers.methods.targets import soften
from kd_helpers.teachers.ensemble import joined_logits
from kd_helpers.teachers.specialists import correct_dustbin


def check_arithmetic(answer: Callable[[torch.Tensor, float], torch.Tensor]) -> str:
    """Check the arithmetic mean: (member logits (M, B, K), T) → probabilities (B, K)."""
    logits = torch.stack([random_logits(21), random_logits(22), random_logits(23)])
    case = (logits, 4.0)

    def right(z: torch.Tensor, t: float) -> torch.Tensor:
        return soften(joined_logits(z, mean="arithmetic", temperature=t), t)

    mistakes = {
        "you averaged the logits: that is the geometric mean. Soften each member first, then average": lambda z, t: (
            soften(z.mean(0), t)
        ),
        "the temperature is missing: soften every member with it": lambda z, t: F.softmax(
            z, -1
        ).mean(0),
        "you averaged at T = 1 and softened the mean; soften every member at T, then average": lambda z, t: (
            soften(F.softmax(z, -1).mean(0).log(), t)
        ),
        "softmax comes twice: the mean of probabilities is a distribution already": lambda z, t: (
            F.softmax(right(z, t), -1)
        ),
        "softmax comes twice: you divided the mean of probabilities by T and applied softmax to it": lambda z, t: (
            soften(F.softmax(z, -1).mean(0), t)
        ),
        "you summed over the members; divide by their number": lambda z, t: soften(z, t).sum(0),
        "the members are all still there; take the mean over them (dim=0)": soften,
        "you took the mean over the images (dim=1); the members are dim=0": lambda z, t: soften(
            z, t
        ).mean(1),
        "you took the mean over the classes (dim=2); the members are dim=0": lambda z, t: soften(
            z, t
        ).mean(2),
        "softmax ran over the members (dim=0); it belongs over the classes (dim=-1)": lambda z, t: (
            F.softmax(z / t, 0).mean(0)
        ),
        "softmax ran over the images (dim=1); it belongs over the classes (dim=-1)": lambda z, t: (
            F.softmax(z / t, 1).mean(0)
        ),
        "this is the product of the members; the mean adds them": lambda z, t: soften(z, t).prod(0),
        "this is the logarithm of the mean; return the mean": lambda z, t: right(z, t).log(),
        "you multiplied by the temperature; divide the logits by it": lambda z, t: F.softmax(
            z * t, -1
        ).mean(0),
        "this is the first member alone": lambda z, t: soften(z[0], t),
    }
    return report(answer, case, right(*case), mistakes)


def check_special_labels(
    answer: Callable[[torch.Tensor, tuple[int, ...], int], torch.Tensor],
) -> str:
    """Check labels as a specialist sees them: (labels (N,), group, K) → places in the group
    (N,)."""
    labels = torch.tensor([3, 0, 7, UNLABELLED, 9, 5, 3, 9, UNLABELLED, 7])
    case = (labels, (3, 7, 9), 10)  # class 3 has the number of the dustbin

    def changed(y: torch.Tensor, g: tuple[int, ...], k: int, **rules: Callable) -> torch.Tensor:
        values = {"own": g.index, "other": lambda c: len(g), "hidden": lambda c: UNLABELLED} | rules
        kinds = ("hidden" if c < 0 else "own" if c in g else "other" for c in y.tolist())
        return torch.tensor([values[kind](c) for kind, c in zip(kinds, y.tolist(), strict=True)])

    mistakes = {
        "these are the old class numbers; a specialist counts its own classes from 0": lambda y, g, k: (
            changed(y, g, k, own=lambda c: c)
        ),
        "these are the old class numbers: nothing has changed": lambda y, g, k: y,
        "hidden labels (-100) went to the dustbin; nobody knows what they are: leave them": lambda y, g, k: (
            changed(y, g, k, hidden=lambda c: len(g))
        ),
        "hidden labels (-100) got a class of their own; leave them -100": lambda y, g, k: changed(
            y, g, k, hidden=lambda c: -1
        ),
        "the dustbin has the number of the last special class; it comes after it, len(group)": lambda y, g, k: (
            changed(y, g, k, other=lambda c: len(g) - 1)
        ),
        "the other classes have place 0, which is the first special class; the dustbin is len(group)": lambda y, g, k: (
            changed(y, g, k, other=lambda c: 0)
        ),
        "the dustbin comes last, at len(group), not first": lambda y, g, k: changed(
            y, g, k, own=lambda c: g.index(c) + 1, other=lambda c: 0
        ),
        "the places begin at 1; begin at 0": lambda y, g, k: changed(
            y, g, k, own=lambda c: g.index(c) + 1, other=lambda c: len(g) + 1
        ),
        "the dustbin has the number K; a specialist has len(group) + 1 outputs only": lambda y, g, k: (
            changed(y, g, k, other=lambda c: k)
        ),
        "the other classes are hidden (-100) now; they go to the dustbin, len(group)": lambda y, g, k: (
            changed(y, g, k, other=lambda c: UNLABELLED)
        ),
        "the images of other classes are missing; they stay in, for the dustbin": lambda y, g, k: (
            changed(y, g, k)[torch.tensor([c in g or c < 0 for c in y.tolist()])]
        ),
        "the hidden images are missing; they stay in, as -100": lambda y, g, k: changed(y, g, k)[
            y >= 0
        ],
        "this says whether a label is special; return its place in the group": lambda y, g, k: (
            changed(y, g, k, own=lambda c: 1, other=lambda c: 0, hidden=lambda c: 0)
        ),
    }
    return report(answer, case, special_labels(*case), mistakes)


def check_dustbin(answer: Callable[[torch.Tensor, float, float], torch.Tensor]) -> str:
    """Check the dustbin's correction: (logits (B, S + 1), share in training, true share) → logits.

    Softmax of them is compared, so that a constant added to a row does not matter.
    """
    case = (random_logits(24)[:, :3], 0.6, 0.3)  # two classes, so a summary shows the dustbin

    def last(z: torch.Tensor, change: float) -> torch.Tensor:
        return torch.cat([z[:, :-1], z[:, -1:] + change], dim=1)

    def odds(share: float) -> float:
        return share / (1 - share)

    mistakes = {
        "nothing has changed": lambda z, s, t: z,
        "the sign is the other way round: special images were seen too often, so the dustbin must go up": lambda z, s, t: (
            last(z, -math.log(odds(s) / odds(t)))
        ),
        "the logarithm is missing: add the log of the ratio": lambda z, s, t: last(
            z, odds(s) / odds(t)
        ),
        "you took the ratio of the shares; take that of the odds, share / (1 - share)": lambda z, s, t: (
            last(z, math.log(s / t))
        ),
        "you took the ratio of the shares of the others only; take that of the odds, share / (1 - share)": lambda z, s, t: (
            last(z, math.log((1 - t) / (1 - s)))
        ),
        "you took the logarithm to the base 2 (or 10); softmax needs the natural one": lambda z, s, t: (
            last(z, math.log2(odds(s) / odds(t)))
        ),
        "you took the logarithm to the base 10; softmax needs the natural one": lambda z, s, t: (
            last(z, math.log10(odds(s) / odds(t)))
        ),
        "you multiplied the dustbin's logit; add to it": lambda z, s, t: torch.cat(
            [z[:, :-1], z[:, -1:] * odds(s) / odds(t)], 1
        ),
        "you changed the first logit; the dustbin is the last": lambda z, s, t: torch.cat(
            [z[:, :1] + math.log(odds(s) / odds(t)), z[:, 1:]], 1
        ),
        "you raised every logit: softmax does not see that. Raise the dustbin's only": lambda z, s, t: (
            z + math.log(odds(s) / odds(t))
        ),
        "you raised the special classes; the dustbin, the last, must go up": lambda z, s, t: (
            torch.cat([z[:, :-1] + math.log(odds(s) / odds(t)), z[:, -1:]], 1)
        ),
    }

    changed = False

    def as_logits(logits: torch.Tensor, *shares: float) -> object:
        nonlocal changed
        before = logits.clone()
        value = answer(logits, *shares)
        changed = not torch.equal(before, logits)
        # Lowering all others is as right as raising the dustbin.
        fits = isinstance(value, torch.Tensor) and value.shape == case[0].shape
        if fits and torch.allclose(
            F.softmax(value.double(), 1), F.softmax(correct_dustbin(*case).double(), 1), atol=1e-6
        ):
            return correct_dustbin(*case)
        return value

    said = report(as_logits, case, correct_dustbin(*case), mistakes)
    return f"[wrong] {IN_PLACE}" if changed and said == "[ok] right" else said
