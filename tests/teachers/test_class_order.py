"""Classes by name: a teacher's outputs in the data's order, whatever their own."""

import copy

import torch
from torch import nn

from kd_helpers.models.zoo import make_model
from kd_helpers.teachers import adapted
from refusals import refused
from small_network import network, pictures

CLASSES = ("bag", "Ankle boot", "t-shirt", "coat")


def permuted(model: nn.Module, order: torch.Tensor) -> nn.Module:
    """The same network with its outputs in another order."""
    other = copy.deepcopy(model)
    other[-1].weight.data, other[-1].bias.data = (
        model[-1].weight.data[order],
        model[-1].bias.data[order],
    )
    return other


def test_a_teacher_whose_classes_stand_in_another_order_gives_the_same_answers():
    order = torch.tensor([2, 0, 3, 1])
    first = adapted(network(), classes=CLASSES)
    names = [("ANKLE_BOOT" if name == "Ankle boot" else name) for name in CLASSES]
    other = adapted(permuted(network(), order), classes=[names[i] for i in order])
    images = pictures(6, 3, 20, 20)
    assert not first(images).allclose(other(images))
    for teacher in (other.for_classes(CLASSES), other.for_classes(reversed(CLASSES))):
        assert teacher.for_classes(CLASSES)(images).equal(first(images))
    assert other.for_classes(CLASSES).classes == CLASSES


def test_of_more_classes_the_shared_ones_are_renormalised_and_missing_ones_are_named():
    teacher, images = adapted(network(), classes=CLASSES), pictures(6, 3, 20, 20)
    whole = teacher(images).softmax(dim=1)[:, [3, 0]]
    shared = teacher.for_classes(["coat", "bag"])(images).softmax(dim=1)
    torch.testing.assert_close(shared, whole / whole.sum(dim=1, keepdim=True))
    assert "'shirt', 'sandal'" in refused(teacher.for_classes, ["bag", "shirt", "sandal"])
    twins = adapted(network(), classes=["coat", "Coat", "bag", "hat"])
    assert twins.for_classes(["coat", "Coat"]).columns.tolist() == [0, 1]
    assert "could mean two" in refused(twins.for_classes, ["COAT", "bag"])
    assert "could mean two" in refused(twins.for_classes, ["bag", "Bag"])


def test_without_names_the_number_of_outputs_has_to_agree():
    nameless = adapted(network(), channels=3)
    assert nameless.for_classes(CLASSES).classes == CLASSES
    assert "4 outputs for 3 classes" in (problem := refused(nameless.for_classes, "abc"))
    assert "fit_head" in problem
    fixed = adapted(make_model("cnn-2", num_classes=4, in_channels=1, image_size=28))
    late = fixed.for_classes("abc")  # its size is not known yet
    assert "4 outputs for 3 classes" in refused(late, pictures(2, 1, 28, 28))
    wrong = adapted(network(), classes="abcdef").for_classes("abcd")
    assert "4 outputs for 6 classes" in refused(wrong, pictures(2, 3, 28, 28))
