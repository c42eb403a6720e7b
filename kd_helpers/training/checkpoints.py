"""The state of a training on disk: a run that was killed goes on, and ends as if it never was."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from kd_helpers.runtime import distributed
from kd_helpers.runtime.device import describe, pick_precision
from kd_helpers.runtime.files import DamagedFile, read_sealed, set_aside, write_sealed

if TYPE_CHECKING:
    from kd_helpers.training.loop import TrainingState

SECONDS_BETWEEN = 3.0  # what a killed run has to do again, at most
SHARE_OF_TIME = 0.05  # keep large networks less often than that, if need be


class Checkpoint:
    """One file that holds a training's weights, optimiser, learning rate and history so far."""

    def __init__(self, path: Path, recipe: object, every: float | None = None) -> None:
        """recipe: as plain data; a state of another recipe is not used. every: seconds."""
        self.path, self.recipe = path, recipe
        self.every = SECONDS_BETWEEN if every is None else every
        self.kept = time.monotonic()

    def restore(self, state: TrainingState) -> None:
        """Put what is on disk into `state`; a damaged file is named, moved aside and not used."""
        if not self.path.is_file():
            return
        try:
            tensors, about = read_sealed(self.path)
            check_fits(self.path, tensors, about, state, self.recipe)
        except DamagedFile as problem:
            set_aside(self.path, problem)
            return
        state.student.load_state_dict(part(tensors, "student."))
        put_optimiser(state.optimiser, tensors, about["groups"])
        state.scheduler.load_state_dict(about["scheduler"])
        device = next(state.student.parameters()).device
        state.sums = {name: value.to(device) for name, value in part(tensors, "sums.").items()}
        vars(state.history).update(about["history"], resumed=about["history"]["resumed"] + 1)
        say_resumed(state, about["where"])

    def keep_if_due(self, state: TrainingState) -> None:
        """Write the state if the last time is long enough ago; one process does it for all."""
        if time.monotonic() >= self.kept + self.every and distributed.is_main():
            start = time.monotonic()
            self.keep(state)
            self.kept = time.monotonic()
            self.every = max(self.every, (self.kept - start) / SHARE_OF_TIME)

    def keep(self, state: TrainingState) -> None:
        """Write the state, whole or not at all."""
        tensors = {f"student.{name}": value for name, value in state.student.state_dict().items()}
        tensors |= get_optimiser(state.optimiser)
        tensors |= {f"sums.{name}": value for name, value in state.sums.items()}
        about = {
            "recipe": self.recipe,
            "groups": state.optimiser.state_dict()["param_groups"],
            "scheduler": state.scheduler.state_dict(),
            "history": vars(state.history),
            "where": where(state),
        }
        write_sealed(self.path, tensors, about)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def check_fits(
    path: Path, tensors: dict, about: dict, state: TrainingState, recipe: object
) -> None:
    """Raise DamagedFile unless the file holds the state of this recipe's network."""
    missing = {"recipe", "groups", "scheduler", "history", "where"} - about.keys()
    if missing or about["recipe"] != recipe:
        raise DamagedFile(
            f"{path}: expected the state of {recipe}, found that of {about.get('recipe')}"
        )
    stored = {name: value.shape for name, value in part(tensors, "student.").items()}
    if stored != {name: value.shape for name, value in state.student.state_dict().items()}:
        raise DamagedFile(f"{path}: expected the weights of another network than it holds")


def part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def get_optimiser(optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimiser's tensors, named by the number of their parameter."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    return {
        f"optimiser.{number}.{name}": value
        for number, parameter in enumerate(parameters)
        for name, value in optimiser.state[parameter].items()
        if torch.is_tensor(value)
    }


def put_optimiser(optimiser: torch.optim.Optimizer, tensors: dict, groups: list[dict]) -> None:
    """The way back. Each tensor takes the memory layout of its parameter: the fused optimisers go
    through both as they lie in memory, and PyTorch's own `load_state_dict` does not see to that."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for key, value in part(tensors, "optimiser.").items():
        number, name = key.split(".", 1)
        parameter = parameters[int(number)]
        if value.shape == parameter.shape:
            value = torch.empty_like(parameter, requires_grad=False).copy_(value)
        optimiser.state[parameter][name] = value.to(parameter.device)
    for group, stored in zip(optimiser.param_groups, groups, strict=True):
        group.update({name: value for name, value in stored.items() if name != "params"})


def where(state: TrainingState) -> dict[str, str]:
    """What the last bits of a result depend on."""
    device = next(state.student.parameters()).device
    return {
        "torch": str(torch.__version__),
        "device": describe(device),
        "precision": str(pick_precision(device)[0]),
    }


def say_resumed(state: TrainingState, then: dict[str, str]) -> None:
    now, words = where(state), f"goes on after step {state.history.taken}"
    if changed := [
        f"{name} {then.get(name)}, now {now[name]}" for name in now if now[name] != then.get(name)
    ]:
        words += f"; the last bits can differ: {'; '.join(changed)}"
    if distributed.is_main():
        print(words, flush=True)
