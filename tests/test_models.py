"""Networks: parameter counts of the published layer lists, shapes, and errors in words."""

import pytest
import torch

from kd_helpers.models import MODEL_NAMES, SMALLEST_IMAGE, make_model

BATCH = 2
PARAMETERS = {  # at 3×32×32: (name, classes) → count
    ("cnn-2", 10): 13_082,
    ("cnn-2", 100): 215_172,
    ("cnn-4", 10): 37_338,
    ("cnn-4", 100): 475_652,
    ("cnn-6", 10): 82_778,
    ("cnn-6", 100): 1_107_204,
    ("cnn-8", 10): 327_962,
    ("cnn-8", 100): 1_246_276,
    ("cnn-10", 10): 2_487_850,
    ("cnn-10", 100): 2_931_460,
    ("resnet-8", 10): 78_042,
    ("resnet-14", 10): 175_258,
    ("resnet-20", 10): 272_474,
    ("resnet-26", 10): 369_690,
    ("resnet-110", 10): 1_730_714,
}


@pytest.mark.parametrize(("name", "classes"), PARAMETERS)
def test_number_of_parameters(name, classes):
    model = make_model(name, num_classes=classes, in_channels=3, image_size=32)
    found = sum(parameter.numel() for parameter in model.parameters())
    assert found == PARAMETERS[name, classes]


@pytest.mark.parametrize("name", MODEL_NAMES)
@pytest.mark.parametrize(("channels", "size", "classes"), ((1, 28, 10), (3, 33, 100)))
def test_every_model_runs(name, channels, size, classes):
    model = make_model(name, num_classes=classes, in_channels=channels, image_size=size)
    with torch.no_grad():
        logits = model(torch.rand(BATCH, channels, size, size))
    assert logits.shape == (BATCH, classes)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", ("cnn-2", "cnn-10", "resnet-8"))
def test_every_weight_matrix_gets_a_gradient(name):
    torch.manual_seed(0)
    model = make_model(name, num_classes=10, in_channels=1, image_size=28)
    model(torch.rand(8, 1, 28, 28)).square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    assert all(p.grad.abs().sum() > 0 for p in model.parameters() if p.dim() > 1)


@pytest.mark.parametrize("name", ("cnn-4", "resnet-8"))
def test_logits_are_not_squashed(name):
    """The networks give logits: a softmax or ReLU at the end would make softmax twice."""
    torch.manual_seed(0)
    model = make_model(name, num_classes=10, in_channels=1, image_size=28)
    logits = model(torch.rand(32, 1, 28, 28))
    assert (logits < 0).any() and (logits > 0).any()
    assert not torch.allclose(logits.sum(dim=1), torch.ones(32))


@pytest.mark.parametrize("name", ("cnn-3", "resnet-50", "vgg", ""))
def test_an_unknown_name_lists_the_known_ones(name):
    with pytest.raises(ValueError) as caught:
        make_model(name, num_classes=10, in_channels=3, image_size=32)
    assert repr(name) in str(caught.value)
    assert all(known in str(caught.value) for known in MODEL_NAMES)


@pytest.mark.parametrize("size", (0, 8, SMALLEST_IMAGE - 1))
def test_too_small_an_image_is_refused_with_the_least_size(size):
    with pytest.raises(ValueError, match=f"{size}×{size} pixels.*at least {SMALLEST_IMAGE}"):
        make_model("cnn-10", num_classes=10, in_channels=3, image_size=size)


@pytest.mark.parametrize(("classes", "channels"), ((1, 3), (0, 3), (10, 0)))
def test_too_few_classes_or_channels_are_refused(classes, channels):
    with pytest.raises(ValueError, match=f"got num_classes={classes}, in_channels={channels}"):
        make_model("cnn-2", num_classes=classes, in_channels=channels, image_size=32)


@pytest.mark.parametrize("shape", ((2, 3, 28, 28), (2, 1, 32, 32), (1, 28, 28), (2, 784)))
@pytest.mark.parametrize("name", ("cnn-2", "resnet-8"))
def test_images_of_another_shape_are_refused_in_words(name, shape):
    model = make_model(name, num_classes=10, in_channels=1, image_size=28)
    with pytest.raises(ValueError) as caught:
        model(torch.zeros(shape))
    assert str(shape) in str(caught.value)
    assert "made for (batch, 1, 28, 28)" in str(caught.value)
