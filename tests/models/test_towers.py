"""Towers: every class has its owners, the scores are theirs, and the buckets are left out."""

from itertools import product

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
IMAGES = torch.rand(B, 1, 28, 28, generator=torch.Generator().manual_seed(0))
GROUPS = by_index(K, 4)
# Neither sorted nor neighbours, groups of different size, one class with three owners.
TURNED = ((7, 0, 3), (9, 1, 3, 8), (2, 6, 5, 4), (3, 0), (5, 9, 7))


def unified(groups=GROUPS, name: str = "cnn-4", seed: int = 0, **how) -> UnifiedSpecialists:
    torch.manual_seed(seed)
    return UnifiedSpecialists(name, Towers(groups=groups, **how), num_classes=K, **INPUT)


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_every_class_has_two_owners_and_no_tower_all_classes():
    for classes in range(4, 41):
        for towers in range(3, classes + 1):
            groups = by_index(classes, towers)
            sizes = [len(group) for group in groups]
            assert len(groups) == towers and sum(sizes) == 2 * classes
            assert all(sum(k in group for group in groups) == 2 for k in range(classes))
            assert all(group == tuple(sorted(set(group))) for group in groups)
            assert min(sizes) > 0 and max(sizes) < classes and max(sizes) - min(sizes) <= 2
    assert by_index(6, 3) == ((0, 1, 2, 3), (2, 3, 4, 5), (0, 1, 4, 5))
    logits = torch.randn(400, K, generator=torch.Generator().manual_seed(1))
    for segments in (3, 4, 10):
        clusters = cluster_classes(logits, segments)
        for m, group in enumerate(with_two_owners(clusters)):
            assert set(group) == {*clusters[m], *clusters[(m + 1) % segments]}


def by_hand(model: UnifiedSpecialists, groups) -> torch.Tensor:
    """The mean over the owners, class by class."""
    outputs = model.tower_outputs(IMAGES)
    assert [z.shape for z in outputs] == [(B, len(group) + 1) for group in groups]
    if model.average == "probabilities":
        outputs = [F.softmax(z, dim=1) for z in outputs]
    scores = []
    for k in range(K):
        own = [z[:, g.index(k)] for z, g in zip(outputs, groups, strict=True) if k in g]
        scores.append(sum(own) / len(own))
    return torch.stack(scores, dim=1)


def test_the_score_of_a_class_is_the_mean_of_its_owners():
    averages = ("logits", "probabilities")
    for groups, average, trunk in product((GROUPS, TURNED), averages, (False, True)):
        model = unified(groups, average=average, trunk=trunk).eval()
        expected = by_hand(model, groups)
        torch.testing.assert_close(model(IMAGES), expected, rtol=1e-5, atol=1e-6)


def test_one_loss_teaches_all_towers_and_the_trunk():
    for trunk, average in product((False, True), ("logits", "probabilities")):
        model = unified(trunk=trunk, average=average).train()
        F.cross_entropy(model(IMAGES), torch.arange(B)).backward()
        assert all(p.grad.abs().sum() > 0 for p in model.parameters() if p.dim() > 1)


def test_the_trunk_is_the_first_stage_once_else_towers_are_whole_networks():
    for name, layers in (("cnn-2", 4), ("cnn-4", 7), ("vgg-8", 4)):
        alone, shared = unified(name=name), unified(name=name, trunk=True)
        sizes = [count(make_model(name, num_classes=len(g) + 1, **INPUT)) for g in GROUPS]
        assert [count(tower) for tower in alone.towers] == sizes and count(alone) == sum(sizes)
        assert len(shared.trunk) == layers and isinstance(shared.trunk[-1], nn.ReLU)
        assert count(alone) - count(shared) == (len(GROUPS) - 1) * count(shared.trunk)
        first = alone.towers[0].eval()(IMAGES)
        torch.testing.assert_close(shared.eval().tower_outputs(IMAGES)[0], first)
    weights = [tower.body[0].weight for tower in unified().towers]
    assert not weights[0].equal(weights[1])
    residual = unified(name="resnet-14", trunk=True).trunk  # what sees the whole image
    assert len(residual) == 5 and residual(IMAGES).shape == (B, 16, 28, 28)


def test_bad_input_is_refused_with_got_and_expected():
    bad = (
        lambda: unified(((0, 1, 2), (3, 4, 5), (6, 7, 8))),  # class 9 has no owner
        lambda: unified(()),
        lambda: unified((*GROUPS, ())),
        lambda: unified((*GROUPS, tuple(range(K)))),
        lambda: unified((*GROUPS, (1, K))),
        lambda: unified((*GROUPS, (1, 1))),
        lambda: first_stage(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())),  # never halved
        lambda: Towers(groups=GROUPS, average="votes"),
        lambda: by_index(3, 3),
        lambda: by_index(K, 2),
        lambda: by_index(K, K + 1),
        lambda: with_two_owners([(0, 1), (2, 3)]),
    )
    for make in bad:
        with pytest.raises(ValueError, match=r"got .*expected|a trunk needs"):
            make()
