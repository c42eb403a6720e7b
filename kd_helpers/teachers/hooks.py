"""A look at a layer inside a network, by a forward hook: no network has to be changed for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn


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
