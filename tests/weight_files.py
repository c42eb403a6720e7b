"""A network of the zoo, its weights, and what is said of a file that does not fit it."""

from pathlib import Path

import pytest
import torch
from torch import nn

from kd_helpers.models.zoo import make_model
from kd_helpers.teachers.weights import WeightsError, load_weights


def network(classes: int = 4, name: str = "cnn-2") -> nn.Module:
    return make_model(name, num_classes=classes, in_channels=1, image_size=28)


def state(model: nn.Module, prefix: str = "") -> dict[str, torch.Tensor]:
    return {
        prefix + name: value.clone(memory_format=torch.contiguous_format)
        for name, value in model.state_dict().items()
    }


def not_loaded(path: Path, model: nn.Module | None = None, **how) -> str:
    """The sentence; the network is as it was."""
    model = model or network()
    before = state(model)
    with pytest.raises(WeightsError) as problem:
        load_weights(model, path, **how)
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())
    assert str(path) in str(problem.value) and "\n" not in str(problem.value)
    return str(problem.value)
