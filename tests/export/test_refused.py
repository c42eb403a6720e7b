"""A file that answers otherwise is noticed and does not appear; what cannot be is told in words."""

import builtins
import json

import onnx
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from kd_helpers.export import Mismatch, Unexportable, export, onnx_file, verify
from kd_helpers.runtime.files import DamagedFile
from small_exports import few_images, network, without_timing  # noqa: F401

DATA = few_images()
pytestmark = pytest.mark.filterwarnings("ignore")


def louder(array):
    return array * 1.02


def tamper_onnx(path) -> None:
    """Two percent on one layer's weights."""
    model = onnx.load(path)
    weights = next(w for w in model.graph.initializer if len(w.dims) == 4)
    changed = louder(onnx.numpy_helper.to_array(weights))
    weights.CopyFrom(onnx.numpy_helper.from_array(changed, weights.name))
    onnx.save(model, path)


def tamper_weights(path) -> None:
    tensors = load_file(path)
    save_file(tensors | {"body.0.weight": louder(tensors["body.0.weight"])}, path)


def tamper_torchscript(path) -> None:
    module = torch.jit.load(path)
    weight = next(p for p in module.parameters() if p.dim() == 4)
    weight.data = louder(weight.data)
    torch.jit.save(module, path)


def tamper_torch_export(path) -> None:
    program = torch.export.load(path)
    program.state_dict["network.body.0.weight"].mul_(1.02)
    torch.export.save(program, path)


def test_other_weights_are_noticed_in_every_format(tmp_path):
    tampers = {
        "onnx": tamper_onnx,
        "safetensors": tamper_weights,
        "ts": tamper_torchscript,
        "pt2": tamper_torch_export,
    }
    model = network("cnn-2")
    for ending, tamper in tampers.items():
        path = tmp_path / f"student.{ending}"
        export(model, path, data=DATA)
        assert verify(path, model, data=DATA).rows[-1].difference < 1e-4
        tamper(path)
        with pytest.raises(Mismatch, match=rf"student\.{ending}: .* at most 0\.001"):
            verify(path, model, data=DATA)
        path.write_bytes(path.read_bytes()[:-600])
        with pytest.raises(DamagedFile, match=rf"expected a \.{ending} file"):
            verify(path, model, data=DATA)


def test_a_wrong_file_does_not_take_the_place_of_a_right_one(tmp_path, monkeypatch):
    model, path = network("cnn-2"), tmp_path / "student.onnx"
    export(model, path, data=DATA)
    right = path.read_bytes()
    put_about = onnx_file.put_about
    monkeypatch.setattr(
        onnx_file, "put_about", lambda file, about: (put_about(file, about), tamper_onnx(file))
    )
    with pytest.raises(Mismatch):
        export(model, path, data=DATA)
    assert path.read_bytes() == right and list(tmp_path.iterdir()) == [path]


class Branching(nn.Module):
    """What a trace cannot hold: dark pictures go another way."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(784, 10)

    def forward(self, images):
        logits = self.linear(images.flatten(1))
        return -logits if images.mean() < 0.4 else logits


class NotFinite(Branching):
    def forward(self, images):
        return self.linear(images.flatten(1)) / 0


def test_networks_that_no_file_can_hold(tmp_path):
    for ending, problem in (("onnx", Mismatch), ("ts", Mismatch), ("pt2", Unexportable)):
        with pytest.raises(problem):
            export(Branching(), tmp_path / f"student.{ending}", data=DATA)
    with pytest.raises(Mismatch, match="nan"):
        export(NotFinite(), tmp_path / "student.onnx", data=DATA)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_is_told_before_anything_is_written(tmp_path):
    model = network("cnn-2")
    asked = {
        "ends in .onnx, .pt2": {"path": "student.pth"},
        "expected a name that ends in .onnx": {"path": "student.pt2", "int8": True},
        "a network without data; expected data=": {"path": "student.onnx", "data": None},
        "no test images; expected data=": {"path": "student.onnx", "data": few_images(0)},
        r"got \(2, 10\) .* expected logits \(2, 2\)": {"path": "s.onnx", "classes": ("a", "b")},
    }
    for words, how in asked.items():
        path, how = tmp_path / how.pop("path"), {"data": DATA} | how
        with pytest.raises(ValueError, match=words):
            export(model, path, **how)
    export(model, tmp_path / "a.safetensors", data=DATA)
    with pytest.raises(ValueError, match=r"belongs to a.safetensors; give b.safetensors a folder"):
        export(model, tmp_path / "b.safetensors", data=DATA)
    export(model, tmp_path / "a.safetensors", data=DATA, classes="0123456789")  # over its own
    assert json.loads((tmp_path / "config.json").read_text())["classes"] == list("0123456789")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.safetensors", "config.json"]


def test_a_missing_package_is_named_with_the_way_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "import_module", lambda name: builtins.__import__("no_" + name))
    with pytest.raises(ModuleNotFoundError, match=r"no package onnx.*pip install onnx onnxruntime"):
        export(network("cnn-2"), tmp_path / "student.onnx", data=DATA)
