"""int8: a stored run's network keeps its accuracy in a fraction of the bytes."""

import json

import onnx
import pytest
import torch
from torch import nn

from kd_course.nb02_hinton.experiments import TEACHER
from kd_helpers.data.augment import to_float
from kd_helpers.data.splits import Dataset
from kd_helpers.experiments.run import load_run
from kd_helpers.export import export, verify
from kd_helpers.models.towers import Towers, UnifiedSpecialists, by_index
from small_exports import GIVEN, few_images, without_timing  # noqa: F401


@pytest.mark.filterwarnings("ignore")
def test_the_teacher_in_int8(tmp_path):
    run, data, path = load_run(TEACHER), few_images(1000), tmp_path / "teacher.onnx"
    done = export(run, path, data=data, int8=True)
    pytorch, float32, int8 = done.rows
    assert pytorch.accuracy == float32.accuracy > 93
    assert abs(done.lost) < 1 and int8.same_class > 98
    assert int8.bytes == path.stat().st_size < 0.4 * float32.bytes
    assert done.about["precision"] == "int8" and done.about["run"] == TEACHER.hash
    assert json.loads(done.about["classes"]) == list(data.classes)
    weights = {t.name: t for t in onnx.load(path).graph.initializer if len(t.dims) == 4}
    assert len(weights) == 21 and all(
        t.data_type == onnx.TensorProto.INT8 for t in weights.values()
    )
    assert "int8" in str(done) and "loses" not in str(done)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["teacher.onnx"]


class Fragile(nn.Module):
    """The nearest class mean; one more number beside the pixels takes all of their int8 range."""

    def __init__(self, data: Dataset) -> None:
        super().__init__()
        images, labels = to_float(data.train.images).flatten(1), data.train.labels
        means = torch.stack([images[labels == k].mean(dim=0) for k in range(10)])
        self.linear = nn.Linear(785, 10)
        self.linear.weight.data = nn.functional.pad(means, (0, 1))
        self.linear.bias.data = -means.pow(2).sum(dim=1) / 2

    def forward(self, images):
        return self.linear(nn.functional.pad(images.flatten(1), (0, 1), value=1e4))


@pytest.mark.filterwarnings("ignore")
def test_int8_that_loses_accuracy_is_told_and_written(tmp_path):
    data = few_images(500)
    model = Fragile(data)
    done = export(model, tmp_path / "student.onnx", data=data, int8=True)
    assert done.rows[1].accuracy > 60 > done.rows[2].accuracy and done.lost > 20
    assert f"It loses {done.lost:.1f} percentage points of accuracy" in str(done)
    assert verify(done.path, model, data=data).rows == (done.rows[0], done.rows[2])


@pytest.mark.filterwarnings("ignore")
def test_towers_become_int8_too(tmp_path):
    towers = UnifiedSpecialists("cnn-2", Towers(groups=by_index(10, 3)), **GIVEN)
    done = export(towers, tmp_path / "student.onnx", data=few_images(), int8=True)
    assert done.rows[-1].difference < 1
