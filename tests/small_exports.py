"""What tests of exports share: few real images, untrained networks, no timing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from kd_helpers.data.datasets import Dataset, load_dataset
from kd_helpers.export import compare
from kd_helpers.models.zoo import make_model

GIVEN = {"num_classes": 10, "in_channels": 1, "image_size": 28}


def few_images(count: int = 24) -> Dataset:
    """Fashion-MNIST with `count` test images: by default batches of 1, 7 and 16."""
    whole = load_dataset("fashion-mnist")
    return replace(whole, test=whole.test.subset(torch.arange(count)))


def network(name: str) -> nn.Module:
    """Of the zoo, with other statistics of batch normalisation than those of the start."""
    torch.manual_seed(0)
    model = make_model(name, **GIVEN)
    model(torch.rand(64, 1, 28, 28))
    return model


@pytest.fixture(autouse=True)
def without_timing(monkeypatch):
    """Measuring takes longer than all else."""
    monkeypatch.setattr(compare, "median_ms", lambda answer, images: 0.0)
