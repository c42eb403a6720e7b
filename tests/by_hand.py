"""The soft term of every method once more, in NumPy and double precision, image by image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.special import log_softmax, logsumexp, softmax

from kd_helpers.data.splits import UNLABELLED
from kd_helpers.methods.method import SoftMethod

B, K, T = 64, 10, 3.0
Given = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def random_batch(classes: int = K, images: int = B) -> Given:
    """Student and teacher logits (B, K) and labels (B,); the teacher is right about two thirds."""
    generator = torch.Generator().manual_seed(0)
    student, teacher = 2 * torch.randn(2, images, classes, generator=generator) + 1
    labels = torch.randint(classes, (images,), generator=generator)
    labels[::3], labels[1::3] = teacher[::3].argmax(1), teacher[1::3].argmax(1)
    return student, teacher, labels


def partly_hidden(given: Given) -> Given:
    """The same with some labels hidden, of images that the teacher gets right and wrong."""
    student, teacher, labels = given
    return student, teacher, labels.where(torch.arange(len(labels)) % 4 > 0, UNLABELLED)


def is_wrong(t: np.ndarray, y: int) -> bool:
    return y != UNLABELLED and t.argmax() != y


def divergence(log_p: np.ndarray, log_q: np.ndarray) -> float:
    return (np.exp(log_p) * (log_p - log_q)).sum()


def on_all(s: np.ndarray, t: np.ndarray, y: int, heat: float) -> float:
    return divergence(log_softmax(t / heat), log_softmax(s / heat))


def on_kept(s, t, heat, kept, lump) -> float:
    """On some entries, the others in one bin or dropped."""
    p, q = log_softmax(t / heat), log_softmax(s / heat)
    if lump and not kept.all():
        return divergence(*(np.append(x[kept], logsumexp(x[~kept])) for x in (p, q)))
    return divergence(*(x[kept] - logsumexp(x[kept]) for x in (p, q)))


def spread(confusion: list[float]) -> np.ndarray:
    """A temperature for each image, mean T, none below T/4."""
    away = np.mean(confusion) - confusion
    return T + away * min(1.0, 0.75 * T / -away.min())


def soft_term(
    given: Given,
    *,
    correct: Callable = lambda t, y: t,
    scale: Callable = lambda z: z,
    confusion: Callable | None = None,
    compare: Callable = on_all,
    weigh: Callable = lambda s, t, y: 1.0,
    strength: float = 1.0,
) -> float:
    """strength · mean of weight · T² · comparison; the teacher corrected, both scaled, heated."""
    student, teacher = (z.double().numpy() for z in given[:2])
    labels = given[2].tolist()
    weights = [weigh(*row) for row in zip(student, teacher, labels, strict=True)]
    corrected = [correct(t, y) for t, y in zip(teacher, labels, strict=True)]
    s, t = [scale(z) for z in student], [scale(z) for z in corrected]
    heat = (
        spread([confusion(*row) for row in zip(s, t, strict=True)]) if confusion else [T] * len(s)
    )
    rows = [compare(*row) for row in zip(s, t, labels, heat, strict=True)]
    return strength * np.mean(np.multiply(weights, rows) * np.square(heat))


def learnt(method: SoftMethod, given: Given) -> tuple[torch.Tensor, torch.Tensor]:
    """The soft term of a method as it is, and its gradient for the student's logits."""
    student = given[0].clone().requires_grad_()
    kd = method.core.strength * method.soft(student, *given[1:])
    kd.backward()
    return kd.detach(), student.grad


# The parts of which the methods' tests put their expectation together.


def swapped(t, y):
    if is_wrong(t, y):
        t = t.copy()
        top = t.argmax()
        t[[top, y]] = t[[y, top]]
    return t


def replaced(t, y, smoothing=0.1, heat=T):
    if not is_wrong(t, y):
        return t
    return heat * np.log(smoothing / len(t) + (1 - smoothing) * np.eye(len(t))[y])


def standard(z):
    return (z - z.mean()) / z.std(ddof=1)


def in_parts(s, t, y, heat, alpha=1.0, beta=8.0):
    own = np.arange(len(s)) == y
    p, q = log_softmax(t / heat), log_softmax(s / heat)
    target = divergence(*(np.array([x[y], logsumexp(x[~own])]) for x in (p, q)))
    others = divergence(*(x[~own] - logsumexp(x[~own]) for x in (p, q)))
    return alpha * target + beta * others


def largest(t, count):
    return np.isin(np.arange(len(t)), t.argsort()[len(t) - count :])


def on_top(s, t, y, heat, count=3, lump=True):
    return on_kept(s, t, heat, largest(t, count) | (np.arange(len(t)) == y), lump)


def on_small(s, t, y, heat, count=3, lump=True):
    return on_kept(s, t, heat, ~largest(t, count), lump)


def mask(s, t, y):
    return float(not is_wrong(t, y))


def trust(s, t, y):
    return softmax(t)[y] if y != UNLABELLED else 1.0


def soft_label_weight(s, t, y):
    return 1 - np.exp(-log_softmax(s)[y] / log_softmax(t)[y])


def gate(s, t, y, threshold=0.9, above=True):
    return float((softmax(t).max() >= threshold) == above)


def different_directions(s, t):
    return (1 - s @ t / np.linalg.norm(s) / np.linalg.norm(t)) ** 2


def unsure(s, t):
    return 1 / softmax(s).max()
