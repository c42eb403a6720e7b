"""Towers: every class has its owners, the scores are theirs, and the buckets are left out."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kd_helpers.models.towers import (
    Towers,
    UnifiedSpecialists,
    by_index,
    first_stage,
    with_two_owners,
)
from kd_helpers.models.zoo import make_model
from kd_helpers.teachers.specialists import cluster_classes

K, B = 10, 6
INPUT = {"in_channels": 1, "image_size": 28}
GROUPS = by_index(K, 4)
# Neither sorted nor neighbours, groups of different size, one class with three owners.
TURNED = ((7, 0, 3), (9, 1, 3, 8), (2, 6, 5, 4), (3, 0), (5, 9, 7))


def unified(groups=GROUPS, name: str = "cnn-4", **how) -> UnifiedSpecialists:
    torch.manual_seed(0)
    return UnifiedSpecialists(name, Towers(groups=groups, **how), num_classes=K, **INPUT)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(B, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


# Who owns what


@pytest.mark.parametrize("classes", range(4, 41))
def test_every_class_has_two_owners_and_no_tower_all_classes(classes):
    for towers in range(3, classes + 1):
        groups = by_index(classes, towers)
        assert len(groups) == towers
        owners = [sum(k in group for group in groups) for k in range(classes)]
        assert owners == [2] * classes
        assert sum(map(len, groups)) == 2 * classes  # no class twice in one group
        assert all(0 < len(group) < classes and group == tuple(sorted(group)) for group in groups)
        sizes = [len(group) for group in groups]
        assert max(sizes) - min(sizes) <= 2


def test_towers_by_index_own_neighbours():
    assert by_index(6, 3) == ((0, 1, 2, 3), (2, 3, 4, 5), (0, 1, 4, 5))
    assert by_index(4, 4) == ((0, 1), (1, 2), (2, 3), (0, 3))


@pytest.mark.parametrize("segments", (3, 4, 10))
def test_clusters_get_two_owners_too(segments):
    logits = torch.randn(400, K, generator=torch.Generator().manual_seed(1))
    clusters = cluster_classes(logits, segments)
    groups = with_two_owners(clusters)
    assert [sum(k in group for group in groups) for k in range(K)] == [2] * K
    for m, group in enumerate(groups):
        assert set(group) == {*clusters[m], *clusters[(m + 1) % segments]}
    UnifiedSpecialists("cnn-2", Towers(groups=groups), num_classes=K, **INPUT)


# The score of a class


def by_hand(model: UnifiedSpecialists, images: torch.Tensor, groups) -> torch.Tensor:
    """The mean over the owners, class by class."""
    outputs = model.tower_outputs(images)
    if model.average == "probabilities":
        outputs = [F.softmax(z, dim=1) for z in outputs]
    scores = []
    for k in range(K):
        own = [z[:, g.index(k)] for z, g in zip(outputs, groups, strict=True) if k in g]
        scores.append(sum(own) / len(own))
    return torch.stack(scores, dim=1)


@pytest.mark.parametrize("groups", (GROUPS, TURNED), ids=("by index", "turned"))
@pytest.mark.parametrize("average", ("logits", "probabilities"))
@pytest.mark.parametrize("trunk", (False, True))
def test_the_score_of_a_class_is_the_mean_of_its_owners(groups, average, trunk, images):
    model = unified(groups, average=average, trunk=trunk).eval()
    outputs = model.tower_outputs(images)
    assert [z.shape for z in outputs] == [(B, len(g) + 1) for g in groups]
    found = model(images)
    assert found.shape == (B, K)
    torch.testing.assert_close(found, by_hand(model, images, groups), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("average", ("logits", "probabilities"))
def test_an_output_belongs_to_the_class_at_its_place_in_the_group(average, images):
    """A bias of 100 on one output alone raises one class alone."""
    for m, group in enumerate(TURNED):
        for place, k in enumerate(group):
            model = unified(TURNED, average=average).eval()
            before = model(images)
            with torch.no_grad():
                model.towers[m].body[-1].bias[place] += 100
                change = model(images) - before
            owners = sum(k in g for g in TURNED)
            assert change.argmax(1).eq(k).all()
            if average == "logits":
                expected = 100 / owners * F.one_hot(torch.tensor(k), K).float()
                torch.testing.assert_close(change, expected.expand(B, K), rtol=0, atol=1e-4)
            else:
                assert (change[:, k] > 0).all() and (change > 1e-6).sum() == B


@pytest.mark.parametrize(("average", "matters"), (("logits", False), ("probabilities", True)))
def test_the_bucket_matters_only_where_probabilities_are_averaged(average, matters, images):
    model = unified(average=average).eval()
    before = model(images)
    with torch.no_grad():
        for tower in model.towers:
            tower.body[-1].bias[-1] += 5
    assert model(images).equal(before) != matters


def test_averaged_probabilities_can_never_be_sure(images):
    """Not even towers that are: after a softmax no class has more than e / (e + 9)."""
    model = unified(average="probabilities").eval()
    with torch.no_grad():
        for tower, group in zip(model.towers, GROUPS, strict=True):
            tower.body[-1].bias[group.index(2) if 2 in group else -1] += 1000
        scores = model(images)
    found = scores.softmax(dim=1)
    limit = math.e / (math.e + 9)
    torch.testing.assert_close(found[:, 2], torch.full((B,), limit))
    assert (found <= limit + 1e-6).all()
    other = unified(average="probabilities").eval()(images).softmax(dim=1)
    assert (other <= limit + 1e-6).all()


# Training


@pytest.mark.parametrize("trunk", (False, True))
@pytest.mark.parametrize("average", ("logits", "probabilities"))
def test_one_loss_teaches_all_towers(trunk, average, images):
    model = unified(trunk=trunk, average=average).train()
    F.cross_entropy(model(images), torch.arange(B)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
    for tower in model.towers:
        assert all(
            p.grad.abs().sum() > 0 for p in (tower.body if not trunk else tower)[-1].parameters()
        )


@pytest.mark.parametrize("tower", range(4))
def test_every_tower_teaches_the_trunk(tower, images):
    model = unified(trunk=True).train()
    model.tower_outputs(images)[tower].square().sum().backward()
    assert all(p.grad is not None for p in model.trunk.parameters())
    assert model.trunk[0].weight.grad.abs().sum() > 0
    others = [t for m, t in enumerate(model.towers) if m != tower]
    assert all(p.grad is None for other in others for p in other.parameters())


@pytest.mark.parametrize(("name", "layers"), (("cnn-2", 4), ("cnn-4", 7), ("vgg-8", 4)))
def test_the_trunk_is_the_first_stage_once(name, layers, images):
    alone, shared = unified(name=name), unified(name=name, trunk=True)
    assert len(shared.trunk) == layers and isinstance(shared.trunk[-1], torch.nn.ReLU)
    assert [type(layer) for layer in shared.trunk].index(torch.nn.MaxPool2d) == layers - 2
    assert count(alone) - count(shared) == (len(GROUPS) - 1) * count(shared.trunk)
    assert len({id(p) for p in shared.parameters()}) == len(
        shared.state_dict().keys() & dict(shared.named_parameters()).keys()
    )
    first = alone.towers[0].eval()(images)
    torch.testing.assert_close(shared.eval().tower_outputs(images)[0], first)
    assert shared.train()(images).shape == (B, K)


def test_without_a_trunk_the_towers_are_whole_networks_of_their_own():
    model = unified()
    sizes = [count(make_model("cnn-4", num_classes=len(g) + 1, **INPUT)) for g in GROUPS]
    assert [count(tower) for tower in model.towers] == sizes and count(model) == sum(sizes)
    first = [tower.body[0].weight for tower in model.towers]
    assert not first[0].equal(first[1])


@pytest.mark.parametrize("trunk", (False, True))
def test_weights_go_there_and_back(trunk, images):
    model = unified(TURNED, trunk=trunk)
    model.train()(images)  # moves the running statistics
    state = model.state_dict()
    assert not any("share" in name.split(".") for name in state)
    torch.manual_seed(1)
    other = UnifiedSpecialists(
        "cnn-4", Towers(groups=TURNED, trunk=trunk), num_classes=K, **INPUT
    ).eval()
    assert not other(images).equal(model.eval()(images))
    assert not other.load_state_dict(state).missing_keys
    assert other(images).equal(model(images))


# Bad input

BAD = {
    "class without owner": lambda: unified(((0, 1, 2), (3, 4, 5), (6, 7, 8))),
    "no towers": lambda: unified(()),
    "empty group": lambda: unified((*GROUPS, ())),
    "all classes": lambda: unified((*GROUPS, tuple(range(K)))),
    "unknown class": lambda: unified((*GROUPS, (1, K))),
    "class twice": lambda: unified((*GROUPS, (1, 1))),
    "never halved": lambda: first_stage(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())),
    "average": lambda: Towers(groups=GROUPS, average="votes"),
    "too few classes": lambda: by_index(3, 3),
    "too few towers": lambda: by_index(K, 2),
    "more towers than classes": lambda: by_index(K, K + 1),
    "too few segments": lambda: with_two_owners([(0, 1), (2, 3)]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_got_and_expected(name):
    with pytest.raises(ValueError, match=r"got .*expected|a trunk needs"):
        BAD[name]()


def test_the_trunk_of_a_residual_network_is_what_sees_the_whole_image():
    model = unified(name="resnet-14", trunk=True)
    images = torch.rand(2, 1, 28, 28)
    assert model.trunk(images).shape == (2, 16, 28, 28)
    first = next(iter(model.towers))
    assert first(model.trunk(images)).shape == (2, len(GROUPS[0]) + 1)
    kinds = [type(layer).__name__ for layer in model.trunk]
    assert kinds == ["Conv2d", "BatchNorm2d", "ReLU", "ResidualBlock", "ResidualBlock"]
