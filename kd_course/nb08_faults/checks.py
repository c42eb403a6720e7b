"""Self-checks of the exercises on faults: a known mistake gets its sentence."""

from __future__ import annotations

from collections.abc import Callable

import torch

from kd_course.exercises import NOT_YET, random_logits, report
from kd_course.nb08_faults.faulty_losses import RIGHT, pull, soft_term
from kd_course.progress import exercise
from kd_helpers.methods.hinton import kd_loss
from kd_helpers.methods.terms import hard_loss

TO_FIND = (
    "mean",
    "no T²",
    "roles swapped",
    "no logarithm",
    "softmax twice",
    "teacher against itself",
)
SoftTerm = Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]


@exercise(
    hint=(
        "`torch.autograd.grad` of each weighted term by the student's logits, then `norm`, "
        "then divide"
    ),
    place="The museum",
    why="both gradients end in the same logits, so they can be compared where the losses cannot",
)
def check_ratio(answer: Callable[..., torch.Tensor]) -> str:
    """Check the gradient ratio: (student_logits (B, K), teacher_logits, labels (B,), T, kd_weight)
    → length of the soft term's gradient over that of the hard term's, each with its weight."""
    z, v, y = (
        random_logits(61).requires_grad_(),
        random_logits(62),
        torch.tensor([1, 0, 4, 9, 2, 7]),
    )
    t, w = 3.0, 0.8  # with T = 4 swapped weights would look like a missing T²
    terms = kd_loss(z, v, temperature=t), hard_loss(z, y)
    soft, hard = (pull(term, z) for term in terms)
    right = w * soft / ((1 - w) * hard)
    losses = (terms[0] / terms[1]).detach()
    mistakes = {
        "the weights are missing: kd_weight before the soft term, "
        "1 - kd_weight before the hard one": soft / hard,
        "upside down: the soft term's length over the hard term's": 1 / right,
        "the weights are swapped": (1 - w) * soft / (w * hard),
        "the hard term lacks its weight 1 - kd_weight": w * soft / hard,
        "the soft term lacks its weight kd_weight": soft / ((1 - w) * hard),
        "T² is missing": right / t**2,
        "these are squared lengths: take the root, or `norm`": right**2,
        "these are the losses, not their gradients": w / (1 - w) * losses,
        "these are the losses, without their weights; take their gradients": losses,
        "this is the length of the soft gradient alone; divide by that of the hard one": w * soft,
    }
    return report(answer, (z, v, y, t, w), right, mistakes)


@exercise(
    hint=(
        "give it logits of which you know the loss: equal ones must give 0; exchange the two; "
        "double T"
    ),
    place="The one assertion",
)
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
    if not accepts(answer, RIGHT):
        return "[wrong] your detector refuses the right soft term"
    missed = [fault for fault in TO_FIND if accepts(answer, fault)]
    if missed:
        return f"[wrong] your detector lets these through: {', '.join(missed)}"
    return f"[ok] right: it lets the right one through and finds all {len(TO_FIND)} faults"


def accepts(answer: Callable[[SoftTerm], bool], fault: str) -> bool:
    """Whether the detector accepts a soft term; an assertion that fails is a no."""
    try:
        said = answer(lambda s, t, temperature: soft_term(s, t, temperature, fault))
    except Exception:  # an assertion, or another protest: a no
        return False
    return said is None or bool(said)  # a detector made of assertions returns nothing
