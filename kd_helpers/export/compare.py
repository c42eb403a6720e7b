"""Does a file answer as the network it was made of? Asked in the file's own runtime."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from kd_helpers.data.splits import Split
from kd_helpers.experiments.metrics import accuracy, room_for_outputs

DIFFERENCE = 1e-3  # of float formats, at most, in standard deviations of the logits
LOST = 1.0  # percentage points of accuracy: int8 that loses more is told to have

Answer = Callable[[torch.Tensor], torch.Tensor]  # images (B, C, H, W) uint8 → logits (B, K) float32


class Mismatch(RuntimeError):
    """A file does not answer as the network that it was made of."""


@dataclass(frozen=True)
class Loaded:
    """A file in its own runtime: its name and version, how to ask it, its metadata."""

    runtime: str
    answer: Answer
    about: dict[str, str]


@dataclass(frozen=True)
class Row:
    """What was measured of one runtime."""

    runtime: str
    accuracy: float  # on the test images, in percent
    same_class: float  # share of test images with PyTorch's answer, in percent
    difference: float  # the largest, of any logit, in standard deviations of PyTorch's logits
    ms_1: float  # median time for 1 image
    ms_256: float  # and for 256
    bytes: int  # on disk


def measure(
    runtime: str, answer: Answer, split: Split, expected: torch.Tensor | None, size: int
) -> tuple[Row, torch.Tensor]:
    """Ask all images of a split; the row and the logits.

    Args:
        expected: PyTorch's logits (N, K), or None where these are they. size: bytes on disk.
    """
    logits = in_batches(answer, split.images)
    like = logits if expected is None else expected
    if logits.shape != like.shape:
        raise Mismatch(
            f"{runtime}: got logits of shape {tuple(logits.shape)}; expected {tuple(like.shape)}"
        )
    row = Row(
        runtime,
        100 * accuracy(logits, split.labels),
        100 * (logits.argmax(dim=1) == like.argmax(dim=1)).double().mean().item(),
        largest_difference(logits, like),
        median_ms(answer, some(split.images, 1)),
        median_ms(answer, some(split.images, 256)),
        size,
    )
    return row, logits


@torch.no_grad()
def in_batches(answer: Answer, images: torch.Tensor) -> torch.Tensor:
    """Logits (N, K), asked in batches of 1, 7, then 256: a batch size fixed in the file shows."""
    parts = [images[:1], images[1:8], *images[8:].split(256)]
    return torch.cat([answer(part) for part in parts if len(part)])


def largest_difference(logits: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest of any logit, in standard deviations of the expected ones; NaN if one is NaN."""
    spread = expected.double().std().item() or 1.0
    return (logits.double() - expected.double()).abs().max().item() / spread


def some(images: torch.Tensor, count: int) -> torch.Tensor:
    """`count` images, from the first on, and again where there are fewer."""
    return images[torch.arange(count) % len(images)]


@torch.no_grad()
def median_ms(answer: Answer, images: torch.Tensor, seconds: float = 0.2) -> float:
    """Median time of an answer in milliseconds, on the processor, after warm-up."""
    reserve = room_for_outputs()
    for _ in range(3):
        answer(images)
    times: list[float] = []
    while len(times) < 5 or sum(times) < seconds:
        start = time.perf_counter()
        answer(images)
        times.append(time.perf_counter() - start)
    del reserve  # not earlier
    return 1e3 * statistics.median(times)
