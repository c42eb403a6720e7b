"""Networks: parameter counts of the published layer lists, shapes, and errors in words."""

import pytest
import torch
from torch import nn

from kd_helpers.models.zoo import BODIES, MODEL_NAMES, SMALLEST_IMAGE, full_precision, make_model

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


def network(name: str, classes: int = 10, channels: int = 1, size: int = 28) -> nn.Module:
    torch.manual_seed(0)
    return make_model(name, num_classes=classes, in_channels=channels, image_size=size)


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_number_of_parameters():
    for (name, classes), expected in PARAMETERS.items():
        assert count(network(name, classes, 3, 32)) == expected, name


def filters(name: str) -> list[tuple]:
    convolutions = [m for m in network(name, 10, 3, 32).modules() if isinstance(m, nn.Conv2d)]
    return [(m.in_channels, m.out_channels, m.stride, m.kernel_size) for m in convolutions]


def test_the_twins_differ_in_the_height_of_their_filters_only():
    """-1xn: every filter is one row high. -both: half of a layer's outputs come from such ones."""
    for name in BODIES:
        both = iter(filters(f"{name}-both"))
        for square, row in zip(filters(name), filters(f"{name}-1xn"), strict=True):
            inputs, outputs, stride, size = square
            assert row == (inputs, outputs, stride, (1, size[1])) and size[0] == size[1]
            assert next(both) == (inputs, outputs - outputs // 2 * (size[0] > 1), stride, size)
            if size[0] > 1:
                assert next(both) == (inputs, outputs // 2, stride, (1, size[1]))
        assert next(both, None) is None


def test_every_model_gives_logits_and_every_weight_matrix_gets_a_gradient():
    """Finite numbers of both signs: a softmax or ReLU at the end would make softmax twice."""
    whole = [name for name in MODEL_NAMES if full_precision(name) == name]
    small = [*whole, "cnn-2-int8", "vgg-8-int4", "wrn-16-2-ternary"]
    for channels, size, classes, names in ((1, 28, 10, small), (3, 33, 100, BODIES)):
        images = torch.rand(2, channels, size, size)
        for name in names:
            with torch.no_grad():
                logits = network(name, classes, channels, size)(images)
            assert logits.shape == (2, classes) and logits.isfinite().all(), name
            assert (logits < 0).any() and (logits > 0).any(), name
    for name in ("cnn-2", "cnn-10", "resnet-8", "wrn-16-2", "vgg-8-1xn", "resnet-8-both"):
        model = network(name)
        model(torch.rand(8, 1, 28, 28)).square().sum().backward()
        assert all(p.grad.abs().sum() > 0 for p in model.parameters() if p.dim() > 1), name


def test_what_cannot_be_made_or_read_is_refused_in_words():
    with pytest.raises(ValueError, match="'cnn-3'") as caught:
        network("cnn-3")
    assert all(known in str(caught.value) for known in MODEL_NAMES)
    for size in (0, SMALLEST_IMAGE - 1):
        with pytest.raises(ValueError, match=f"{size}×{size} pixels.*at least {SMALLEST_IMAGE}"):
            network("cnn-10", size=size)
    for classes, channels in ((1, 3), (10, 0)):
        with pytest.raises(ValueError, match=f"num_classes={classes}, in_channels={channels}"):
            network("cnn-2", classes, channels)
    for shape in ((2, 3, 28, 28), (2, 1, 32, 32), (1, 28, 28)):
        with pytest.raises(ValueError, match=r"made for \(batch, 1, 28, 28\)") as caught:
            network("resnet-8")(torch.zeros(shape))
        assert str(shape) in str(caught.value)
