"""What a teacher is: anything that answers a batch with logits, and never learns from it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import nn

from kd_helpers.models.answer import logits_of
from kd_helpers.runtime.device import autocast, pick_precision


class Batch(NamedTuple):
    """What a student and its teacher both see: the very same pictures."""

    images: torch.Tensor  # (B, C, H, W) float32 in 0..1
    labels: torch.Tensor  # (B,) int64, -100 where hidden
    index: torch.Tensor  # type: ignore[assignment]  # (B,) int64, the image's row in its split
    view: torch.Tensor  # (B,) int64, the number of its augmented version
    prepared: bool = False  # the teacher was told of this batch beforehand, by `prepare`
    step: int = 0  # steps taken before this one


class Teacher:
    """A call that answers a batch with logits (B, K); all else has a default."""

    changes = False  # whether the same (image, view) can get another answer another time
    recordable = False  # whether a call, once prepared, is arithmetic on the device and no more

    def __call__(self, batch: Batch) -> torch.Tensor:
        raise NotImplementedError

    def prepare(self, index: torch.Tensor, view: torch.Tensor) -> None:
        """Told of the rows and views of some coming batches, (…) int64 each."""

    def save(self) -> None:
        """Called at the end of a training, and now and then."""

    def features(self, batch: Batch, layer: str) -> torch.Tensor:
        """What a layer of the teacher's network says about the batch."""
        raise ValueError(
            f"got a {type(self).__name__}, which answers with logits only; expected one network, "
            f"whose layer {layer!r} can be looked at"
        )


class ByFunction(Teacher):
    """Anybody's function of a batch as a teacher, for the loop."""

    def __init__(self, function: Callable[[Batch], torch.Tensor]) -> None:
        self.function = function

    def __call__(self, batch: Batch) -> torch.Tensor:
        return self.function(batch)


class NetworkTeacher(Teacher):
    """One trained network, frozen, and in evaluation mode each time it answers.

    `model.train()` may be called on it at any time, for example through a parent module; with
    batch statistics in use its answers would depend on who else is in the batch.
    """

    def __init__(self, model: nn.Module) -> None:
        if not isinstance(model, nn.Module):
            raise ValueError(
                f"got a {type(model).__name__} as the teacher; expected a network, an nn.Module"
            )
        self.model = model.requires_grad_(False)

    @torch.no_grad()
    def __call__(self, batch: Batch) -> torch.Tensor:
        """Logits (B, K) float32, without gradient."""
        device = batch.images.device
        self.model.eval()
        with autocast(device, pick_precision(device)[0]):
            return logits_of(self.model, batch.images, "teacher").float()

    def features(self, batch: Batch, layer: str) -> torch.Tensor:
        with output_of(self.model, layer) as seen:
            self(batch)
        return seen[0].float()


class Members(Teacher):
    """What all teachers made of several have in common: the loop's words are passed on."""

    members: Sequence[Teacher] = ()

    def prepare(self, index: torch.Tensor, view: torch.Tensor) -> None:
        for member in self.members:
            member.prepare(index, view)

    def save(self) -> None:
        for member in self.members:
            member.save()


@contextlib.contextmanager
def output_of(model: nn.Module, layer: str) -> Iterator[list[torch.Tensor]]:
    """Inside, each call of the model adds the output of `layer` to the list that is given.

    Args:
        layer: a name from `model.named_modules()`, such as "blocks.1".

    Raises:
        ValueError: the model has no such layer.
    """
    named, seen = dict(model.named_modules()), []
    if layer not in named:
        raise ValueError(
            f"got the layer {layer!r}; expected one of {', '.join(filter(None, named))}"
        )
    handle = named[layer].register_forward_hook(lambda module, given, output: seen.append(output))
    try:
        yield seen
    finally:
        handle.remove()
