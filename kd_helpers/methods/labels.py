"""What labels may be, and what each class weighs in the label term.

Classes (B,) int64, UNLABELLED where hidden; or soft labels (B, K), the probabilities of the
classes: one-hot, smoothed, mixed. All else is refused: divided by the wrong number, a loss looks
right and is not.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from kd_helpers.data.splits import UNLABELLED

Shape = tuple[int, ...]  # of logits, (B, K)
TOLERANCE = 0.01  # of the sum of a soft label: a row of 1,000 numbers in half precision


def are_soft(labels: torch.Tensor) -> bool:
    """Whether these are soft labels: a row of probabilities for each image."""
    return labels.dim() == 2 and labels.is_floating_point()


def check_labels(labels: torch.Tensor, shape: Shape) -> None:
    """Raise ValueError unless labels are classes (B,) int64 or soft labels (B, K), as the logits.

    On a GPU their values are not looked at: it would stall every step. The loop looks once.
    """
    images, classes = shape
    kinds = (
        f"expected classes ({images},) int64, {UNLABELLED} where hidden, or soft labels "
        f"({images}, {classes}) float"
    )
    if not isinstance(labels, torch.Tensor):
        raise ValueError(
            f"got labels of type {type(labels).__name__}; {kinds}: torch.as_tensor makes a tensor"
        )
    if images == 0:
        raise ValueError("got an empty batch; expected at least one image: no mean exists of none")
    hard = labels.dtype == torch.int64 and labels.shape == (images,)
    if not hard and not (are_soft(labels) and labels.shape == (images, classes)):
        kind = f"{tuple(labels.shape)} {str(labels.dtype).removeprefix('torch.')}"
        raise ValueError(
            f"got labels {kind} for {images} images and {classes} classes; {kinds}"
            + (", as labels.long() gives" if labels.shape == (images,) else "")
        )
    if labels.device.type == "cpu":
        check_values(labels, classes)


def check_values(labels: torch.Tensor, classes: int) -> None:
    """Raise ValueError unless labels name one of the classes, or sum to 1. Looks at all of them."""
    if are_soft(labels):
        sums = labels.float().sum(dim=1)
        if not bool(((sums - 1).abs() <= TOLERANCE).all() & (labels >= 0).all()):
            raise ValueError(
                f"got soft labels whose rows sum to {sums.min():.3g} to {sums.max():.3g}; expected "
                "probabilities, 0 or more, of sum 1: labels.softmax(1) makes them of logits"
            )
        return
    known = (labels >= 0) & (labels < classes)
    if not bool((known | (labels == UNLABELLED)).all()):
        wrong = labels[~known & (labels != UNLABELLED)]
        raise ValueError(
            f"got the label {int(wrong[0])} among {classes} classes; expected 0 to {classes - 1}, "
            f"or {UNLABELLED} where hidden"
        )


def check_classes(labels: torch.Tensor, shape: Shape, who: str) -> None:
    """The same for `who` needs to know which class is the true one: soft labels are refused."""
    check_labels(labels, shape)
    if are_soft(labels):
        raise ValueError(
            f"got soft labels {tuple(labels.shape)}; {who} needs the true class of each image: "
            "expected classes (B,) int64, such as labels.argmax(1)"
        )


def check_shown(labels: torch.Tensor, shape: Shape, who: str) -> None:
    """The same for `who` needs the true class of every image: a hidden one is refused."""
    check_classes(labels, shape, who)
    if (labels == UNLABELLED).any():
        raise ValueError(
            f"got images without a label; expected labels for all: {who} needs the true class"
        )


def as_class_weights(weights: Sequence[float]) -> tuple[float, ...]:
    """Weights of the classes as floats; () where all weigh the same, since that changes nothing.

    Raises:
        ValueError: one is no finite number from 0 on, or all are 0.
    """
    for weight in weights:
        if isinstance(weight, bool) or not isinstance(weight, (int, float)):
            raise ValueError(f"got the class weight {weight!r}; expected a number")
        if not 0 <= weight < float("inf"):
            raise ValueError(f"got the class weight {weight}; expected a finite number from 0 on")
    if weights and not any(weights):
        raise ValueError("got class weights that are all 0; expected at least one above 0")
    return tuple(map(float, weights)) if len(set(weights)) > 1 else ()


def balanced_class_weights(labels: torch.Tensor, classes: int) -> tuple[float, ...]:
    """n / (K · n_k): each class weighs the same in sum (scikit-learn's "balanced").

    Args:
        labels: (N,) int64, hidden ones are left out. classes: K.

    Returns:
        K weights, in the order of the classes; 0 for a class without an image.
    """
    check_classes(labels, (len(labels), classes), "a balanced weight")
    counts = torch.bincount(labels[labels != UNLABELLED], minlength=classes).tolist()
    return tuple(sum(counts) / (classes * count) if count else 0.0 for count in counts)
