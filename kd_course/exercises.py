"""Self-checks of the exercises: they say which known mistake an answer makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch.nn import functional as F

from kd_helpers.data.splits import UNLABELLED
from kd_helpers.methods.hinton import kd_loss
from kd_helpers.methods.targets import smooth_labels, soften
from kd_helpers.methods.terms import hard_loss

NOT_YET = "not answered yet: replace the line under the exercise, run it, then run this cell again"


def check_accuracy(answer: Callable[[torch.Tensor, torch.Tensor], torch.Tensor | float]) -> str:
    """Check the share of right answers: (logits (N, K), labels (N,)) → 0..1."""
    logits = random_logits(3)
    labels = torch.cat([logits[:4].argmax(dim=1), (logits[4:].argmax(dim=1) + 1) % 10])
    mistakes = {
        "this is the number of right answers; divide it by the number of images": lambda z, y: (
            z.argmax(1) == y
        ).sum(),
        "this is in percent; the share runs from 0 to 1": lambda z, y: (
            100 * (z.argmax(1) == y).double().mean()
        ),
        "this is the share of wrong answers": lambda z, y: (z.argmax(1) != y).double().mean(),
        "take the average over the images: this is still one value an image": lambda z, y: (
            z.argmax(1) == y
        ).double(),
    }
    return report(answer, (logits, labels), torch.tensor(4 / 6), mistakes)


def check_soften(answer: Callable[[torch.Tensor, float], torch.Tensor]) -> str:
    """Check a softmax with temperature: (logits (B, K), T) → probabilities (B, K)."""
    logits = random_logits(0)
    mistakes = {
        "you multiplied by the temperature; divide the logits by it": lambda z, t: F.softmax(
            z * t, dim=1
        ),
        "the temperature has no effect": lambda z, t: F.softmax(z, dim=1),
        "you divided the probabilities, not the logits: the rows no longer sum to 1": lambda z, t: (
            F.softmax(z, dim=1) / t
        ),
        "softmax runs over the batch (dim=0); it belongs over the classes (dim=1)": lambda z, t: (
            F.softmax(z / t, dim=0)
        ),
        "you applied softmax twice": lambda z, t: F.softmax(F.softmax(z, dim=1) / t, dim=1),
        "this is the logarithm of the right answer: use softmax, not log_softmax": lambda z, t: (
            F.log_softmax(z / t, dim=1)
        ),
    }
    return report(answer, (logits, 3.0), soften(logits, 3.0), mistakes)


def check_smooth_labels(answer: Callable[[torch.Tensor, int, float], torch.Tensor]) -> str:
    """Check label smoothing: (labels (B,), K, ε) → targets (B, K)."""
    labels = torch.tensor([0, 3, 9])
    mistakes = {
        "the label is not smoothed at all": lambda y, k, e: F.one_hot(y, k).float(),
        "the rows do not sum to 1: scale the one-hot part by (1 - ε)": lambda y, k, e: (
            F.one_hot(y, k) + e / k
        ),
        "you shared ε among the K - 1 other classes; the usual definition gives every class ε/K, "
        "the true one too": lambda y, k, e: F.one_hot(y, k) * (1 - e - e / (k - 1)) + e / (k - 1),
        "you added ε to every class; add ε/K": lambda y, k, e: F.one_hot(y, k) * (1 - e) + e,
    }
    return report(answer, (labels, 10, 0.2), smooth_labels(labels, 10, 0.2), mistakes)


def check_most_similar(
    answer: Callable[[np.ndarray], tuple[int, int]], similarity: np.ndarray
) -> str:
    """Check the pair of different classes that are most alike: matrix (K, K) → two numbers."""
    try:
        got = answer(similarity.copy())
    except Exception as problem:
        return f"[error] your function stopped with {type(problem).__name__}: {problem}"
    if got is None or got is ...:
        return f"[todo] {NOT_YET}"
    try:
        pair = sorted(int(k) for k in got)
    except (TypeError, ValueError):
        return f"[wrong] expected two class numbers, got {got!r}"
    both = similarity + similarity.T
    np.fill_diagonal(both, -np.inf)
    expected = sorted(divmod(int(both.argmax()), len(both)))
    one_way = similarity.copy()
    np.fill_diagonal(one_way, -np.inf)
    if pair == expected:
        return "[ok] right"
    if len(pair) == 2 and pair[0] == pair[1]:
        return "[wrong] a class is most like itself: leave the diagonal out"
    if pair == sorted(divmod(int(one_way.argmax()), len(one_way))):
        return "[wrong] you looked at one direction only: take the mean of both"
    return f"[wrong] got {pair}, expected another pair: set the diagonal to 0, then look for the largest"


def check_kd_loss(answer: Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]) -> str:
    """Check a distillation loss: (student_logits, teacher_logits, T) → scalar T²·KL, batch mean."""
    return report(answer, KD_CASE, kd_loss(*KD_CASE[:2], temperature=KD_CASE[2]), KD_MISTAKES)


def check_gradient(answer: Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]) -> str:
    """Check the gradient of kd_loss for each image's student logits, without autograd: (B, K)."""
    student = KD_CASE[0].clone().requires_grad_()
    kd_loss(student, KD_CASE[1], temperature=KD_CASE[2]).backward()
    mistakes = {
        "the factor 1/B of the batch mean is missing": lambda s, t, T: (
            T * (soften(s, T) - soften(t, T))
        ),
        "roles swapped: it is student minus teacher": lambda s, t, T: (
            T * (soften(t, T) - soften(s, T)) / len(s)
        ),
        "T² is missing: T² · (student - teacher) / T = T · (student - teacher)": lambda s, t, T: (
            (soften(s, T) - soften(t, T)) / T / len(s)
        ),
        "you forgot that the chain rule through z/T gives a factor 1/T: T² · 1/T = T": lambda s, t, T: (
            T * T * (soften(s, T) - soften(t, T)) / len(s)
        ),
        "the distributions must be taken at temperature T": lambda s, t, T: (
            T * (soften(s, 1) - soften(t, 1)) / len(s)
        ),
    }
    return report(answer, KD_CASE, student.grad, mistakes)


def check_labelled_loss(answer: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> str:
    """Check the cross-entropy over labelled images: (B, K), (B,) with -100 where hidden →
    scalar."""
    logits, labels = random_logits(4), torch.tensor([1, -100, 4, -100, -100, 7])
    mistakes = {
        "you divided by all images; divide by the labelled ones": lambda z, y: (
            F.cross_entropy(z, y, reduction="sum") / len(y)
        ),
        "you added the images up; take their mean": lambda z, y: F.cross_entropy(
            z, y, reduction="sum"
        ),
        "the hidden labels were taken for class 0": lambda z, y: F.cross_entropy(z, y.clamp(min=0)),
    }
    verdict = report(answer, (logits, labels), hard_loss(logits, labels), mistakes)
    if verdict.startswith("[ok]"):
        nothing = torch.full_like(labels, UNLABELLED)
        return report(
            answer,
            (logits, nothing),
            torch.tensor(0.0),
            {
                "without a single labelled image your loss is not a number; it must be 0": lambda z, y: (
                    torch.tensor(torch.nan)
                )
            },
        )
    return verdict


def random_logits(seed: int) -> torch.Tensor:
    return 3 * torch.randn(6, 10, generator=torch.Generator().manual_seed(seed))


def _kl(
    student: torch.Tensor, teacher: torch.Tensor, T: float, reduction: str = "batchmean"
) -> torch.Tensor:
    parts = F.kl_div(F.log_softmax(student / T, 1), F.softmax(teacher / T, 1), reduction="none")
    if reduction == "mean":  # spelt out: PyTorch warns of it and will change what it means
        return parts.mean()
    return parts.sum() / (len(student) if reduction == "batchmean" else 1)


KD_CASE = (random_logits(1), random_logits(2), 4.0)
KD_MISTAKES: Mapping[str, Callable] = {
    "T² is missing: the gradient shrinks as 1/T²": lambda s, t, T: _kl(s, t, T),
    'reduction "mean" also divides by the number of classes; use "batchmean"': lambda s, t, T: (
        _kl(s, t, T, "mean") * T * T
    ),
    'reduction "mean" divides by the number of classes, and T² is missing': lambda s, t, T: _kl(
        s, t, T, "mean"
    ),
    'reduction "sum" does not divide by the batch; use "batchmean"': lambda s, t, T: (
        _kl(s, t, T, "sum") * T * T
    ),
    "roles swapped: the teacher's distribution is the target, the student's log-probabilities the input": lambda s, t, T: (
        _kl(t, s, T) * T * T
    ),
    "softmax twice on the teacher: it gives logits, soften them once": lambda s, t, T: (
        _kl(s, F.softmax(t, 1), T) * T * T
    ),
    "softmax twice on the student: it gives logits, use log_softmax on them": lambda s, t, T: (
        _kl(F.softmax(s, 1), t, T) * T * T
    ),
    "the student's input must be log-probabilities: log_softmax, not softmax": lambda s, t, T: (
        F.kl_div(F.softmax(s / T, 1), F.softmax(t / T, 1), reduction="batchmean") * T * T
    ),
    "the student needs the temperature as well": lambda s, t, T: (
        F.kl_div(F.log_softmax(s, 1), F.softmax(t / T, 1), reduction="batchmean") * T * T
    ),
    "the teacher needs the temperature as well": lambda s, t, T: (
        F.kl_div(F.log_softmax(s / T, 1), F.softmax(t, 1), reduction="batchmean") * T * T
    ),
    "this is the cross-entropy with the soft target; it differs from KL by the teacher's entropy (same gradient)": lambda s, t, T: (
        -(F.softmax(t / T, 1) * F.log_softmax(s / T, 1)).sum(1).mean() * T * T
    ),
    "the factor is T², you used T": lambda s, t, T: _kl(s, t, T) * T,
}


def report(
    answer: Callable,
    case: tuple,
    expected: torch.Tensor | float,
    mistakes: Mapping[str, torch.Tensor | float | Callable],
    *,
    tolerance: float = 1e-4,
) -> str:
    """Compare an answer with the right value, then with the value of each known mistake: a value,
    or a function of the case that gives it. tolerance: the share by which it may be off."""
    try:  # on copies, so that an answer that works in place spoils nothing
        value = answer(*(x.clone() if isinstance(x, torch.Tensor) else x for x in case))
    except Exception as problem:
        return f"[error] your function stopped with {type(problem).__name__}: {problem}"
    if value is None or value is ...:
        return f"[todo] {NOT_YET}"
    try:
        value = torch.as_tensor(value).detach().double()
    except Exception:
        return f"[wrong] expected a tensor, got {value!r} ({type(value).__name__})"

    def same(goal: torch.Tensor | float) -> bool:
        goal = torch.as_tensor(goal).detach().double()
        close = {"rtol": tolerance, "atol": 1e-6, "equal_nan": True}
        return value.shape == goal.shape and torch.allclose(value, goal, **close)

    expected = torch.as_tensor(expected)
    if same(expected) and not value.isnan().any():
        return "[ok] right"
    for words, mistake in mistakes.items():
        if same(mistake(*case) if callable(mistake) else mistake):
            return f"[wrong] {words}"
    if value.shape != expected.shape:
        return f"[wrong] expected shape {tuple(expected.shape)}, got {tuple(value.shape)}"
    return (
        f"[wrong] expected {summary(expected)}, got {summary(value)}: not one of the known mistakes"
    )


def summary(value: torch.Tensor) -> str:
    """A tensor in few characters: the number, or the first row."""
    rounded = [f"{x:.4f}" for x in value.detach().double().flatten()[:3].tolist()]
    return rounded[0] if value.dim() == 0 else f"[{', '.join(rounded)}, …]"
