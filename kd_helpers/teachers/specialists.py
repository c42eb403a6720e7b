"""Hinton's specialists: which classes go together, and a dustbin for the rest.

Hinton, Vinyals, Dean 2015, section 5. A specialist for the classes S answers with |S| + 1 logits,
the last for its dustbin, "none of mine".
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F


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
