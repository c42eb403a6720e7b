"""The state of a training on disk: a run that was killed goes on, and ends as if it never was."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from kd_helpers.runtime import distributed
from kd_helpers.runtime.device import describe, pick_precision
from kd_helpers.runtime.files import DamagedFile, read_sealed, set_aside, write_sealed

SECONDS_BETWEEN = 3.0  # what a killed run has to do again, at most
SHARE_OF_TIME = 0.05  # keep large networks less often than that, if need be


class State(Protocol):
    """All that changes while training."""

    student: nn.Module
    optimiser: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    history: Any  # its attributes are plain data; two of them are `taken` and `resumed`
    sums: dict[str, torch.Tensor]


class Checkpoint:
    """One file that holds a training's weights, optimiser, learning rate and history so far."""

    def __init__(self, path: Path, recipe: object, every: float | None = None) -> None:
        """recipe: as plain data; a state of another recipe is not used. every: seconds."""
        self.path, self.recipe = path, recipe
        self.every = SECONDS_BETWEEN if every is None else every
        self.kept = time.monotonic()

    def restore(self, state: State) -> None:
        """Put what is on disk into `state`; a damaged file is named, moved aside and not used."""
        if not self.path.is_file():
            return
        try:
            kept, about = read_sealed(self.path)
            self.check_fits(state, kept, about)
        except DamagedFile as problem:
            set_aside(self.path, problem)
            return
        state.student.load_state_dict(kept["student"])
        state.optimiser.load_state_dict(kept["optimiser"])
        state.scheduler.load_state_dict(kept["scheduler"])
        device = next(state.student.parameters()).device
        state.sums = {name: value.to(device) for name, value in kept["sums"].items()}
        vars(state.history).update(kept["history"], resumed=kept["history"]["resumed"] + 1)
        say_resumed(state, about["where"])

    def check_fits(self, state: State, kept: dict, about: dict) -> None:
        """Raise DamagedFile unless the file holds the state of this recipe's network."""
        if about.get("recipe") != self.recipe:
            raise DamagedFile(
                f"{self.path}: expected the state of {self.recipe}, found that of "
                f"{about.get('recipe')}"
            )
        if shapes(kept["student"]) != shapes(state.student.state_dict()):
            raise DamagedFile(f"{self.path}: expected the weights of another network than it holds")

    def keep_if_due(self, state: State) -> None:
        """Write the state if the last time is long enough ago; one process does it for all."""
        if time.monotonic() >= self.kept + self.every and distributed.is_main():
            start = time.monotonic()
            self.keep(state)
            self.kept = time.monotonic()
            self.every = max(self.every, (self.kept - start) / SHARE_OF_TIME)

    def keep(self, state: State) -> None:
        """Write the state, whole or not at all."""
        kept = {
            "student": state.student.state_dict(),
            "optimiser": state.optimiser.state_dict(),
            "scheduler": state.scheduler.state_dict(),
            "sums": state.sums,
            "history": vars(state.history),
        }
        write_sealed(self.path, kept, {"recipe": self.recipe, "where": where(state)})

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def shapes(weights: dict[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in weights.items()}


def where(state: State) -> dict[str, str]:
    """What the last bits of a result depend on."""
    device = next(state.student.parameters()).device
    precision = str(pick_precision(device)[0])
    return {"torch": str(torch.__version__), "device": describe(device), "precision": precision}


def say_resumed(state: State, then: dict[str, str]) -> None:
    now, words = where(state), f"goes on after step {state.history.taken}"
    changed = [f"{k} {then.get(k)}, now {now[k]}" for k in now if now[k] != then.get(k)]
    if changed:
        words += f"; the last bits can differ: {'; '.join(changed)}"
    if distributed.is_main():
        print(words, flush=True)
