"""The exercise: is a test picture among the training pictures, changed a little?"""

from __future__ import annotations

from collections.abc import Callable

import torch

from kd_course.exercises import report
from kd_course.progress import exercise

LIMIT = 7.5  # mean difference of pixels, 0..255, below which two pictures are taken for one


def nearest(images: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """How far each image is from the nearest of the others: mean |difference| of pixels, (N,).

    Args:
        images: (N, C, H, W) uint8. others: (M, C, H, W) uint8.
    """
    return apart(images, others).min(dim=1).values


def apart(images: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Mean |difference| of pixels of each pair, (N, M)."""
    x, y = (some.flatten(1).float() for some in (images, others))
    return torch.cdist(x, y, p=1) / x.shape[1]


@exercise(
    hint=(
        "take `.float()` and flatten; `torch.cdist(…, p=1)` over the number of values; the "
        "smallest of each row"
    ),
    place="Exercise: why is this gain not real?",
    why="a copy that is a little darker is near in every pixel, though equal in none",
)
def check_nearest(answer: Callable) -> str:
    """Check the distance to the nearest: (images (N, C, H, W) uint8, others (M, …)) → (N,)."""
    generator = torch.Generator().manual_seed(18)
    images, others = (
        torch.randint(0, 256, (n, 3, 8, 8), generator=generator, dtype=torch.uint8) for n in (5, 7)
    )
    others[3] = (images[1].float() * 0.97).to(torch.uint8)  # a copy, a little darker
    distances, pixels = apart(images, others), images[0].numel()
    x, y = (some.flatten(1) for some in (images, others))
    wrapped = (x[:, None] - y[None]).float().mean(dim=2)  # 3 - 5 = 254 in uint8
    signed = (x[:, None].float() - y[None].float()).mean(dim=2)
    mistakes: dict[str, torch.Tensor | float] = {
        "these are sums; divide by the number of values in a picture": distances.min(1)[0] * pixels,
        "a difference of uint8 wraps round, 3 - 5 is 254: take `.float()` first": wrapped.min(1)[0],
        "differences of both signs cancel: take their absolute values": signed.min(1)[0],
        "this is the nearest one's number; take its distance, `.values`": distances.argmin(1),
        "this is the farthest one; take the smallest distance": distances.max(1)[0],
        "this is the mean over all others; take the smallest distance": distances.mean(1),
        "you looked from the others to the images; one value for each of `images`": (
            distances.min(0)[0]
        ),
        "these are all pairs, (N, M); take the smallest of each row": distances,
        "these are Euclidean distances; take p=1, and the mean over the pixels": (
            torch.cdist(x.float(), y.float()).min(1)[0]
        ),
        "the pictures run from 0 to 255 here; you scaled them to 0..1": distances.min(1)[0] / 255,
    }
    return report(answer, (images, others), distances.min(dim=1).values, mistakes)
