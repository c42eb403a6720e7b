"""Teachers: anything that answers a batch with logits, and never learns from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from kd_helpers.device import autocast, pick_precision
from kd_helpers.views import PLAIN, ViewSet


class Batch(NamedTuple):
    """What a student and its teacher both see: the very same pictures."""

    images: torch.Tensor  # (B, C, H, W) float32 in 0..1
    labels: torch.Tensor  # (B,) int64, -100 where hidden
    index: torch.Tensor  # (B,) int64, the row of the image in its split
    view: torch.Tensor  # (B,) int64, the view's number


Teacher = Callable[[Batch], torch.Tensor]


class NetworkTeacher:
    """One trained network, frozen, and in evaluation mode each time it answers.

    `model.train()` may be called on it at any time, for example through a parent module; with
    batch statistics in use its answers would depend on who else is in the batch.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model.requires_grad_(False)

    @torch.no_grad()
    def __call__(self, batch: Batch) -> torch.Tensor:
        """Logits (B, K) float32, without gradient."""
        device = batch.images.device
        self.model.eval()
        with autocast(device, pick_precision(device)[0]):
            return self.model(batch.images).float()


class CachedTeacher:
    """A teacher that is asked once per (image, view) and remembers the answer in half precision.

    The key is the image's row and the view's number, never its place in a batch: shuffling cannot
    pair an answer with another picture. Use one cache for one split and one set of views.
    """

    def __init__(self, teacher: Teacher, num_images: int, view_set: ViewSet = PLAIN) -> None:
        self.teacher = teacher
        self.shape = (num_images, len(view_set))
        self.answers: torch.Tensor | None = None  # (N, V, K) half, made at the first answer
        self.known: torch.Tensor | None = None  # (N, V) bool

    def __call__(self, batch: Batch) -> torch.Tensor:
        """Logits (B, K) float32, from memory where the pair (image, view) is known."""
        if self.known is None:
            self.known = torch.zeros(self.shape, dtype=torch.bool, device=batch.index.device)
        new = ~self.known[batch.index, batch.view]
        if new.any():
            self._learn(Batch(*(field[new] for field in batch)))
        return self.answers[batch.index, batch.view].float()

    def _learn(self, batch: Batch) -> None:
        logits = self.teacher(batch).half()
        if self.answers is None:
            self.answers = logits.new_zeros(*self.shape, logits.shape[1])
        self.answers[batch.index, batch.view] = logits
        self.known[batch.index, batch.view] = True

    def remember_plain(self, logits: torch.Tensor) -> None:
        """Fill in stored answers (N, K) to the plain images (view 0), as if each had been asked."""
        if len(logits) != self.shape[0]:
            raise ValueError(f"got answers to {len(logits)} images; expected {self.shape[0]}")
        self.known = torch.zeros(self.shape, dtype=torch.bool, device=logits.device)
        self.known[:, 0] = True
        self.answers = logits.new_zeros(*self.shape, logits.shape[1], dtype=torch.half)
        self.answers[:, 0] = logits.half()
