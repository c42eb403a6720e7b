"""Every family against the papers' descriptions: equal weights, maps of the stated sizes, equal
logits.

The interpreter here computes with the weights in the order in which they lie; what it computes
stands in the lists, which were written from TAKD and DGKD (plain ladder, ResNet) and CRD (ResNet
x4, WRN, VGG) and their public codes.
"""

from itertools import islice

import torch
from torch.nn import functional as F

from kd_helpers.models.zoo import BODIES, make_model

# A stage is the widths of its 3×3 convolutions @ the height of its maps; where the height falls, a
# 2×2 max pool lies between. Then what is left, and a hidden linear layer where there is one.
PLAIN = {
    ("cnn-2", 10): "16@32 16@16 @8",
    ("cnn-4", 10): "16,16@32 32,32@16 @8",
    ("cnn-6", 10): "16,16@32 32,32@16 64,64@8 @4",
    ("cnn-8", 10): "16,16@32 32,32@16 64,64@8 128,128@4 @2 64",
    ("cnn-10", 10): "32,32@32 64,64@16 128,128@8 256,256,256,256@4 @2 128",
    ("cnn-2", 100): "32@32 32@16 @8",
    ("cnn-4", 100): "32,32@32 64,64@16 @8",
    ("cnn-6", 100): "32,32@32 64,64@16 128,128@8 @8",
    ("cnn-8", 100): "32,32@32 64,64@16 128,128@8 256,256@4 @2 64",
    ("cnn-10", 100): "32,32@32 64,64@16 128,128@8 256,256,256,256@4 @2 512",
}
VGG = {  # then the mean of each map
    ("vgg-8", 32): "64@32 128@16 256@8 512@4 512@4",
    ("vgg-11", 32): "64@32 128@16 256,256@8 512,512@4 512,512@4",
    ("vgg-13", 32): "64,64@32 128,128@16 256,256@8 512,512@4 512,512@4",
    ("vgg-8", 64): "64@64 128@32 256@16 512@8 512@4",
    ("vgg-11", 64): "64@64 128@32 256,256@16 512,512@8 512,512@4",
    ("vgg-13", 64): "64,64@64 128,128@32 256,256@16 512,512@8 512,512@4",
    ("vgg-8", 28): "64@28 128@14 256@7 512@3 512@3",
}
# Blocks a stage; the first convolution's filters, and the stages', whose maps halve twice.
RESNET = {f"resnet-{6 * n + 2}": (n, (16, 16, 32, 64)) for n in (1, 2, 3, 4, 5, 7, 9, 18)}
RESNET |= {f"resnet-{6 * n + 2}x4": (n, (32, 64, 128, 256)) for n in (1, 5)}
WIDE = {f"wrn-{6 * n + 4}-2": (n, (16, 32, 64, 128)) for n in (2, 3, 4, 5, 6)}
WIDE |= {"wrn-40-1": (6, (16, 16, 32, 64)), "wrn-40-4": (6, (16, 64, 128, 256))}
AT_64 = ("resnet-8", "resnet-8x4", "resnet-14", "wrn-16-2")  # larger ones repeat their blocks


def conv(x, weights, width, stride=1, size=3, bias=False):
    weight = next(weights)
    assert weight.shape == (width, x.shape[1], size, size)
    return F.conv2d(x, weight, next(weights) if bias else None, stride, padding=size // 2)


def norm(x, weights):
    scale, shift, mean, variance, _ = islice(weights, 5)
    return F.batch_norm(x, mean, variance, scale, shift)


def linear(x, weights):
    return F.linear(x.flatten(1), next(weights), next(weights))


def plain(x, weights, stages, scale=1):
    """The maps after the last stage; then the hidden layer, if there is one."""
    for stage in stages.split():
        widths, is_stage, height = stage.rpartition("@")
        if not is_stage:
            return F.relu(linear(x, weights))
        if x.shape[-1] > scale * int(height):
            x = F.max_pool2d(x, 2)
        for width in filter(None, widths.split(",")):
            x = F.relu(norm(conv(x, weights, int(width), bias=True), weights))
        assert x.shape[-2:] == (scale * int(height),) * 2
    return x


def residual(x, weights, blocks, widths):
    """He et al. 2016; the shortcut is projected where the shapes differ."""
    x = F.relu(norm(conv(x, weights, widths[0]), weights))
    for width, stride, is_first in plan(blocks, widths):
        inner = F.relu(norm(conv(x, weights, width, stride), weights))
        inner = norm(conv(inner, weights, width), weights)
        if is_first and (stride > 1 or x.shape[1] != width):
            x = norm(conv(x, weights, width, stride, size=1), weights)
        x = F.relu(x + inner)
    return x


def wide(x, weights, blocks, widths):
    """Zagoruyko and Komodakis 2016: norm and ReLU come first, and are seen by projections."""
    x = conv(x, weights, widths[0])
    for width, stride, is_first in plan(blocks, widths):
        ready = F.relu(norm(x, weights))
        inner = F.relu(norm(conv(ready, weights, width, stride), weights))
        inner = conv(inner, weights, width)
        if is_first and x.shape[1] != width:
            x = conv(ready, weights, width, stride, size=1)
        x = x + inner
    return F.relu(norm(x, weights))


def plan(blocks, widths):
    """Width, stride, whether it begins a stage: of each block."""
    for stage, width in enumerate(widths[1:]):
        for number in range(blocks):
            yield width, 2 if stage and not number else 1, not number


@torch.no_grad()
def check(name, size, body, *how, classes=100, left=None):
    """left: height of the maps whose means are taken; None: each of their pixels counts."""
    torch.manual_seed(0)
    model = make_model(name, num_classes=classes, in_channels=3, image_size=size).double().eval()
    for key, tensor in model.state_dict().items():
        if tensor.dim() == 1:  # of norms, which would else do nothing, and biases
            tensor.uniform_(0.5, 1.5) if key.endswith("var") else tensor.normal_()
    images, weights = torch.rand(1, 3, size, size).double(), iter(model.state_dict().values())
    maps = body(images, weights, *how)
    if left:
        assert maps.shape[-2:] == (left, left), (name, size)
        maps = maps.mean((2, 3))
    expected = linear(maps, weights)
    assert next(weights, None) is None and expected.std() > 0
    assert torch.allclose(model(images), expected, rtol=1e-10, atol=1e-10), (name, size)


def test_no_network_is_left_out():
    names = [name for name, _ in (*PLAIN, *VGG)]
    assert {*names, *RESNET, *WIDE} == {*BODIES}


def test_the_plain_ladder_of_both_widths():
    for (name, classes), stages in PLAIN.items():
        for scale in (1, 2):
            check(name, 32 * scale, plain, stages, scale, classes=classes)


def test_vgg_leaves_4_by_4_pixels():
    for (name, size), stages in VGG.items():
        check(name, size, plain, stages, left=int(stages[-1]))


def test_residual_and_wide_networks():
    for body, networks in ((residual, RESNET), (wide, WIDE)):
        for name, how in networks.items():
            for size in (32, 64)[: 1 + (name in AT_64)]:
                check(name, size, body, *how, left=size // 4)
