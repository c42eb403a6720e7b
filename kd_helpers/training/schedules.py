"""How long and how fast to train: optimiser, learning rate, number of steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from kd_helpers.runtime.plain import Plain

OPTIMISERS = ("sgd", "adam")
SHAPES = ("one-cycle", "constant")


@dataclass(frozen=True)
class Schedule(Plain):
    """How long and how fast to train; by default SGD, Nesterov momentum 0.9, one cosine cycle."""

    steps: int = 1500  # gradient steps; the same number for every arm of a comparison
    batch_size: int = 128  # images a step
    learning_rate: float = 0.1  # the peak, reached after 30 % of the steps
    weight_decay: float = 5e-4
    optimiser: str = "sgd"  # or "adam", with PyTorch's default betas
    shape: str = "one-cycle"  # of the learning rate; or "constant", but for `drops`
    nesterov: bool = True  # which momentum SGD has; the papers' codes have the plain one
    drops: tuple[float, ...] = ()  # shares of the steps after which a constant rate falls to 1/10

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("steps", "batch_size", "learning_rate"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"got {name}={getattr(self, name)}; expected a number above 0")
        if not 0 <= self.weight_decay < float("inf"):
            raise ValueError(f"got weight_decay={self.weight_decay}; expected 0 or more")
        for name, known in (("optimiser", OPTIMISERS), ("shape", SHAPES)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"got {name}={getattr(self, name)!r}; expected one of {', '.join(known)}"
                )
        if self.optimiser == "adam" and not self.nesterov:
            raise ValueError(
                "got nesterov=False and adam; expected it with sgd, which has momentum"
            )
        if not all(0 < drop < 1 for drop in self.drops) or (
            self.drops and self.shape != "constant"
        ):
            raise ValueError(
                f"got drops={self.drops} with shape={self.shape!r}; expected shares between 0 and "
                '1, with shape="constant"'
            )


def make_optimiser(
    student: nn.Module, schedule: Schedule
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """The optimiser, and what moves its learning rate: to be stepped after each step."""
    how: dict[str, Any] = {
        "lr": schedule.learning_rate,
        "weight_decay": schedule.weight_decay,
        "fused": True,
    }
    optimiser: torch.optim.Optimizer
    if schedule.optimiser == "adam":
        optimiser = torch.optim.Adam(student.parameters(), **how)
    else:
        how |= {"momentum": 0.9, "nesterov": schedule.nesterov}
        optimiser = torch.optim.SGD(student.parameters(), **how)
    if schedule.shape == "constant":
        return optimiser, torch.optim.lr_scheduler.LambdaLR(
            optimiser,
            lambda step: 0.1 ** sum(step >= drop * schedule.steps for drop in schedule.drops),
        )
    return optimiser, torch.optim.lr_scheduler.OneCycleLR(
        optimiser, schedule.learning_rate, total_steps=schedule.steps + 1, cycle_momentum=False
    )
