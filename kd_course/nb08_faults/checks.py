"""Self-checks of the exercises on faults, in the manner of `checks`."""

from __future__ import annotations

from collections.abc import Callable

import torch

from kd_course.exercises import NOT_YET, random_logits, report
from kd_course.nb08_faults.faulty_losses import RIGHT, pull, soft_term
from kd_helpers.methods.hinton import hard_loss, kd_loss

TO_FIND = (
    "mean",
    "no T²",
    "roles swapped",
    "no logarithm",
    "softmax twice",
    "teacher against itself",
)
SoftTerm = Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]


def check_ratio(answer: Callable[..., torch.Tensor]) -> str:
    """Check the gradient ratio: (student_logits (B, K), teacher_logits, labels (B,), T, kd_weight)
    → length of the soft term's gradient over that of the hard term's, each with its weight."""
    labels = torch.tensor([1, 0, 4, 9, 2, 7])
    case = (random_logits(61).requires_grad_(), random_logits(62), labels, 4.0, 0.8)
    return report(answer, case, ratio(*case), RATIO_MISTAKES)


def ratio(
    z: torch.Tensor,
    v: torch.Tensor,
    y: torch.Tensor,
    t: float,
    w: float,
    *,
    soft: float | None = None,
    hard: float | None = None,
) -> torch.Tensor:
    """soft, hard: in place of the weights of the two terms."""
    above = pull(soft_term(z, v, t, RIGHT), z) * (w if soft is None else soft)
    return above / (pull(hard_loss(z, y), z) * (1 - w if hard is None else hard))


RATIO_MISTAKES = {
    "the weights are missing: kd_weight before the soft term, 1 - kd_weight before the hard one": lambda z, v, y, t, w: (
        ratio(z, v, y, t, w, soft=1, hard=1)
    ),
    "upside down: the soft term's length over the hard term's": lambda *case: 1 / ratio(*case),
    "the weights are swapped": lambda z, v, y, t, w: ratio(z, v, y, t, 1 - w),
    "the hard term lacks its weight 1 - kd_weight": lambda z, v, y, t, w: ratio(
        z, v, y, t, w, hard=1
    ),
    "the soft term lacks its weight kd_weight": lambda z, v, y, t, w: ratio(z, v, y, t, w, soft=1),
    "T² is missing": lambda z, v, y, t, w: ratio(z, v, y, t, w, soft=w / t**2),
    "these are squared lengths: take the root, or `norm`": lambda *case: ratio(*case) ** 2,
    "these are the losses, not their gradients": lambda z, v, y, t, w: (
        w * kd_loss(z, v, temperature=t) / ((1 - w) * hard_loss(z, y))
    ).detach(),
    "these are the losses, without their weights; take their gradients": lambda z, v, y, t, w: (
        kd_loss(z, v, temperature=t) / hard_loss(z, y)
    ).detach(),
    "this is the length of the soft gradient alone; divide by that of the hard one": lambda z, v, y, t, w: (
        w * pull(soft_term(z, v, t, RIGHT), z)
    ),
}


def check_detector(answer: Callable[[SoftTerm], bool]) -> str:
    """Check a detector: it gets a soft term, (student_logits, teacher_logits, T) → scalar, and says
    whether it is the right one. It is tried on the right one and on six wrong ones."""
    try:
        said = answer(lambda s, t, temperature: soft_term(s, t, temperature, RIGHT))
    except AssertionError:
        said = False
    except Exception as problem:
        return f"[error] your function stopped with {type(problem).__name__}: {problem}"
    if said is ...:
        return f"[todo] {NOT_YET}"
    if not truth(answer, RIGHT):
        return "[wrong] your detector refuses the right soft term"
    missed = [fault for fault in TO_FIND if truth(answer, fault)]
    if missed:
        return f"[wrong] your detector lets these through: {', '.join(missed)}"
    return f"[ok] right: it lets the right one through and finds all {len(TO_FIND)} faults"


def truth(answer: Callable[[SoftTerm], bool], fault: str) -> bool:
    """Whether the detector accepts a soft term; an assertion that fails is a no."""
    try:
        said = answer(lambda s, t, temperature: soft_term(s, t, temperature, fault))
    except Exception:  # an assertion, or another protest: a no
        return False
    return said is None or bool(said)  # a detector made of assertions returns nothing
