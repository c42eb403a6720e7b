"""A file in its own runtime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

Answer = Callable[[torch.Tensor], torch.Tensor]  # images (B, C, H, W) uint8 → logits (B, K) float32


@dataclass(frozen=True)
class Loaded:
    """A runtime's name and version, how to ask the file, and the metadata read back from it."""

    runtime: str
    answer: Answer
    about: dict[str, str]

    @property
    def is_int8(self) -> bool:
        return self.about.get("precision") == "int8"
