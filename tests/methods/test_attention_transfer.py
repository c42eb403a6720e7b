import numpy as np
import pytest
import torch
from torch.nn import functional as F

from by_hand import random_batch
from kd_helpers.methods import AttentionTransfer, HintonKD

LAYERS = {"student_layer": "body.7", "teacher_layer": "body.11"}
AT = AttentionTransfer(feature_weight=20.0, **LAYERS)


def maps(channels: int, size: int = 7) -> torch.Tensor:
    generator = torch.Generator().manual_seed(channels)
    return torch.randn(5, channels, size, size, generator=generator)


def by_hand(student, teacher) -> float:
    distances = []
    for mine, its in zip(student.double().numpy(), teacher.double().numpy(), strict=True):
        q, p = ((maps**2).sum(axis=0) for maps in (mine, its))
        distances.append(((q / np.linalg.norm(q) - p / np.linalg.norm(p)) ** 2).sum())
    return np.mean(distances)


def test_it_is_the_squared_distance_of_attention_maps_of_length_1():
    found = AT.distance(maps(16), maps(64)).item()
    assert found == pytest.approx(by_hand(maps(16), maps(64)), rel=1e-5)


def test_only_where_a_network_looks_counts_not_how_much_nor_with_which_channels():
    student, teacher = maps(16).requires_grad_(), maps(64)
    before = AT.distance(student, teacher)
    for other in (3 * student, -student, student.flip(1)):
        torch.testing.assert_close(AT.distance(other, teacher), before)
    assert AT.distance(torch.cat([teacher, teacher], dim=1), teacher).item() < 1e-12
    nothing = torch.zeros_like(student, requires_grad=True)
    AT.distance(nothing, teacher).backward()
    assert nothing.grad.isfinite().all()


def test_a_larger_map_is_pooled_to_the_teachers_without_weights():
    regressor = AT.regressor(maps(16, 14), maps(64))
    assert not list(regressor.parameters())
    assert regressor(maps(16, 14)).equal(F.avg_pool2d(maps(16, 14), 2))


def test_it_stands_beside_plain_distillation_or_beside_the_labels():
    given, features = random_batch(), (maps(16), maps(64))
    plain, distance = HintonKD(warm_up=0.5), AT.distance(*features)
    both = AttentionTransfer(feature_weight=20.0, warm_up=0.5, **LAYERS)
    for progress in (0.1, 0.9):  # the warm-up is that of the soft term
        loss = both.at(progress)(*given, *features)["loss"]
        torch.testing.assert_close(loss, plain.at(progress)(*given)["loss"] + 20 * distance)
    alone = AttentionTransfer(feature_weight=20.0, kd_weight=0.0, **LAYERS)(*given, *features)
    torch.testing.assert_close(alone["loss"], F.cross_entropy(given[0], given[2]) + 20 * distance)
    with pytest.raises(ValueError, match="got AttentionTransfer without layers; expected"):
        AttentionTransfer()
    with pytest.raises(ValueError, match="got feature_weight=-1"):
        AttentionTransfer(feature_weight=-1, **LAYERS)
