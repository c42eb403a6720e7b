"""Each format answers as the network does, whatever the batch, and says what it holds."""

import json

import onnxruntime
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from kd_helpers.data.augment import to_float
from kd_helpers.export import export
from kd_helpers.models.towers import Towers, UnifiedSpecialists, by_index
from kd_helpers.models.zoo import make_model
from small_exports import GIVEN, few_images, network, without_timing  # noqa: F401

FAMILIES = ("cnn-2", "resnet-8", "wrn-16-2", "vgg-8", "cnn-4-1xn")
DATA = few_images()
CLASSES = list(DATA.classes)


def in_onnxruntime(path):
    session = onnxruntime.InferenceSession(path)
    return (
        lambda images: torch.from_numpy(session.run(None, {"images": images.numpy()})[0]),
        json.loads(session.get_modelmeta().custom_metadata_map["classes"]),
    )


def in_torch_export(path):
    files = {"about.json": ""}
    program = torch.export.load(path, extra_files=files)
    return program.module(), json.loads(files["about.json"])["classes"]


def in_torchscript(path):
    files = {"about.json": ""}
    return torch.jit.load(path, _extra_files=files), json.loads(files["about.json"])["classes"]


def in_the_zoo(path):
    config = json.loads(path.with_name("config.json").read_text())
    model = make_model(config["network"], **GIVEN)
    model.load_state_dict(load_file(path))
    return lambda images: model.eval()(to_float(images)), config["classes"]


OPENED = {
    "onnx": in_onnxruntime,
    "pt2": in_torch_export,
    "ts": in_torchscript,
    "torchscript": in_torchscript,
    "safetensors": in_the_zoo,
}


@torch.no_grad()
def check(model: nn.Module, path, opened, *more: torch.Tensor) -> None:
    """Export, then open as a user would, and ask batches of other sizes."""
    done = export(model, path, data=DATA)
    assert done.rows[-1].difference < 1e-4 and done.rows[-1].same_class == 100
    assert done.rows[-1].bytes == path.stat().st_size
    (other := path.with_name("other")).touch()
    assert path.stat().st_mode == other.stat().st_mode, "who may read it"
    answer, classes = opened(path)
    assert classes == CLASSES
    for images in (DATA.test.images[:1], DATA.test.images[:7], *more):
        expected = model.eval()(to_float(images))
        assert torch.allclose(answer(images), expected, atol=1e-4), (path, len(images))


@pytest.mark.filterwarnings("ignore")
def test_every_family_in_every_format(tmp_path):
    for name in FAMILIES:
        more = [] if name != "cnn-2" else [DATA.train.images[:256]]
        for ending, opened in OPENED.items():
            path = tmp_path / name / ending / f"my student.{ending}"
            check(network(name), path, opened, *more)


class Own(nn.Module):
    """What people write: functions between layers, a reshape, dropout, no name in the zoo."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 8, 3, stride=2), nn.LayerNorm(8)
        self.linear = nn.Linear(8 * 13 * 13, 10)

    def forward(self, x):
        x = nn.functional.gelu(self.conv(x * 2 - 1)).permute(0, 2, 3, 1)
        x = nn.functional.dropout(self.norm(x), 0.5, self.training)
        return self.linear(x.reshape(x.shape[0], -1))


@pytest.mark.filterwarnings("ignore")
def test_a_network_of_ones_own_and_towers_in_every_format(tmp_path):
    """The caller's network stays in training mode, and nothing of it is moved."""
    own = Own()
    towers = UnifiedSpecialists("cnn-2", Towers(groups=by_index(10, 3)), **GIVEN)
    for model in (own, towers):
        for ending in ("onnx", "pt2", "ts", "safetensors"):
            done = export(model.train(), tmp_path / f"{ending}.{ending}", data=DATA)
            assert done.rows[-1].difference < 1e-4 and model.training
            assert next(model.parameters()).requires_grad
            assert done.about["network"].endswith(f":{type(model).__name__}")
