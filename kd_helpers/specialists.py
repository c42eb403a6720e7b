"""Hinton's specialists: which classes go together, a dustbin for the rest, and a joint answer.

Hinton, Vinyals, Dean 2015, section 5. A specialist for the classes S answers with |S| + 1 logits, the
last for its dustbin, "none of mine".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from kd_helpers.splits import Dataset, Split

DUSTBIN = "none of these"
Groups = Sequence[Sequence[int]]  # the classes of each specialist


def class_covariance(logits: torch.Tensor) -> torch.Tensor:
    """Covariance of the predicted probabilities at T = 1 over images: (N, K) → (K, K).

    Classes that are predicted together, for the same images, have a large entry.
    """
    return torch.cov(F.softmax(logits.double(), dim=1).T)


def cluster_classes(
    logits: torch.Tensor, count: int, seed: int = 0, *, diagonal: bool = True
) -> tuple[tuple[int, ...], ...]:
    """Disjoint groups of classes by k-means on the columns of the covariance of a generalist.

    Args:
        logits: (N, K), its answers; no labels are needed. count: number of groups, 2 to K.
        diagonal: whether the classes' own variances count, as in the paper. With few classes they
            are by far the largest entries, and k-means then puts single classes apart.

    Returns:
        `count` groups, none empty, each sorted, ordered by their smallest class.
    """
    from sklearn.cluster import KMeans

    classes = logits.shape[1]
    if not 2 <= count <= classes:
        raise ValueError(f"got count={count} groups of {classes} classes; expected 2 to {classes}")
    columns = class_covariance(logits).cpu().numpy()
    if not diagonal:
        np.fill_diagonal(columns, 0)
    found = KMeans(count, n_init=20, random_state=seed).fit_predict(columns)
    groups = [tuple(np.flatnonzero(found == k).tolist()) for k in range(count)]
    if not all(groups):
        raise ValueError(
            f"got {sum(map(bool, groups))} different groups, expected {count}: the predictions tell "
            "fewer classes apart. Ask for fewer groups"
        )
    return tuple(sorted(groups))


def check_group(group: Sequence[int], classes: int) -> None:
    """Raise ValueError unless a group has at least one class, not all, each known and once."""
    if not 0 < len(group) < classes or len(set(group)) != len(group):
        raise ValueError(
            f"got the group {tuple(group)} of {classes} classes; expected at least one class, not "
            "all of them, each once: the rest is the dustbin"
        )
    if not all(0 <= k < classes for k in group):
        raise ValueError(f"got the group {tuple(group)}; expected classes 0 to {classes - 1}")


def special_labels(labels: torch.Tensor, group: Sequence[int], classes: int) -> torch.Tensor:
    """Labels as a specialist sees them: place in its group, or len(group) for the dustbin.

    Hidden labels (negative) stay as they are. (N,) → (N,)
    """
    check_group(group, classes)
    places = torch.full((classes,), len(group), device=labels.device)
    places[list(group)] = torch.arange(len(group), device=labels.device)
    return torch.where(labels < 0, labels, places[labels.clamp(min=0)])


def special_dataset(dataset: Dataset, group: Sequence[int]) -> Dataset:
    """The same images with the labels of a specialist."""
    count = len(dataset.classes)
    parts = {
        name: Split(split.images, special_labels(split.labels, group, count))
        for name, split in (("train", dataset.train), ("val", dataset.val), ("test", dataset.test))
    }
    return Dataset(
        name=dataset.name, classes=(*(dataset.classes[k] for k in group), DUSTBIN), **parts
    )


def half_special(labels: torch.Tensor, rows: torch.Tensor, dustbin: int) -> torch.Tensor:
    """Of `rows`, half images of the special classes and half others, as many as there are.

    Args:
        labels: (N,) as a specialist sees them. rows: (M,) in random order: where one kind has more
            images than the other, the first of them are taken. dustbin: its number.

    Raises:
        ValueError: there is none of one kind, or a label is hidden.
    """
    is_special = labels[rows] != dustbin
    special, others = rows[is_special], rows[~is_special]
    count, hidden = min(len(special), len(others)), int((labels[rows] < 0).sum())
    if not count or hidden:
        raise ValueError(
            f"got {len(special)} images of the special classes and {len(others)} others, {hidden} of "
            "them without label; expected some of both, and labels for all"
        )
    kept = torch.cat([special[:count], others[:count]])
    # In the order of `rows`: the kind of an image says nothing about its place.
    return rows[torch.isin(rows, kept)]


def correct_dustbin(
    logits: torch.Tensor, special_share: float, true_special_share: float
) -> torch.Tensor:
    """Raise the dustbin's logit by the logarithm of the over-sampling of the special classes.

    A specialist sees special images more often than they occur, so it believes in them too much.
    The odds of "special" were special_share : rest in training and are true_special_share : rest.

    Args:
        logits: (B, |S| + 1), the dustbin last. Shares: above 0 and below 1.
    """
    for name, share in (
        ("special_share", special_share),
        ("true_special_share", true_special_share),
    ):
        if not 0 < share < 1:
            raise ValueError(f"got {name}={share}; expected a number between 0 and 1")
    odds = special_share / (1 - special_share)
    true_odds = true_special_share / (1 - true_special_share)
    corrected = logits.clone()
    corrected[:, -1] += float(np.log(odds / true_odds))
    return corrected


def membership(group: Sequence[int], classes: int) -> torch.Tensor:
    """(K, |S| + 1) of 0 and 1: which output of a specialist each class belongs to."""
    return F.one_hot(special_labels(torch.arange(classes), group, classes), len(group) + 1).double()


def join_specialists(
    generalist: torch.Tensor, specialists: Sequence[torch.Tensor], groups: Groups, *,
    active: torch.Tensor | None = None, steps: int = 40,
) -> torch.Tensor:  # fmt: skip
    """The q that minimises KL(p_g ‖ q) + Σ_{active m} KL(p_m ‖ q seen by m), for all images at once.

    Hinton et al. 2015, eq. 5. A specialist sees the mass of q over its dustbin as one number. The
    paper descends image by image; here each step takes, for every image, the best of some Newton
    steps and of one step of expectation maximisation, which always lowers the sum.

    Args:
        generalist: (B, K) probabilities. specialists: (B, |S_m| + 1) probabilities each.
        groups: the classes S_m. active: (M, B) bool; None: a specialist is active where the
            generalist's answer is one of its classes (n = 1 of the paper).
        steps: of the iteration.

    Returns:
        (B, K) float64 probabilities.
    """
    check_specialists(specialists, groups, generalist.shape[1])
    if active is None:
        active = active_specialists(generalist, groups)
    problem = joint_problem(generalist, specialists, groups, active)
    q = generalist.double().clamp(min=1e-9)
    q = q / q.sum(dim=1, keepdim=True)
    for _ in range(steps):
        q = best_of(problem, q, [expected(problem, q), *newton_steps(problem, q)])
    return q


def check_specialists(specialists: Sequence[torch.Tensor], groups: Groups, classes: int) -> None:
    """Raise ValueError unless there is a sensible group for each specialist."""
    if len(specialists) != len(groups) or not 0 < len(groups) <= classes:
        raise ValueError(
            f"got {len(specialists)} specialists and {len(groups)} groups for {classes} classes; "
            "expected as many groups as specialists, at least one, at most one a class"
        )
    for answer, group in zip(specialists, groups, strict=True):
        check_group(group, classes)
        if answer.dim() != 2 or answer.shape[1] != len(group) + 1:
            raise ValueError(
                f"got answers of shape {tuple(answer.shape)} of the specialist for {tuple(group)}; "
                f"expected (batch, {len(group) + 1}), the dustbin last"
            )


class JointProblem(NamedTuple):
    """Minimise -Σ_o mass_o · log (q · belongs)_o + count · Σ q over q > 0, for every image; its
    minimum has sum 1, where it is the sum of divergences up to a constant."""

    mass: torch.Tensor  # (B, O) what the active sources say, one column an output; 0 where inactive
    belongs: torch.Tensor  # (K, O) of 0 and 1: which classes an output stands for
    count: torch.Tensor  # (B, 1) active sources


def joint_problem(
    generalist: torch.Tensor, specialists: Sequence[torch.Tensor], groups: Groups,
    active: torch.Tensor,
) -> JointProblem:  # fmt: skip
    classes = generalist.shape[1]
    told = [generalist.double()]
    told += [p.double() * on.double()[:, None] for p, on in zip(specialists, active, strict=True)]
    belongs = [torch.eye(classes, dtype=torch.double), *(membership(g, classes) for g in groups)]
    count = 1 + active.double().sum(dim=0)[:, None]
    return JointProblem(torch.cat(told, dim=1), torch.cat(belongs, dim=1), count)


def expected(problem: JointProblem, q: torch.Tensor) -> torch.Tensor:
    """One step of expectation maximisation: every output shares its mass as q does; then the mean."""
    mass, belongs, count = problem
    return q * ((mass / (q @ belongs)) @ belongs.T) / count


def newton_steps(problem: JointProblem, q: torch.Tensor) -> list[torch.Tensor]:
    """Newton's step from q, whole and shortened, kept above 0 and scaled to sum 1."""
    mass, belongs, count = problem
    seen = q @ belongs
    gradient = count - (mass / seen) @ belongs.T  # (B, K)
    # In units of q itself, so that very small entries do not spoil the equations.
    curve = torch.einsum("bo,ko,lo->bkl", mass / seen**2, belongs, belongs)
    curve = curve * q[:, :, None] * q[:, None, :]
    curve = curve + 1e-10 * torch.eye(q.shape[1], dtype=torch.double)
    relative = torch.linalg.solve(curve, gradient * q)
    steps = [(q * (1 - size * relative)).clamp(min=q * 1e-3) for size in (1.0, 0.5, 0.2, 0.05)]
    return [step / step.sum(dim=1, keepdim=True) for step in steps]


def best_of(problem: JointProblem, q: torch.Tensor, tried: Sequence[torch.Tensor]) -> torch.Tensor:
    """For every image the candidate (q among them) with the lowest sum of divergences."""
    # Not below 1e-30: the squares of smaller numbers would leave the range of float64.
    stacked = torch.stack([q, *tried]).clamp(min=1e-30)  # (C, B, K)
    seen = stacked @ problem.belongs
    values = -torch.special.xlogy(problem.mass, seen).sum(dim=2)  # (C, B)
    return stacked[values.argmin(dim=0), torch.arange(len(q))]


def active_specialists(generalist: torch.Tensor, groups: Groups) -> torch.Tensor:
    """Where each specialist is asked: the generalist's answer is one of its classes. (M, B) bool."""
    answers = generalist.argmax(dim=1)
    return torch.stack([torch.isin(answers, torch.tensor(tuple(g))) for g in groups])


def mean_of_specialists(
    generalist: torch.Tensor, specialists: Sequence[torch.Tensor], groups: Groups
) -> torch.Tensor:
    """The cheap joint answer: each active specialist redistributes the generalist's mass on its
    classes; the mean over those, or the generalist where none is active. (B, K) float64."""
    check_specialists(specialists, groups, generalist.shape[1])
    p = generalist.double()
    active = active_specialists(p, groups).double()
    total = torch.where(active.sum(dim=0)[:, None] > 0, 0.0, p)
    for answer, group, on in zip(specialists, groups, active, strict=True):
        mine = p.clone()
        # Never 0 in all: one that is sure of its dustbin shares the mass of its classes evenly.
        within = answer.double()[:, :-1].clamp(min=1e-300)
        within = within / within.sum(dim=1, keepdim=True)
        mine[:, list(group)] = within * p[:, list(group)].sum(dim=1, keepdim=True)
        total = total + mine * on[:, None]
    return total / active.sum(dim=0).clamp(min=1)[:, None]
