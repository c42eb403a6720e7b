"""Anybody's network as a teacher: pictures are made for it, logits found in what it answers."""

import numpy as np
import torch
import torchvision
from torch import nn

from kd_helpers.teachers import adapted
from refusals import refused
from small_network import network, pictures

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def test_pictures_are_made_for_the_teacher_as_torchvision_makes_them():
    preset = torchvision.transforms._presets.ImageClassification
    teacher = network().eval()
    for shape in ((4, 3, 28, 28), (4, 3, 40, 64), (4, 3, 300, 260)):
        images = pictures(*shape)
        with torch.no_grad():
            expected = teacher(preset(crop_size=56, resize_size=64)(images))
        found = adapted(teacher, size=56, resize=64, **IMAGENET)(images)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_channels_are_repeated_or_weighed_for_the_teacher_only():
    from PIL import Image

    grey, colour = pictures(4, 1, 20, 20), pictures(4, 3, 20, 20)
    rgb = adapted(network(), **IMAGENET)
    assert rgb(grey).equal(rgb(grey.repeat(1, 3, 1, 1)))
    made = adapted(nn.Conv2d(1, 1, 1)).preprocessing(colour)
    picture = Image.fromarray((colour[0] * 255).round().byte().permute(1, 2, 0).numpy())
    by_pil = torch.from_numpy(np.array(picture.convert("L"))) / 255
    torch.testing.assert_close(made[0, 0], by_pil, rtol=0, atol=1.5 / 255)
    assert "2 channels for a teacher of 3" in refused(rgb, pictures(4, 2, 20, 20))


def test_it_is_frozen_and_in_evaluation_mode_whoever_called_train():
    teacher, images = adapted(network()), pictures(6, 3, 20, 20)
    parent, expected = nn.ModuleList([teacher]), teacher(images)
    for wake in (parent.train, teacher.train, teacher.model.train):
        wake()
        assert teacher(images).equal(expected)
    assert not any(p.requires_grad for p in teacher.parameters())
    teacher.model.requires_grad_(True)
    assert not teacher(images.requires_grad_()).requires_grad


class Says(nn.Module):
    """A network that wraps its logits as libraries do."""

    def __init__(self, wrap):
        super().__init__()
        self.wrap = wrap

    def forward(self, images):
        return self.wrap(images.flatten(1)[:, :4])


class Output(dict):  # as Hugging Face's ModelOutput: a dictionary with attributes
    logits = property(lambda self: self["scores"])


def test_logits_are_found_in_what_libraries_answer_and_nothing_else_is_taken_for_them():
    images = pictures(5, 1, 4, 4)
    for wrap in (
        lambda z: z,
        lambda z: (z, None),
        lambda z: {"logits": z, "loss": None},
        lambda z: Output(scores=z),
    ):
        assert adapted(Says(wrap))(images).equal(images.flatten(1)[:, :4])
    for wrap, word in (
        (lambda z: {"out": z}, "a dict with out"),
        (lambda z: z[:, :, None, None], "(5, 4, 1, 1)"),
        (lambda z: z.numpy(), "a ndarray"),
        (lambda z: (), "a tuple of nothing"),
        (lambda z: z[:1], "(1, 4)"),
        (lambda z: z[:, :1], "sigmoid"),
    ):
        assert word in refused(adapted(Says(wrap)), images)


def test_what_cannot_be_is_refused_when_it_is_said():
    for how, word in (
        ({"mean": (123.7, 116.3, 103.5), "std": (58.4, 57.1, 57.4)}, "divide by 255"),
        ({"mean": 1.5, "std": 0.5}, "divide by 255"),
        ({"mean": 0.5, "std": 2.5}, "divide by 255"),
        ({"mean": (0.5, 0.5), "std": (0.5, 0.5)}, "2 values"),
        ({"mean": 0.5}, "both or neither"),
        ({"size": 0}, "size=0"),
        ({"size": 64, "resize": 32}, "not larger"),
        ({"interpolation": "lanczos"}, "lanczos"),
        ({"channels": -1}, "channels=-1"),
    ):
        assert word in refused(adapted, network(), **how)
    assert "expected a torch.nn.Module" in refused(adapted, lambda images: images)
    raw = (pictures(2, 3, 20, 20) * 255).byte()
    assert "uint8" in refused(adapted(network()), raw)
