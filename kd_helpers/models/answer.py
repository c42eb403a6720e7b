"""What a network answers: logits (B, K), or a sentence about what came instead."""

from __future__ import annotations

import torch
from torch import nn


def logits_of(network: nn.Module, images: torch.Tensor, role: str = "network") -> torch.Tensor:
    """The network's logits (B, K) for images (B, C, H, W) float.

    Args:
        role: what to call it where something is wrong: student, teacher.

    Raises:
        ValueError: it cannot take such images, or answers with something else.
    """
    answer = ask(network, images, role)
    check_answer(answer, len(images), f"the {role} {type(network).__name__}")
    return answer


def ask(network: nn.Module, images: torch.Tensor, role: str) -> torch.Tensor:
    """Whatever the network answers; PyTorch's words about a shape come with what was asked."""
    try:
        return network(images)
    except (torch.OutOfMemoryError, NotImplementedError):
        raise  # these are RuntimeErrors too, and say what is the matter
    except RuntimeError as problem:
        told = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise ValueError(
            f"the {role} {type(network).__name__} fails on images of shape {tuple(images.shape)}; "
            "expected a network for such images, or one made to take them by adapted(…). It says: "
            f"{told}"
        ) from problem


def check_answer(answer: object, images: int, who: str) -> None:
    """Raise ValueError unless an answer to so many images is a float tensor (B, K)."""
    wanted = f"expected a tensor of logits ({images}, classes)"
    if not isinstance(answer, torch.Tensor):
        kind = type(answer).__name__
        if isinstance(answer, (tuple, list, dict)):
            kind = f"{kind} of {len(answer)}"
        raise ValueError(
            f"got a {kind} from {who}; {wanted}: put round it a module that returns just that part"
        )
    if answer.dim() != 2 or len(answer) != images or not answer.is_floating_point():
        kind = f"{tuple(answer.shape)} {str(answer.dtype).removeprefix('torch.')}"
        raise ValueError(f"got an answer {kind} from {who}; {wanted}")
