"""A teacher of other classes gets a head for those of the data."""

from dataclasses import replace

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from kd_course.nb02_hinton.experiments import full_arms
from kd_helpers.data.datasets import load_dataset
from kd_helpers.experiments.run import load_run
from kd_helpers.models.zoo import make_model, take_over
from kd_helpers.teachers import adapted
from kd_helpers.teachers.named import teacher_named
from kd_helpers.teachers.weights import load_weights, save_teacher
from kd_helpers.training.examine import answers, examine
from kd_helpers.training.fit_head import fit_head, probe

WHOLE = load_dataset("fashion-mnist")
DATA = replace(
    WHOLE,
    train=WHOLE.train.subset(torch.arange(1500)),
    val=WHOLE.val.subset(torch.arange(0, 6000, 12)),
)


@pytest.fixture(scope="module")
def other() -> nn.Module:
    """A trained body under an untrained head for three other classes."""
    network = make_model("cnn-2", num_classes=3, in_channels=1, image_size=28)
    take_over(network, load_run(full_arms(0)["student, hard labels"]).model(), last_layer=False)
    return network


def test_a_probe_makes_a_teacher_of_a_network_that_knows_other_classes(other, tmp_path, capsys):
    with pytest.raises(ValueError, match="fit_head"):
        adapted(other, size=28).for_classes(DATA.classes)
    before = other.state_dict()["body.9.weight"].clone()
    fitted = fit_head(adapted(other, size=28), DATA)
    assert "1,500 pictures" in (told := capsys.readouterr().out) and "% of 500" in told
    assert fitted.classes == DATA.classes and examine(fitted, DATA).accuracy > 0.85
    assert other.state_dict()["body.9.weight"].equal(before)  # the given network is as it was
    path = save_teacher(fitted, tmp_path / "fitted.safetensors")
    again = adapted(make_model("cnn-2", num_classes=10, in_channels=1, image_size=28))
    load_weights(again, path)
    images = DATA.val.images[:20]
    assert answers(again, images).equal(answers(fitted, images))


def test_steps_move_the_whole_network_and_the_seed_decides(other):
    few = replace(DATA, train=DATA.train.subset(torch.arange(300)))
    fitted = fit_head(other, few)
    tuned, twin = (fit_head(other, few, steps=10, seed=3) for _ in range(2))
    first = [teacher.model.state_dict() for teacher in (fitted, tuned, twin)]
    assert not first[0]["body.0.weight"].equal(first[1]["body.0.weight"])
    assert all(value.equal(first[2][name]) for name, value in first[1].items())
    assert not any(p.requires_grad for p in tuned.parameters())
    assert examine(tuned, DATA).accuracy > 0.8


def test_the_probe_is_logistic_regression():
    torch.manual_seed(0)
    features, labels = torch.randn(200, 5), torch.randint(0, 3, (200,))
    features[:, 0] += labels
    weight, bias = probe(features, labels, 0.01, torch.zeros(3, 5), torch.zeros(3))
    expected = LogisticRegression(C=1 / (0.01 * 200), tol=1e-8).fit(features, labels)
    found = (features @ weight.T + bias).softmax(dim=1)
    torch.testing.assert_close(
        found.double(), torch.from_numpy(expected.predict_proba(features)), rtol=0, atol=2e-3
    )


def test_two_classes_and_a_class_without_training_pictures_can_be_fitted(other):
    for kept, classes in (((0, 1), 2), ((0, 1), 3)):
        parts = (DATA.train, DATA.val)
        rows = [sum(part.labels == k for k in kept).bool().nonzero()[:, 0] for part in parts]
        train, val = (part.subset(row) for part, row in zip(parts, rows, strict=True))
        few = replace(DATA, classes=DATA.classes[:classes], train=train, val=val)
        fitted = fit_head(other, few)
        right = answers(fitted, val.images).argmax(dim=1) == val.labels
        assert right.float().mean() > 0.95 and fitted.classes == few.classes


def test_heads_of_libraries_are_found_and_their_absence_is_said():
    tiny = replace(
        DATA, train=DATA.train.subset(torch.arange(20)), val=DATA.val.subset(torch.arange(20))
    )
    for name in ("torchvision:mobilenet_v3_small", "timm:resnet10t"):
        teacher = teacher_named(name, weights="random").seeing(size=32, resize=32)
        assert fit_head(teacher, tiny)(torch.rand(2, 1, 28, 28)).shape == (2, 10)
    for name, word in (
        ("torchvision:squeezenet1_1", "without a linear layer"),
        ("timm:deit_tiny_distilled_patch16_224", "'head_dist', does not give its logits"),
    ):
        with pytest.raises(ValueError, match=word):
            fit_head(teacher_named(name, weights="random"), tiny)
