"""Self-checks of the exercises: they say which known mistake an answer makes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from kd_course.answer_pictures import beside_mistakes
from kd_course.progress import Right, exercise
from kd_helpers.data.splits import UNLABELLED
from kd_helpers.methods.hinton import kd_loss
from kd_helpers.methods.targets import smooth_labels, soften
from kd_helpers.methods.terms import hard_loss

NO_RETURN = "your function gives nothing back: end it with `return …`"
NO_GRADIENT = (
    "the number is right, but no gradient comes back through it, so nothing would be learnt: leave "
    "out .item(), .detach() and .numpy()"
)
NOT_YET = "not answered yet: replace the line under the exercise, run it, then run this cell again"


def random_logits(seed: int) -> torch.Tensor:
    return 3 * torch.randn(6, 10, generator=torch.Generator().manual_seed(seed))


KD_CASE = (random_logits(1), random_logits(2), 4.0)


@exercise(
    hint=(
        "`logits.argmax(dim=1)` is the answer; compare it with the labels and take the mean "
        "of the comparison, as numbers (`.float()`)"
    ),
    place="How exercises work",
    why="True counts 1 and False 0, so the mean of the comparison is the share",
)
def check_accuracy(answer: Callable) -> str:
    """Check the share of right answers: (logits (N, K), labels (N,)) → 0..1."""
    z = random_logits(3)
    y = torch.cat([z[:4].argmax(dim=1), (z[4:].argmax(dim=1) + 1) % 10])
    right = z.argmax(dim=1) == y
    mistakes: dict[str, torch.Tensor | float] = {
        "this is the number of right answers; divide it by the number of images": right.sum(),
        "this is in percent; the share runs from 0 to 1": 100 * 4 / 6,
        "this is the share of wrong answers": 2 / 6,
        "take the average over the images: this is still one value an image": right,
    }
    return report(answer, (z, y), 4 / 6, mistakes)


@exercise(
    hint="divide the logits by the temperature, then softmax over the classes, `dim=1`",
    place="Name it: temperature",
    why=(
        "dividing the logits keeps their order and shrinks their distances, and each row "
        "still sums to 1"
    ),
)
def check_soften(answer: Callable) -> str:
    """Check a softmax with temperature: (logits (B, K), T) → probabilities (B, K)."""
    z, t = random_logits(0), 3.0
    right = soften(z, t)
    p, over_batch = soften(z, 1), F.softmax(z / t, dim=0)
    mistakes = {
        "you multiplied by the temperature; divide the logits by it": soften(z, 1 / t),
        "the temperature has no effect": p,
        "you divided the probabilities, not the logits: the rows no longer sum to 1": p / t,
        "softmax runs over the batch (dim=0); it belongs over the classes (dim=1)": over_batch,
        "you applied softmax twice": soften(p, t),
        "this is the logarithm of the right answer: use softmax, not log_softmax": right.log(),
    }
    return report(answer, (z, t), right, mistakes)


@exercise(
    hint="begin with `one_hot(labels, K).float()`, multiply it by 1 − ε, then add ε/K everywhere",
    place="A smoothed label is not a soft label",
    why="each row sums to (1 − ε) + K · ε/K = 1",
)
def check_smooth_labels(answer: Callable) -> str:
    """Check label smoothing: (labels (B,), K, ε) → targets (B, K)."""
    y, k, e = torch.tensor([0, 3, 9]), 10, 0.2
    hard = F.one_hot(y, k)
    mistakes = {
        "the label is not smoothed at all": hard,
        "the rows do not sum to 1: scale the one-hot part by (1 - ε)": hard + e / k,
        "you shared ε among the K - 1 other classes; the usual definition gives every class ε/K, "
        "the true one too": hard * (1 - e - e / (k - 1)) + e / (k - 1),
        "you added ε to every class; add ε/K": hard * (1 - e) + e,
    }
    return report(answer, (y, k, e), smooth_labels(y, k, e), mistakes)


@exercise(
    hint=(
        "add the matrix to its transpose, write 0 on the diagonal, then `argmax`; `divmod` by "
        "K turns its place into two numbers"
    ),
    place="Which classes are alike?",
    why="the mean of both directions does not depend on which of the two is the label",
)
def check_most_similar(answer: Callable, similarity: np.ndarray) -> str:
    """Check the pair of different classes that are most alike: matrix (K, K) → two numbers."""
    got, said = ask(answer, (similarity,))
    if said:
        return said
    try:
        pair = sorted(int(k) for k in got)
    except (TypeError, ValueError):
        return f"[wrong] expected two class numbers, got {got!r}"

    def largest(matrix: np.ndarray) -> list[int]:
        apart = np.where(np.eye(len(matrix)), -np.inf, matrix)
        return sorted(divmod(int(apart.argmax()), len(matrix)))

    if pair == largest(similarity + similarity.T):
        return "[ok] right"
    if len(pair) == 2 and pair[0] == pair[1]:
        return "[wrong] a class is most like itself: leave the diagonal out"
    if pair == largest(similarity):
        return "[wrong] you looked at one direction only: take the mean of both"
    advice = "expected another pair: set the diagonal to 0, then look for the largest"
    return f"[wrong] got {pair}, {advice}"


@exercise(
    hint=(
        "`kl_div` takes the student's log-probabilities first and the teacher's probabilities "
        "second; “batchmean” divides by the batch only"
    ),
    place="The loss, by hand",
    why=(
        "T² makes up for the two factors 1/T in the gradient, so α keeps its meaning when T changes"
    ),
)
def check_kd_loss(answer: Callable) -> str:
    """Check a distillation loss, T²·KL: (student_logits, teacher_logits, T) → scalar."""
    s, t, T = KD_CASE
    p, q = soften(t, T), soften(s, T)

    def loss(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        return T * T * F.kl_div(q.log(), p, reduction="batchmean")

    right = loss(p, q)
    twice = loss(soften(soften(t, 1), T), q), loss(p, soften(soften(s, 1), T))
    mistakes: dict[str, torch.Tensor | float] = {
        "T² is missing: the gradient shrinks as 1/T²": right / T**2,
        'reduction "mean" also divides by the number of classes; use "batchmean"': right / 10,
        'reduction "mean" divides by the number of classes, and T² is missing': right / T**2 / 10,
        'reduction "sum" does not divide by the batch; use "batchmean"': right * len(s),
        "roles swapped: the teacher's distribution is the target, "
        "the student's log-probabilities the input": loss(q, p),
        "softmax twice on the teacher: it gives logits, soften them once": twice[0],
        "softmax twice on the student: it gives logits, use log_softmax on them": twice[1],
        "the student's input must be log-probabilities: log_softmax, not softmax": loss(p, q.exp()),
        "the student needs the temperature as well": loss(p, soften(s, 1)),
        "the teacher needs the temperature as well": loss(soften(t, 1), q),
        "this is the cross-entropy with the soft target; it differs from KL "
        "by the teacher's entropy (same gradient)": -T * T * (p * q.log()).sum(1).mean(),
        "the factor is T², you used T": right / T,
        "the result is no number: kl_div takes the student's log-probabilities first, then the "
        "teacher's probabilities; are they exchanged, or the teacher's logarithms too?": torch.nan,
        "softmax runs over the batch (dim=0); it belongs over the classes (dim=1)": loss(
            F.softmax(t / T, dim=0), F.softmax(s / T, dim=0)
        ),
    }
    return report(answer, KD_CASE, kd_loss(s, t, temperature=T), mistakes, trains=True)


@exercise(
    hint=(
        "for one image the gradient of the KL is (q − p)/T; then come T² and the mean over "
        "the batch"
    ),
    place="What is T² for?",
    why=(
        "T² · 1/T leaves T, and the mean leaves 1/B: a pull from the student's distribution "
        "to the teacher's"
    ),
)
def check_gradient(answer: Callable) -> str:
    """Check the gradient of kd_loss for each image's student logits, without autograd: (B, K)."""
    s, t, T = KD_CASE
    right = T * (soften(s, T) - soften(t, T)) / len(s)
    mistakes = {
        "the factor 1/B of the batch mean is missing": right * len(s),
        "roles swapped: it is student minus teacher": -right,
        "T² is missing: T² · (student - teacher) / T = T · (student - teacher)": right / T**2,
        "you forgot that the chain rule through z/T gives a factor 1/T: T² · 1/T = T": right * T,
        "the distributions must be taken at temperature T": T * (soften(s, 1) - soften(t, 1)) / 6,
    }
    return report(answer, KD_CASE, right, mistakes)


@exercise(
    hint=(
        "make a mask, `labels != -100`, and use it on logits and labels before the "
        "cross-entropy; mind the batch in which it is empty"
    ),
    place="The laboratory",
    why="hidden labels neither pull nor dilute, and a batch without labels gives 0, not NaN",
)
def check_labelled_loss(answer: Callable) -> str:
    """Check the mean over labelled images: (B, K), (B,) with -100 where hidden → scalar."""
    z, y = random_logits(4), torch.tensor([1, -100, 4, -100, -100, 7])
    total = F.cross_entropy(z, y, reduction="sum")
    mistakes = {
        "you divided by all images; divide by the labelled ones": total / len(y),
        "you added the images up; take their mean": total,
        "the hidden labels were taken for class 0": F.cross_entropy(z, y.clamp(min=0)),
    }
    said = report(answer, (z, y), hard_loss(z, y), mistakes, trains=True)
    if not said.startswith("[ok]"):
        return said
    none = "without a single labelled image your loss is not a number; it must be 0"
    without = report(answer, (z, torch.full_like(y, UNLABELLED)), 0.0, {none: torch.nan})
    return said if without.startswith("[ok]") else without


def report(
    answer: Callable,
    case: tuple,
    expected: torch.Tensor | float,
    mistakes: Mapping[str, torch.Tensor | float],
    *,
    tolerance: float = 1e-4,
    trains: bool = False,
) -> str:
    """Compare an answer with the right value, then with that of each known mistake.

    tolerance: the share by which it may be off. trains: it is a loss of the first tensor, so a
    gradient must come back to that.
    """
    got, said = ask(answer, case, trains)
    if said:
        return said
    try:
        value = torch.as_tensor(got).detach().double()
    except Exception:
        return f"[wrong] expected a tensor, got {short(got)}"

    def same(goal: torch.Tensor | float) -> bool:
        goal = torch.as_tensor(goal).detach().double()
        fits = value.shape == goal.shape
        return fits and torch.allclose(value, goal, tolerance, 1e-6, equal_nan=True)

    expected = torch.as_tensor(expected)
    if same(expected) and not value.isnan().any():
        lost = trains and not has_gradient(got)
        return f"[wrong] {NO_GRADIENT}" if lost else right(expected, mistakes)
    for words, wrong in mistakes.items():
        if same(wrong):
            return f"[wrong] {words}"
    if value.shape != expected.shape:
        return f"[wrong] expected shape {tuple(expected.shape)}, got {tuple(value.shape)}"
    numbers = f"expected {summary(expected)}, got {summary(value)}"
    return f"[wrong] {numbers}: not one of the known mistakes"


def right(expected: torch.Tensor, mistakes: Mapping[str, torch.Tensor | float]) -> Right:
    said = Right("[ok] right")
    said.picture = beside_mistakes(expected.detach(), mistakes)
    return said


def ask(answer: Callable, case: tuple, trains: bool = False) -> tuple[Any, str]:
    """What the answer gives for the case; or what to say of it where it gives nothing."""
    first, *rest = copy.deepcopy(case)  # so that an answer that works in place spoils nothing
    try:
        value = answer(first.requires_grad_() * 1 if trains else first, *rest)
    except Exception as problem:
        given = ", ".join(map(short, case))
        told = f"{type(problem).__name__}: {problem}"
        return None, f"[error] your function stopped with {told.rstrip('.')}. It got {given}"
    unanswered = {None: f"[wrong] {NO_RETURN}", ...: f"[todo] {NOT_YET}"}
    return value, unanswered[value] if value is None or value is ... else ""


def has_gradient(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad


def short(value: Any) -> str:
    """A value in a few words: of a tensor its shape."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return f"a {type(value).__name__.lower()} of shape {tuple(value.shape)}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{value!r} ({type(value).__name__})" if not isinstance(value, float) else f"{value:g}"


def summary(value: torch.Tensor) -> str:
    """A tensor in few characters: the number, or the first row."""
    rounded = [f"{x:.4f}" for x in value.flatten()[:3].tolist()]
    return rounded[0] if value.dim() == 0 else f"[{', '.join(rounded)}, …]"
