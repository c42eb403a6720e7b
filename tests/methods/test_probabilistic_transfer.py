import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import rel_entr

from kd_helpers.methods import PKT

METHOD = PKT(student_layer="body.8", teacher_layer="body.13")


def features(width: int, images: int = 12) -> torch.Tensor:
    return torch.randn(images, width, generator=torch.Generator().manual_seed(width))


def chances(flat: torch.Tensor):
    near = 1 - cdist(flat.double().numpy(), flat.double().numpy(), "cosine") / 2
    return near / near.sum(axis=1, keepdims=True)


def test_it_is_the_divergence_of_the_chances_to_go_from_image_to_image():
    student, teacher = features(20), features(8)
    expected = rel_entr(chances(teacher), chances(student)).sum(axis=1).mean()
    assert METHOD.distance(student, teacher).item() == pytest.approx(expected, rel=1e-3)


def test_it_is_0_for_the_same_neighbours_whatever_the_length_of_the_features():
    student = features(20)
    lengths = torch.linspace(0.5, 20, len(student))[:, None]
    assert METHOD.distance(student * lengths, student).abs().item() < 1e-6
    assert METHOD.distance(torch.cat([student, student], dim=1), student).abs().item() < 1e-6
    assert METHOD.distance(student.flip(0), student) > 1e-3


def test_features_that_are_opposite_or_0_give_a_gradient_that_is_a_number():
    for student in (torch.cat([features(20, 1), -features(20, 1)]), torch.zeros(2, 20)):
        student.requires_grad_()
        METHOD.distance(student, features(8, 2)).backward()
        assert student.grad.isfinite().all()
