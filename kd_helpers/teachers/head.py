"""Where a network's last linear layer is: what tells its features apart into classes."""

from __future__ import annotations

from torch import nn


def head_of(model: nn.Module) -> str | None:
    """The name of the last linear layer, such as "fc", "classifier.6", "heads.head"; None: there
    is none.

    timm's networks say it themselves; elsewhere it is the last one that was registered, as in
    torchvision's and Hugging Face's networks.
    """
    linear = {name: part for name, part in model.named_modules() if isinstance(part, nn.Linear)}
    ask = getattr(model, "get_classifier", None)
    if callable(ask):
        said = ask()
        linear = {name: part for name, part in linear.items() if part is said} or linear
    return list(linear)[-1] if linear else None
