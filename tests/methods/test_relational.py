import itertools

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import huber
from scipy.stats import ortho_group

from kd_helpers.methods import RelationalKD

LAYERS = {"student_layer": "body.8", "teacher_layer": "body.13"}
DISTANCES = RelationalKD(distance_weight=1.0, angle_weight=0.0, **LAYERS)
ANGLES = RelationalKD(distance_weight=0.0, angle_weight=1.0, **LAYERS)
B = 6


def features(width: int) -> torch.Tensor:
    """Of images far from 0, where inner products are large."""
    return 5 + torch.randn(B, width, generator=torch.Generator().manual_seed(width))


def test_distances_are_compared_in_units_of_their_mean():
    pair = []
    for flat in (features(20).double().numpy(), features(8).double().numpy()):
        lengths = cdist(flat, flat)
        pair.append(lengths / lengths[~np.eye(B, dtype=bool)].mean())
    expected = huber(1.0, pair[0] - pair[1]).mean()
    assert DISTANCES.distance(features(20), features(8)).item() == pytest.approx(expected, rel=1e-4)


def cosine(flat: np.ndarray, i: int, j: int, k: int) -> float:
    one, two = flat[j] - flat[i], flat[k] - flat[i]
    return one @ two / np.linalg.norm(one) / np.linalg.norm(two)


def test_angles_are_compared_for_all_images_three_by_three():
    student, teacher = (features(width).double().numpy() for width in (20, 8))
    triples = itertools.product(range(B), repeat=3)
    told = [  # two images that are one have no direction: both sides say 0 there
        huber(1.0, cosine(student, *t) - cosine(teacher, *t)) if t[0] not in t[1:] else 0.0
        for t in triples
    ]
    found = ANGLES.distance(features(20), features(8)).item()
    assert found == pytest.approx(np.mean(told), rel=1e-4)


def test_a_common_scale_a_shift_and_a_rotation_of_the_students_features_change_nothing():
    rotation = torch.tensor(ortho_group.rvs(20, random_state=0), dtype=torch.float32)
    moved = 3 * features(20) @ rotation + 7
    for method in (DISTANCES, ANGLES):
        before = method.distance(features(20), features(8))
        torch.testing.assert_close(method.distance(moved, features(8)), before, rtol=1e-3, atol=0)
        assert method.distance(moved, features(20)).item() < 1e-9


def test_images_that_are_equal_give_a_gradient_that_is_a_number():
    twice = torch.cat([features(20)[:3]] * 2)
    for student in (twice, torch.ones(B, 20), features(20)[:1]):
        student = student.clone().requires_grad_()
        method = RelationalKD(**LAYERS)
        loss = method.distance(student, features(8)[: len(student)])
        loss.backward()
        assert loss.isfinite() and student.grad.isfinite().all()
    with pytest.raises(ValueError, match="got angle_weight=-1"):
        RelationalKD(angle_weight=-1.0, **LAYERS)
