"""Each format answers as the network does, and says what it holds."""

import json
from dataclasses import replace

import onnx
import pytest
import torch
from torch import nn

from kd_helpers.data.datasets import load_dataset
from kd_helpers.export import Mismatch, compare, export, verify
from kd_helpers.models.zoo import make_model

GIVEN = {"num_classes": 10, "in_channels": 1, "image_size": 28}
FAMILIES = ("cnn-2", "resnet-8", "wrn-16-2", "vgg-8", "cnn-4-1xn")


@pytest.fixture(scope="module")
def data():
    whole = load_dataset("fashion-mnist")
    return replace(whole, test=whole.test.subset(torch.arange(264)))  # batches of 1, 7 and 256


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """One answer instead of a measurement."""
    monkeypatch.setattr(compare, "median_ms", lambda answer, images: len(answer(images)))


def network(name: str) -> nn.Module:
    """With statistics of batch normalisation that are not those of the start."""
    torch.manual_seed(0)
    model = make_model(name, **GIVEN)
    model(torch.rand(64, 1, 28, 28))
    return model


def test_onnx_answers_as_pytorch_in_every_family(data, tmp_path):
    for name in FAMILIES:
        done = export(network(name), tmp_path / f"{name}.onnx", data=data)
        here, there = done.rows
        assert there.difference < 1e-4 and there.same_class == 100 == here.same_class
        assert there.bytes == done.path.stat().st_size
        assert json.loads(done.about["classes"]) == list(data.classes)


def test_a_file_with_other_weights_is_noticed(data, tmp_path):
    model, path = network("cnn-2"), tmp_path / "student.onnx"
    export(model, path, data=data)
    verify(path, model, data=data)
    graph = onnx.load(path)
    weights = next(w for w in graph.graph.initializer if len(w.dims) == 4)
    changed = onnx.numpy_helper.to_array(weights) * 1.05
    weights.CopyFrom(onnx.numpy_helper.from_array(changed, weights.name))
    onnx.save(graph, path)
    with pytest.raises(Mismatch, match=r"student\.onnx: onnxruntime .* at most 0.001"):
        verify(path, model, data=data)
