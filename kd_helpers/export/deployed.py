"""What goes into a file, the network with its preprocessing and its description; what comes out."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import nn

from kd_helpers.data.augment import to_float

ABOUT = "about.json"  # the name of what a file says about itself, inside it
# What PIL calls pictures by their number of channels; those with others are made otherwise.
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
Answer = Callable[[torch.Tensor], torch.Tensor]  # images (B, C, H, W) uint8 → logits (B, K) float32


def versions() -> str:
    """What made a file, with versions."""
    try:
        ours = version("kd-helpers")
    except PackageNotFoundError:  # used from its folder, not installed
        ours = "not installed"
    return f"kd-helpers {ours}, torch {torch.__version__}"


@dataclass(frozen=True)
class About:
    """What a file says about the network inside it, beside the weights."""

    classes: tuple[str, ...]  # the name of each logit, in order
    image_shape: tuple[int, int, int]  # channels, height, width
    network: str  # a name of the zoo, or the module and class of another network
    towers: dict | None = None  # of a network with towers, as in a recipe
    run: str = ""  # the hash of the stored run, if it is one
    precision: str = "float32"
    made_with: str = field(default_factory=versions)

    def to_json(self) -> dict[str, Any]:
        """All of it, as data for JSON."""
        channels, height, width = self.image_shape
        told = {part.name: getattr(self, part.name) for part in fields(self)} | {
            "mode": MODES.get(channels, ""),
            "input": f"images: uint8 (B, {channels}, {height}, {width}), 0 to 255",
            "output": f"logits: float32 (B, {len(self.classes)})",
        }
        return {name: value for name, value in told.items() if value}


def strings_of(about: dict[str, Any]) -> dict[str, str]:
    """The same for formats whose metadata are strings: lists as JSON, words as they are."""
    words = about.items()
    return {k: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for k, v in words}


def read_about(text: str) -> dict[str, str]:
    """The same from JSON; nothing of a file that says nothing about itself."""
    return strings_of(json.loads(text or "{}"))


class Deployed(nn.Module):
    """The student as others run it: uint8 images (B, C, H, W) in 0..255 to logits (B, K).

    The scaling is inside, so nobody can forget it: a picture's bytes go in as they are, a quarter
    of what float32 would take. Resizing is not: a file knows one size, `about.image_shape`.
    """

    def __init__(self, network: nn.Module, about: About) -> None:
        """network: takes float32 images in 0..1. It is copied, to the processor."""
        super().__init__()
        self.network = copy.deepcopy(network).cpu()
        self.about = about
        self.eval().requires_grad_(False)  # itself too: exporters give back the mode of the whole

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(to_float(images))

    @property
    def example(self) -> torch.Tensor:
        """Two images to trace the network with: grey, (2, C, H, W) uint8."""
        return torch.full((2, *self.about.image_shape), 128, dtype=torch.uint8)


@dataclass(frozen=True)
class Loaded:
    """A file in its own runtime: name and version, how to ask it, the metadata read back."""

    runtime: str
    answer: Answer
    about: dict[str, str]

    @property
    def is_int8(self) -> bool:
        return self.about.get("precision") == "int8"
