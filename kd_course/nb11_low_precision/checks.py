"""The exercises of notebook 11: levels, ternary weights, and a gradient that passes through."""

from __future__ import annotations

from collections.abc import Callable

import torch

from kd_course.exercises import report
from kd_course.progress import exercise
from kd_helpers.models.low_precision import THRESHOLD, rounded, ternary


def some_weights() -> torch.Tensor:
    """(4, 9), of channels of different size."""
    generator = torch.Generator().manual_seed(11)
    return torch.randn(4, 9, generator=generator) * torch.tensor([[0.1], [0.4], [1.0], [3.0]])


@exercise(
    hint=(
        "n = 2^(bits − 1) − 1, the scale is the row's largest |w| over n; round w / scale, "
        "then multiply again"
    ),
    place="Levels",
    why="the largest weight of a row is kept, and no other moves by more than half a scale",
)
def check_levels(answer: Callable) -> str:
    """Check rounding to evenly spaced levels: (weight (C, M), bits) → (C, M)."""
    weight, bits = some_weights(), 4
    most = 2 ** (bits - 1) - 1
    largest = weight.abs().amax(dim=1, keepdim=True)
    scale = largest / most
    mistakes: dict[str, torch.Tensor | float] = {
        "these are the whole numbers; multiply them by the scale again": (weight / scale).round(),
        "one scale for all channels; take the largest |w| of each row": rounded(
            weight.flatten()[None], bits
        ).view_as(weight),
        "these are 2^bits - 1 levels on each side; half of them are negative": (
            (weight * (2**bits - 1) / largest).round() * largest / (2**bits - 1)
        ),
        "you cut off, and did not round": (weight / scale).trunc() * scale,
        "you rounded down, and did not round to the nearest": (weight / scale).floor() * scale,
        "the scale comes from the largest w; take the largest |w|": (
            (weight / (weight.amax(dim=1, keepdim=True) / most)).round()
            * (weight.amax(dim=1, keepdim=True) / most)
        ),
        "nothing was rounded": weight,
    }
    return report(answer, (weight, bits), rounded(weight, bits), mistakes)


@exercise(
    hint=(
        "|w| above 0.7 times the row's mean |w| stays; the level is the mean |w| of those; "
        "the sign comes last"
    ),
    place="Levels",
    why="small weights cost least as 0, and the others share the level that fits them best",
)
def check_ternary(answer: Callable) -> str:
    """Check ternary weights: weight (C, M) → (C, M)."""
    weight = some_weights()
    size = weight.abs()
    large = size > THRESHOLD * size.mean(dim=1, keepdim=True)
    level = (size * large).sum(dim=1, keepdim=True) / large.sum(dim=1, keepdim=True)
    signs = weight.sign() * large
    mistakes: dict[str, torch.Tensor | float] = {
        "these are the signs; multiply them by the level of the channel": signs,
        "the level is the mean |w| of what is left, not of all weights": (
            signs * size.mean(dim=1, keepdim=True)
        ),
        "the signs are lost": level * large,
        "nothing is 0: below the threshold a weight is": level * weight.sign(),
        "one threshold and one level for all channels; take those of each row": ternary(
            weight.flatten()[None]
        ).view_as(weight),
        "the threshold is 0.7 of the mean |w|, not 0.7 of the largest": ternary_at(weight),
    }
    return report(answer, (weight,), ternary(weight), mistakes)


def ternary_at(weight: torch.Tensor) -> torch.Tensor:
    """With the threshold at 0.7 of the largest |w| of the channel."""
    size = weight.abs()
    large = size > THRESHOLD * size.amax(dim=1, keepdim=True)
    level = (size * large).sum(dim=1, keepdim=True) / large.sum(dim=1, keepdim=True)
    return level * large * weight.sign()


@exercise(
    hint=(
        "the value must be that of `levels`, the gradient that of `weight`: add to `weight` "
        "what is missing, without a gradient"
    ),
    place="Levels",
    why="the detached bracket fills the value up and has no gradient of its own",
)
def check_straight_through(answer: Callable) -> str:
    """Check a rounding whose gradient passes: (weight, levels) → the value of `levels` with the
    gradient of `weight`. Value and gradient are checked side by side."""
    weight = some_weights()
    levels, up = rounded(weight, 4), torch.arange(36.0).view(4, 9)

    def value_and_gradient(weight: torch.Tensor, levels: torch.Tensor) -> object:
        given = weight.requires_grad_()
        told = answer(given, levels)
        if told is None or told is ...:
            return told
        nothing = torch.zeros_like(given)
        if not told.requires_grad:
            return torch.stack([told, nothing])
        (gradient,) = torch.autograd.grad(told, given, up, allow_unused=True)
        return torch.stack([told.detach(), nothing if gradient is None else gradient])

    mistakes: dict[str, torch.Tensor | float] = {
        "the value is right and no gradient comes back to the weight": torch.stack(
            [levels, 0 * up]
        ),
        "the gradient is right, but the value is the unrounded weight": torch.stack([weight, up]),
        "the gradient is that of the negative weight": torch.stack([levels, -up]),
        "the value is off: weight + levels - weight, with the bracket detached": torch.stack(
            [weight + levels, up]
        ),
    }
    return report(value_and_gradient, (weight, levels), torch.stack([levels, up]), mistakes)
