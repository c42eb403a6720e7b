"""Hinton's specialists: which classes go together, and a dustbin for the rest.

Hinton, Vinyals, Dean 2015, section 5. A specialist for the classes S answers with |S| + 1 logits, the
last for its dustbin, "none of mine".
"""

from __future__ import annotations

from collections.abc import Sequence

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
