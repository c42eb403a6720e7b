"""Networks: parameter counts of the published layer lists, shapes, and errors in words."""

import pytest
import torch
from torch import nn

from kd_helpers.models.zoo import BODIES, MODEL_NAMES, SMALLEST_IMAGE, make_model

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
    # CRD's networks at 100 classes: layer by layer, as in the public code
    ("resnet-8x4", 100): 1_233_540,
    ("resnet-32x4", 100): 7_433_860,
    ("wrn-16-2", 100): 703_284,
    ("wrn-40-1", 100): 569_780,
    ("wrn-40-2", 100): 2_255_156,
    ("vgg-8", 100): 3_965_028,
    ("vgg-11", 100): 9_277_284,
    ("vgg-13", 100): 9_462_180,
}


@pytest.mark.parametrize(("name", "classes"), PARAMETERS)
def test_number_of_parameters(name, classes):
    model = make_model(name, num_classes=classes, in_channels=3, image_size=32)
    found = sum(parameter.numel() for parameter in model.parameters())
    assert found == PARAMETERS[name, classes]


def wide_count(depth: int, factor: int, filter_size: int) -> int:
    """Parameters of a wide residual network on paper, filters of 3 × `filter_size`, 100 classes."""
    taps, blocks = 3 * filter_size, (depth - 4) // 6
    total, before = 3 * 16 * taps, 16
    for width in (16 * factor, 32 * factor, 64 * factor):
        first = 2 * before + before * width * taps + 2 * width + width * width * taps
        shortcut = before * width if before != width else 0
        rest = (blocks - 1) * 2 * (2 * width + width * width * taps)
        total, before = total + first + shortcut + rest, width
    return total + 2 * before + (before + 1) * 100


@pytest.mark.parametrize(
    ("depth", "factor"), ((16, 2), (22, 2), (34, 2), (40, 1), (40, 2), (40, 4))
)
@pytest.mark.parametrize(("end", "filter_size"), (("", 3), ("-1xn", 1)))
def test_wide_networks_have_as_many_parameters_as_on_paper(depth, factor, end, filter_size):
    name = f"wrn-{depth}-{factor}{end}"
    model = make_model(name, num_classes=100, in_channels=3, image_size=32)
    found = sum(parameter.numel() for parameter in model.parameters())
    assert found == wide_count(depth, factor, filter_size)


def filters(name: str) -> list[tuple]:
    model = make_model(name, num_classes=10, in_channels=3, image_size=32)
    convolutions = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
    return [(m.in_channels, m.out_channels, m.stride, m.kernel_size) for m in convolutions]


@pytest.mark.parametrize("name", BODIES)
def test_the_1xn_twin_differs_in_the_height_of_its_filters_only(name):
    for square, row in zip(filters(name), filters(f"{name}-1xn"), strict=True):
        assert square[:3] == row[:3]
        assert row[3] == (1, square[3][1]) and square[3][0] == square[3][1]


def test_a_1xn_filter_sees_its_own_row_only():
    torch.manual_seed(0)
    body = make_model("vgg-8-1xn", num_classes=10, in_channels=1, image_size=28).body
    first = body[:2].eval()  # convolution, batch norm
    image = torch.rand(1, 1, 28, 28, requires_grad=True)
    first(image)[0, :, 9].sum().backward()
    seen = image.grad[0, 0].abs().sum(dim=1)
    assert seen[9] > 0 and seen.sum() == seen[9]


@pytest.mark.parametrize("name", BODIES)
def test_the_twin_with_both_filters_has_half_of_each_side_by_side(name):
    """Two entries for every N×N layer, N×N and 1×N, which together have as many outputs."""
    both = iter(filters(f"{name}-both"))
    for inputs, outputs, stride, size in filters(name):
        assert next(both) == (inputs, outputs - outputs // 2 * (size[0] > 1), stride, size)
        if size[0] > 1:
            assert next(both) == (inputs, outputs // 2, stride, (1, size[1]))
    assert next(both, None) is None


def test_half_of_the_outputs_of_both_filters_see_their_own_row_only():
    torch.manual_seed(0)
    layer = make_model("cnn-2-both", num_classes=10, in_channels=1, image_size=28).body[0]
    for outputs, rows in ((slice(0, 8), {8, 9, 10}), (slice(8, 16), {9})):
        image = torch.rand(1, 1, 28, 28, requires_grad=True)
        layer(image)[0, outputs, 9].sum().backward()
        seen = image.grad[0, 0].abs().sum(dim=1)
        assert set(seen.nonzero()[:, 0].tolist()) == rows


@pytest.mark.parametrize("name", MODEL_NAMES)
@pytest.mark.parametrize(("channels", "size", "classes"), ((1, 28, 10), (3, 33, 100)))
def test_every_model_runs(name, channels, size, classes):
    model = make_model(name, num_classes=classes, in_channels=channels, image_size=size)
    with torch.no_grad():
        logits = model(torch.rand(BATCH, channels, size, size))
    assert logits.shape == (BATCH, classes)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize(
    "name", ("cnn-2", "cnn-10", "resnet-8", "wrn-16-2", "vgg-8-1xn", "resnet-8-both")
)
def test_every_weight_matrix_gets_a_gradient(name):
    torch.manual_seed(0)
    model = make_model(name, num_classes=10, in_channels=1, image_size=28)
    model(torch.rand(8, 1, 28, 28)).square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    assert all(p.grad.abs().sum() > 0 for p in model.parameters() if p.dim() > 1)


@pytest.mark.parametrize("name", ("cnn-2", "cnn-4", "cnn-10", "vgg-8", "cnn-4-both"))
def test_pooling_before_the_relu_is_pooling_after_it_to_the_last_bit(name):
    """The papers list convolution, batch norm, ReLU, pooling; here the last two change places."""
    torch.manual_seed(0)
    body = make_model(name, num_classes=10, in_channels=1, image_size=28).body
    layers = list(body)
    for i, layer in enumerate(body):
        if isinstance(layer, nn.MaxPool2d):
            layers[i : i + 2] = [nn.ReLU(), layer]
    pools = [i for i, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)]
    assert pools and all(type(layers[i - 2]) is nn.BatchNorm2d for i in pools)
    results = []
    for network in (body, nn.Sequential(*layers)):
        network.train().zero_grad()
        logits = network(torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(1)))
        logits.square().sum().backward()
        results.append([logits, *(p.grad.clone() for p in network.parameters())])
    assert all(ours.equal(theirs) for ours, theirs in zip(*results, strict=True))


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
