"""Self-checks of the exercises on ensembles and specialists: a known mistake gets its sentence."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from kd_course.exercises import random_logits, report
from kd_course.nb03_confidence.checks import IN_PLACE
from kd_course.progress import exercise
from kd_helpers.data.class_groups import special_labels
from kd_helpers.data.splits import UNLABELLED
from kd_helpers.methods.targets import soften
from kd_helpers.teachers.ensemble import joined_logits
from kd_helpers.teachers.specialists import correct_dustbin


@exercise(
    hint="soften every member at T over the last dimension, then take the mean over the first",
    place="Part 1: three means, three teachers",
    why="a mean of distributions is a distribution: it says what either member finds possible",
)
def check_arithmetic(answer: Callable[[torch.Tensor, float], torch.Tensor]) -> str:
    """Check the arithmetic mean: (member logits (M, B, K), T) → probabilities (B, K)."""
    z, t = torch.stack([random_logits(21), random_logits(22), random_logits(23)]), 4.0
    right = soften(joined_logits(z, mean="arithmetic", temperature=t), t)
    p, plain = soften(z, t), soften(z, 1)  # of every member
    mistakes = {
        "you averaged the logits: that is the geometric mean. "
        "Soften each member first, then average": soften(z.mean(0), t),
        "the temperature is missing: soften every member with it": plain.mean(0),
        "you averaged at T = 1 and softened the mean; "
        "soften every member at T, then average": soften(plain.mean(0).log(), t),
        "softmax comes twice: the mean of probabilities is a distribution already": right.softmax(
            1
        ),
        "softmax comes twice: you divided the mean of probabilities by T "
        "and applied softmax to it": soften(plain.mean(0), t),
        "you summed over the members; divide by their number": p.sum(0),
        "the members are all still there; take the mean over them (dim=0)": p,
        "you took the mean over the images (dim=1); the members are dim=0": p.mean(1),
        "you took the mean over the classes (dim=2); the members are dim=0": p.mean(2),
        "softmax ran over the members (dim=0); it belongs over the classes (dim=-1)": (z / t)
        .softmax(0)
        .mean(0),
        "softmax ran over the images (dim=1); it belongs over the classes (dim=-1)": (z / t)
        .softmax(1)
        .mean(0),
        "this is the product of the members; the mean adds them": p.prod(0),
        "this is the logarithm of the mean; return the mean": right.log(),
        "you multiplied by the temperature; divide the logits by it": soften(z, 1 / t).mean(0),
        "this is the first member alone": p[0],
    }
    return report(answer, (z, t), right, mistakes)


@exercise(
    hint=(
        "begin with every label in the dustbin, `torch.full_like(labels, len(group))`; then "
        "write the place of each special class, then -100 back"
    ),
    place="The dustbin",
    why="a specialist has len(group) + 1 outputs, and all that is not its own goes to the last",
)
def check_special_labels(
    answer: Callable[[torch.Tensor, tuple[int, ...], int], torch.Tensor],
) -> str:
    """Check labels as a specialist sees them: (labels (N,), group, K) → places in the group
    (N,)."""
    y = torch.tensor([3, 0, 7, UNLABELLED, 9, 5, 3, 9, UNLABELLED, 7])
    group, dustbin, classes = (3, 7, 9), 3, 10  # a class has the number of the dustbin
    own = torch.tensor([c in group for c in y.tolist()])

    def told(
        places: tuple[int, ...] = (0, 1, 2), other: int = dustbin, hidden: int = UNLABELLED
    ) -> torch.Tensor:
        known = dict(zip(group, places, strict=True)) | {UNLABELLED: hidden}
        return torch.tensor([known.get(c, other) for c in y.tolist()])

    mistakes = {
        "these are the old class numbers; a specialist counts its own classes from 0": told(
            places=group
        ),
        "these are the old class numbers: nothing has changed": y,
        "hidden labels (-100) went to the dustbin; nobody knows what they are: leave them": told(
            hidden=dustbin
        ),
        "hidden labels (-100) got a class of their own; leave them -100": told(hidden=-1),
        "the dustbin has the number of the last special class; it comes after it, len(group)": told(
            other=2
        ),
        "the other classes have place 0, which is the first special class; "
        "the dustbin is len(group)": told(other=0),
        "the dustbin comes last, at len(group), not first": told((1, 2, 3), other=0),
        "the places begin at 1; begin at 0": told((1, 2, 3), other=4),
        "the dustbin has the number K; a specialist has len(group) + 1 outputs only": told(
            other=classes
        ),
        "the other classes are hidden (-100) now; they go to the dustbin, len(group)": told(
            other=UNLABELLED
        ),
        "the images of other classes are missing; they stay in, for the dustbin": told()[
            own | (y < 0)
        ],
        "the hidden images are missing; they stay in, as -100": told()[y >= 0],
        "this says whether a label is special; return its place in the group": own.int(),
    }
    case = (y, group, classes)
    return report(answer, case, special_labels(*case), mistakes)


@exercise(
    hint=(
        "add to the last logit the logarithm of a ratio: the odds, share / (1 − share), in "
        "training over the true ones"
    ),
    place="The dustbin",
    why="logits are logarithms of odds, so what the training did to the odds is a number to add",
)
def check_dustbin(answer: Callable[[torch.Tensor, float, float], torch.Tensor]) -> str:
    """Check the dustbin's correction: (logits (B, S + 1), share in training, true share) → logits.

    Softmax of them is compared, so that a constant added to a row does not matter.
    """
    z, seen, true = random_logits(24)[:, :3], 0.6, 0.3  # two classes: a summary shows the dustbin
    ratio = (seen / (1 - seen)) / (true / (1 - true))
    raised, dustbin = math.log(ratio), torch.tensor([0.0, 0.0, 1.0])
    mistakes = {
        "nothing has changed": z,
        "the sign is the other way round: special images were seen too often, "
        "so the dustbin must go up": z - raised * dustbin,
        "the logarithm is missing: add the log of the ratio": z + ratio * dustbin,
        "you took the ratio of the shares; take that of the odds, share / (1 - share)": z
        + math.log(seen / true) * dustbin,
        "you took the ratio of the shares of the others only; "
        "take that of the odds, share / (1 - share)": z
        + math.log((1 - true) / (1 - seen)) * dustbin,
        "you took the logarithm to the base 2 (or 10); softmax needs the natural one": z
        + math.log2(ratio) * dustbin,
        "you took the logarithm to the base 10; softmax needs the natural one": z
        + math.log10(ratio) * dustbin,
        "you multiplied the dustbin's logit; add to it": z * ratio**dustbin,
        "you changed the first logit; the dustbin is the last": z + raised * dustbin.flip(0),
        "you raised every logit: softmax does not see that. Raise the dustbin's only": z + raised,
        "you raised the special classes; the dustbin, the last, must go up": z
        + raised * (1 - dustbin),
    }
    right, given = correct_dustbin(z, seen, true), []

    def as_logits(logits: torch.Tensor, *shares: float) -> object:
        given.append(logits)
        value = answer(logits, *shares)
        fits = isinstance(value, torch.Tensor) and value.shape == z.shape
        # Lowering all others is as right as raising the dustbin.
        if fits and torch.allclose(value.double().softmax(1), right.double().softmax(1), atol=1e-6):
            return right
        return value

    said = report(as_logits, (z, seen, true), right, mistakes)
    changed = given and not torch.equal(given[0], z)
    return f"[wrong] {IN_PLACE}" if changed and said == "[ok] right" else said
