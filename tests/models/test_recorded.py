"""PyTorch can script, trace and export the networks; the check of the shape stays otherwise."""

import warnings

import pytest
import torch

from kd_helpers.models.towers import Towers, UnifiedSpecialists, by_index
from kd_helpers.models.zoo import make_model

GIVEN = {"num_classes": 10, "in_channels": 1, "image_size": 28}
IMAGES = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
BATCH = ({0: torch.export.Dim.DYNAMIC},)
TRACE = {"trace": lambda model: torch.jit.trace(model, IMAGES[:2])}
QUICK = {"script": torch.jit.script, "fx": torch.fx.symbolic_trace} | TRACE
SLOW = TRACE | {
    "export": lambda model: torch.export.export(
        model, (IMAGES[:2],), dynamic_shapes=BATCH
    ).module(),
    "compile": lambda model: torch.compile(model, backend="eager", fullgraph=True),
}


@torch.no_grad()
def check(model: torch.nn.Module, recorders: dict) -> None:
    """Each records the network with two images and answers three as the network does."""
    for how, record in recorders.items():
        found, expected = record(model)(IMAGES), model(IMAGES)
        assert torch.allclose(found, expected, atol=1e-5), (type(model).__name__, how)


def test_every_family_is_recorded_without_a_warning():
    """A warning of the tracer would mean that a shape became a constant."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", torch.jit.TracerWarning)
        for name in ("cnn-2", "cnn-8", "resnet-8", "wrn-16-2", "vgg-8", "cnn-4-1xn", "cnn-4-both"):
            check(make_model(name, **GIVEN).eval(), QUICK)
        check(make_model("resnet-8", **GIVEN).eval(), SLOW)


def test_towers_are_recorded_for_any_number_of_images():
    """All but scripted: their loop over groups of classes is Python's."""
    towers = Towers(groups=by_index(10, 4), trunk=True)
    check(UnifiedSpecialists("cnn-2", towers, **GIVEN).eval(), SLOW)


def test_images_of_another_shape_are_still_refused():
    model = make_model("cnn-2", **GIVEN)
    for ask in (model, torch.compile(model, backend="eager"), torch.nn.Sequential(model)):
        for shape in ((2, 1, 32, 32), (2, 3, 28, 28), (1, 28, 28)):
            with pytest.raises(ValueError, match="this network was made for"):
                ask(torch.rand(shape))
