"""A teacher answers in evaluation mode, frozen and without a graph, whatever is done to it."""

import pytest
import torch
from torch import nn

from kd_helpers.methods import HintonKD
from kd_helpers.models.zoo import make_model
from kd_helpers.teachers import Batch, NetworkTeacher


@pytest.fixture
def network(monkeypatch) -> nn.Module:
    """An untrained network whose running statistics are far from those of any batch."""
    torch.manual_seed(0)
    model = make_model("cnn-2", num_classes=10, in_channels=1, image_size=28)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.1, 0.5)
    return model


def batch(*rows: int) -> Batch:
    index = torch.tensor(rows or range(8))
    pictures = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    return Batch(pictures[index], torch.zeros_like(index), index, torch.zeros_like(index))


def test_a_teacher_is_in_evaluation_mode_whoever_called_train_last(network):
    """So an answer neither depends on the rest of the batch nor changes the network."""
    teacher = NetworkTeacher(network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()  # somebody does, for example through a parent module
    together, alone = teacher(batch()), []
    for row in range(8):
        network.train()
        alone.append(teacher(batch(row)))
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)


def test_a_teacher_is_frozen_and_its_answers_have_no_graph_even_if_thawed(network):
    teacher = NetworkTeacher(network)
    assert not any(parameter.requires_grad for parameter in network.parameters())
    network.requires_grad_(True)
    assert not teacher(batch()).requires_grad
    student = torch.zeros(8, 10, requires_grad=True)
    kept = network.eval()(batch().images)  # a graph that somebody left
    HintonKD()(student, kept, batch().labels)["loss"].backward()
    assert student.grad.any() and all(p.grad is None for p in network.parameters())


def test_answers_are_the_networks_in_float32_in_bfloat16_too(network, monkeypatch):
    found = NetworkTeacher(network)(batch())
    with torch.no_grad():
        torch.testing.assert_close(found, network.eval()(batch().images))
    monkeypatch.setenv("KD_PRECISION", "bfloat16")
    rounded = NetworkTeacher(network)(batch())
    assert found.dtype == rounded.dtype == torch.float32 and not rounded.equal(found)
    torch.testing.assert_close(rounded, found, rtol=0.1, atol=0.1)


def test_a_batch_of_a_loop_of_ones_own_is_a_first_one_that_nobody_was_told_of():
    rows = torch.arange(2)
    batch = Batch(torch.rand(2, 1, 4, 4), rows, rows, rows)
    assert batch.step == 0 and not batch.prepared
