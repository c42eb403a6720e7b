"""What a user's own loop, network or data may hand to the training: it works, or one sentence."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from kd_helpers.data.splits import Dataset, Split
from kd_helpers.data.transfer_set import TransferSet, select
from kd_helpers.experiments import run as running
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods import CrossEntropy, HintonKD
from kd_helpers.methods.hinton import kd_loss
from kd_helpers.methods.terms import hard_loss
from kd_helpers.models.zoo import make_model
from kd_helpers.runtime.device import pick_device
from kd_helpers.teachers import NetworkTeacher
from kd_helpers.training.loop import predict, train
from kd_helpers.training.schedules import Schedule

N, K = 24, 10
SHORT = Schedule(steps=2, batch_size=8)
KD = HintonKD(kd_weight=0.5)


def network(channels: int = 1, classes: int = K, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return make_model("cnn-2", num_classes=classes, in_channels=channels, image_size=28)


def bare(channels: int = 1) -> nn.Module:
    """A network without any words of ours."""
    return nn.Sequential(nn.Conv2d(channels, K, 28), nn.Flatten())


def clothes(channels: int = 1) -> Split:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (N, channels, 28, 28), dtype=torch.uint8, generator=generator)
    return Split(images, torch.arange(N) % K)


class Wrapped(nn.Module):
    """Answers as many libraries do: with more than the logits."""

    def __init__(self, answer) -> None:
        super().__init__()
        self.inner, self.answer = network(), answer

    def forward(self, images):
        return self.answer(self.inner(images))


def fit(student=None, split=None, method=KD, schedule=SHORT, teacher="one", **how):
    teacher = network(seed=1) if teacher == "one" else teacher
    student = network() if student is None else student
    split = clothes() if split is None else split
    history = train(student, split, method=method, schedule=schedule, teacher=teacher, **how)
    return history.terms, student.state_dict()


def same(a, b) -> bool:
    return a[0] == b[0] and all(a[1][name].equal(b[1][name]) for name in a[1])


def test_a_network_is_a_teacher_and_a_loss_may_come_alone_or_in_numbers():
    split, expected = clothes(), fit(teacher=NetworkTeacher(network(seed=1)))
    mine = network(seed=1).train()
    assert same(fit(teacher=mine), expected)
    assert not any(weight.requires_grad for weight in mine.parameters()) and not mine.training
    assert same(fit(teacher=lambda batch: mine(batch.images)), expected)
    alone = fit(method=lambda s, t, y: hard_loss(s, y), teacher=None)
    named = fit(method=lambda s, t, y: {"loss": hard_loss(s, y), "half": 0.5}, teacher=None)
    usual = fit(method=CrossEntropy(), teacher=None)
    assert alone[0]["loss"] == named[0]["loss"] == usual[0]["loss"] and named[0]["half"] == [0.5]
    soft = Split(split.images, torch.eye(K)[split.labels])
    found = fit(split=soft, method=CrossEntropy(), teacher=None)
    assert found[0]["loss"] == pytest.approx(usual[0]["loss"])


def test_a_batch_may_be_larger_than_all_images_and_batches_may_be_large():
    large = Schedule(steps=2, batch_size=2 * N + 5)
    terms, _ = fit(schedule=large, rows=torch.arange(5))
    assert len(terms["loss"]) == 1


LOADER = DataLoader(TensorDataset(torch.zeros(4, 1, 28, 28), torch.zeros(4)))
MINE = network()
WRONG = (
    (r"got a tuple of 2 from the student Wrapped.*just that part", {"student": (lambda z: (z, z))}),
    (r"got a dict of 1 from the student", {"student": (lambda z: {"logits": z})}),
    (r"got an answer \(8, 10, 1, 1\)", {"student": (lambda z: z[:, :, None, None])}),
    (r"int64 from the student", {"student": (lambda z: z.argmax(1, keepdim=True))}),
    (r"got a ndarray from the teacher", {"teacher": lambda batch: MINE(batch.images).numpy()}),
    (r"got a tuple of 1 from the teacher Wrapped", {"teacher": Wrapped(lambda z: (z,))}),
    (r"got a NoneType from the teacher", {"teacher": lambda batch: None}),
    (r"same classes", {"teacher": network(classes=9)}),
    (r"was made for \(batch, 3, 28, 28\)", {"teacher": network(channels=3)}),
    (r"the teacher Sequential fails on images of shape \(8, 1, 28, 28\)", {"teacher": bare(3)}),
    (r"the student Linear fails on images", {"student": nn.Linear(5, K)}),
    (r"the student as its own teacher", {"student": MINE, "teacher": MINE}),
    (r"the student as its own teacher", {"student": MINE, "teacher": NetworkTeacher(MINE)}),
    (r"got a Recipe as the teacher.*run.model", {"teacher": Recipe()}),
    (r"got a type as the teacher", {"teacher": NetworkTeacher}),
    (r"got a str as the student", {"student": "cnn-2"}),
    (r"got a DataLoader as the images.*Split\(images, labels\)", {"split": LOADER}),
    (r"got a Dataset as the images", {"split": Dataset("x", ("a",), *3 * [clothes()])}),
    (r"got a split without images", {"split": clothes().subset(torch.arange(0))}),
    (r"got no rows", {"rows": torch.arange(0)}),
    (r"got rows 0 to 24; expected 0 to 23", {"rows": torch.arange(N + 1)}),
    (r"expected a method, such as HintonKD", {"method": HintonKD}),
    (r"got method='HintonKD'", {"method": "HintonKD"}),
    (r"got HintonKD and no teacher's logits", {"teacher": None}),
    (r"got None \(no return\?\) from the method", {"method": lambda s, t, y: None}),
    (r"got a dict from the method", {"method": lambda s, t, y: {"ce": s.mean()}}),
    (r"got a float from the method", {"method": lambda s, t, y: hard_loss(s, y).item()}),
    (r"loss of shape \(8,\)", {"method": lambda s, t, y: s.mean(1)}),
    (r"without a gradient", {"method": lambda s, t, y: hard_loss(s, y).detach()}),
    (r"without a gradient", {"student": network().requires_grad_(False), "method": KD}),
    (r"expected the student's first", {"method": lambda s, t, y: kd_loss(t, s, temperature=2.0)}),
    (r"class 10|label 10", {"split": Split(clothes().images, torch.arange(N) % K + 1)}),
    (r"float32 for 8 images", {"split": Split(clothes().images, torch.rand(N))}),
)


def test_what_cannot_be_trained_is_refused_in_one_sentence():
    for words, given in WRONG:
        given = dict(given)
        if not isinstance(given.get("student"), (nn.Module, str, type(None))):
            given["student"] = Wrapped(given["student"])
        with pytest.raises(ValueError, match=words) as found:
            fit(**given)
        assert "\n" not in str(found.value), words


def test_predict_says_what_came_instead_of_logits():
    for model, images, words in (
        (Wrapped(lambda z: (z, z)), clothes().images, "got a tuple of 2 from the network"),
        (bare(3), clothes().images, "fails on images of shape"),
        (network(), clothes(3).images, "was made for"),
    ):
        with pytest.raises(ValueError, match=words):
            predict(model, images)


def test_roles_exchanged_in_a_loop_of_ones_own_are_noticed():
    student, teacher = network()(torch.rand(4, 1, 28, 28)), torch.randn(4, K)
    labels = torch.arange(4)
    for loss in (
        lambda: kd_loss(teacher, student, temperature=4.0),
        lambda: KD(teacher, student, labels),
        lambda: KD.rows(teacher, student, labels),
    ):
        with pytest.raises(ValueError, match="expected the student's first"):
            loss()
    with torch.no_grad():  # nobody wants a gradient here
        assert kd_loss(teacher, student.detach(), temperature=4.0) > 0
    for empty in (lambda: kd_loss(teacher[:0], teacher[:0], temperature=1.0),):
        with pytest.raises(ValueError, match="got an empty batch"):
            empty()


def test_more_images_than_there_are_is_refused_where_it_is_known():
    split = clothes()
    for wanted, hidden in ((N + 1, ()), (99_999_999, ()), (N, (3,))):
        transfer = TransferSet(images=wanted, hidden_classes=hidden)
        with pytest.raises(ValueError, match=f"got images={wanted} of (24|21) "):
            select(split, transfer, 0)
    assert len(select(split, TransferSet(images=N), 0)[1]) == N


def test_a_training_that_diverges_in_its_last_step_is_not_stored(tmp_path, monkeypatch):
    """Its last loss is a number; its weights, or what it answers, are not."""
    monkeypatch.setenv("KD_OUT", str(tmp_path))
    split = clothes().to(pick_device())
    data = Dataset("clothes", tuple("0123456789"), split, split, split)
    monkeypatch.setattr(running, "dataset_of", lambda recipe: data)
    for rate, words in ((1e39, "weights are not finite"), (1e25, "answers are not finite")):
        schedule = Schedule(steps=1, batch_size=8, learning_rate=rate, shape="constant")
        with pytest.raises(FloatingPointError, match=words):
            running.train_recipe(replace(Recipe(), schedule=schedule), folder=tmp_path / "runs")
    assert not list(tmp_path.rglob("*.record*")) and not list(tmp_path.rglob("*.json"))
    twin = copy.deepcopy(network())
    assert predict(twin, split.images.cpu()).isfinite().all()
