"""Anybody's network as a teacher: it sees the student's pictures as it was trained to see them,
and answers in the order of the student's classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from kd_helpers.teachers.class_order import places
from kd_helpers.teachers.preprocessing import Preprocessing, pair


def adapted(
    model: nn.Module,
    *,
    size: int | tuple[int, int] | None = None,
    resize: int | tuple[int, int] | None = None,
    mean: float | Iterable[float] | None = None,
    std: float | Iterable[float] | None = None,
    channels: int | None = None,
    classes: Iterable[str] | None = None,
    interpolation: str = "bilinear",
) -> Adapted:
    """A network, trained elsewhere, as a teacher for pictures (B, C, H, W) float32 in 0..1.

    The student keeps its pictures; these are made for the teacher only. The network is frozen.

    Args:
        model: answers with logits (B, K): as a tensor, as `.logits` or `["logits"]` of its output
            (Hugging Face), or first in a tuple.
        size: in pixels, of the pictures that the network takes: the shorter side becomes `size`,
            and the square in the middle is taken; or (height, width), which may distort.
        resize: where more is cropped: resized to this first, then the middle is cut out.
        mean, std: of the normalisation, one for each channel, for pictures in 0..1.
        channels: 1 or 3; grey pictures are repeated, coloured ones turned to grey by their luma.
            None: as many as the network's first convolution takes.
        classes: the names of the K outputs, in their order.
        interpolation: "bilinear" or "bicubic", antialiased.

    Raises:
        ValueError: a value out of range.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"got a {type(model).__name__} as teacher; expected a torch.nn.Module")
    preprocessing = Preprocessing(
        size=size,
        resize=resize,
        mean=numbers(mean),
        std=numbers(std),
        channels=channels or first_channels(model) or len(numbers(mean)) or None,
        interpolation=interpolation,
    )
    return Adapted(model, preprocessing, None if classes is None else tuple(map(str, classes)))


class Adapted(nn.Module):
    """A frozen network with what it wants done to pictures, and the names of its outputs.

    It is in evaluation mode each time it answers, whoever called `train()` on it.
    """

    def __init__(
        self,
        model: nn.Module,
        preprocessing: Preprocessing,
        classes: tuple[str, ...] | None = None,
        columns: torch.Tensor | None = None,
        width: int | None = None,
    ) -> None:
        """classes: what the answers mean. columns: (K,) int64, which of the network's `width`
        outputs they are; None: all in their order."""
        super().__init__()
        self.model = model.requires_grad_(False)
        self.preprocessing, self.classes = preprocessing, classes
        self.width = len(classes) if classes and width is None else width
        self.register_buffer("columns", columns, persistent=False)

    columns: torch.Tensor | None

    def extra_repr(self) -> str:
        """What its answers depend on beside weights: `outside` names a teacher by its repr."""
        return str(self.preprocessing)

    @torch.no_grad()
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (B, K) of pictures (B, C, H, W) float32 in 0..1, without gradient.

        Raises:
            ValueError: images or answers of another form, or another number of classes.
        """
        self.eval()
        return self.answer(images)

    def answer(self, images: torch.Tensor) -> torch.Tensor:
        """The same in whatever mode the network is, with a gradient where it is not frozen."""
        logits = logits_of(self.model(self.preprocessing(images)), len(images))
        if self.width not in (None, logits.shape[1]):
            raise ValueError(wrong_number(logits.shape[1], self.width))
        return logits if self.columns is None else logits[:, self.columns]

    def for_classes(self, names: Iterable[str]) -> Adapted:
        """The same teacher with its outputs in the order of these classes, found by name.

        Of a teacher that knows more classes, the logits of the shared ones are selected; their
        softmax is the teacher's own, renormalised over them. A teacher without class names is
        taken as it is if it has as many outputs: `examine` then finds another order.

        Raises:
            ValueError: classes that the teacher does not know, or another number of outputs.
        """
        names = tuple(map(str, names))
        if self.classes is not None:
            order = torch.tensor(places(self.classes, names))
            columns = order if self.columns is None else self.columns.cpu()[order]
            columns = columns.to(device_of(self.model))
            return Adapted(self.model, self.preprocessing, names, columns, self.width)
        outputs = self.outputs()
        if outputs is not None and outputs != len(names):
            raise ValueError(wrong_number(outputs, len(names)))
        return Adapted(self.model, self.preprocessing, names)

    def seeing(self, **changes: Any) -> Adapted:
        """The same teacher with other fields of its `Preprocessing`."""
        changed = replace(self.preprocessing, **changes)
        return Adapted(self.model, changed, self.classes, self.columns, self.width)

    def outputs(self) -> int | None:
        """How many outputs it has, seen by a black picture; None: it takes another size."""
        height, width = pair(self.preprocessing.size or 64)
        black = torch.zeros(1, self.preprocessing.channels or 3, height, width)
        try:
            return self(black.to(device_of(self.model))).shape[1]
        except (RuntimeError, ValueError):  # the first answer to a real picture will tell
            return None


def logits_of(told: Any, images: int) -> torch.Tensor:
    """The logits (B, K) in what a network answers to so many images.

    Raises:
        ValueError: none are found there.
    """
    found = told
    if isinstance(told, Mapping) and "logits" in told:
        found = told["logits"]
    elif hasattr(told, "logits"):
        found = told.logits
    elif isinstance(told, (tuple, list)) and told:
        found = told[0]
    if not isinstance(found, torch.Tensor) or found.dim() != 2 or len(found) != images:
        raise ValueError(
            f"got {describe(told)} from the teacher for {images} pictures; expected logits "
            f"({images}, classes): a tensor, the first of a tuple, or under the name `logits`"
        )
    if found.shape[1] == 1:
        raise ValueError(
            "got one output from the teacher, as for a sigmoid; expected one for each of two or "
            "more classes: z becomes two logits by torch.cat([torch.zeros_like(z), z], dim=1)"
        )
    return found


def describe(told: Any) -> str:
    if isinstance(told, torch.Tensor):
        return f"a tensor of shape {tuple(told.shape)}"
    if isinstance(told, Mapping):
        return f"a {type(told).__name__} with {', '.join(map(str, told))}"
    if isinstance(told, (tuple, list)):
        return f"a {type(told).__name__} of {', '.join(map(describe, told)) or 'nothing'}"
    return f"a {type(told).__name__}"


def wrong_number(outputs: int, classes: int) -> str:
    return (
        f"got a teacher with {outputs} outputs for {classes} classes; expected as many: give the "
        "names of its outputs (classes=…) if they include yours, or else fit a new head: "
        "fit_head(teacher, data)"
    )


def numbers(given: float | Iterable[float] | None) -> tuple[float, ...]:
    """One number or several, of any library, as plain ones."""
    if given is None:
        return ()
    return tuple(map(float, given)) if isinstance(given, Iterable) else (float(given),)


def device_of(model: nn.Module) -> torch.device:
    return next(model.parameters(), torch.empty(0)).device


def first_channels(model: nn.Module) -> int | None:
    """How many channels the first convolution of a network takes, as far as there is one."""
    convolutions = (part for part in model.modules() if isinstance(part, nn.Conv2d))
    first = next(convolutions, None)
    return None if first is None else first.in_channels
