"""Some classes and a dustbin for the rest: the labels of a specialist.

Hinton, Vinyals, Dean 2015, section 5: a specialist for the classes S answers with |S| + 1 logits,
the last for its dustbin, "none of mine".
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from kd_helpers.data.splits import Dataset, Split

DUSTBIN = "none of these"

Groups = tuple[tuple[int, ...], ...]  # the classes of each specialist


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
    names, count = dataset.classes, len(dataset.classes)
    return dataset.each(
        lambda split: Split(split.images, special_labels(split.labels, group, count)),
        classes=(*(names[k] for k in group), DUSTBIN),
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
            f"got {len(special)} images of the special classes and {len(others)} others, {hidden} "
            "of them without label; expected some of both, and labels for all"
        )
    kept = torch.cat([special[:count], others[:count]])
    # In the order of `rows`: the kind of an image says nothing about its place.
    return rows[torch.isin(rows, kept)]
