"""Another teacher, other images or views: other files; and what a student learns from them."""

# ruff: noqa: F401, F811 - fixtures are imported, and asked for by name

import pytest
import torch
from test_answer_files import ALL, CLASSES, COUNT, FEW, TOGETHER, float32, images, network

from kd_course.nb02_hinton.experiments import TEACHER
from kd_helpers.data.augment import ViewSet
from kd_helpers.data.datasets import Split
from kd_helpers.experiments.run import load_run
from kd_helpers.methods.hinton import distillation_terms
from kd_helpers.teachers.answer_files import AnswerFiles, fingerprint
from kd_helpers.teachers.cached import CachedTeacher, NetworkTeacher
from kd_helpers.training.loop import make_student, train
from kd_helpers.training.schedules import Schedule


def one_weight(network, images):
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] += 1e-6
    return network, images, ALL


def one_statistic(network, images):
    next(network.buffers()).view(-1)[0] += 1e-6
    return network, images, ALL


def one_pixel(network, images):
    images[-1, 0, 27, 27] += 1
    return network, images, ALL


def other_views(network, images):
    return network, images, FEW


def other_order(network, images):
    return network, images.flip(0), ALL


@pytest.mark.parametrize("change", (one_weight, one_statistic, one_pixel, other_views, other_order))
def test_another_teacher_or_picture_has_another_folder(change, images):
    make = load_run(TEACHER).model
    before = fingerprint(make(), images, ALL)
    assert fingerprint(make(), images.clone(), ALL) == before
    assert fingerprint(*change(make(), images.clone())) != before


def test_another_precision_has_another_folder(network, images, monkeypatch):
    before = fingerprint(network, images, ALL)
    monkeypatch.setenv("KD_PRECISION", "bfloat16")
    assert fingerprint(network, images, ALL) != before


def test_equal_answers_to_other_pictures_do_not_take_their_place(tmp_path):
    files, logits = AnswerFiles(tmp_path), torch.zeros(1, CLASSES).half()
    for row in range(3):
        files.add(torch.tensor([row]), torch.tensor([0]), logits)
    assert sorted(int(index) for index, _, _ in AnswerFiles(tmp_path).read_new()) == [0, 1, 2]


def weights_of_student(teacher, images, view_set: ViewSet, rounded: bool) -> torch.Tensor:
    """All weights of a student in one row; `rounded`: the loss rounds what the teacher says."""

    def loss(student, answers, labels):
        answers = answers.half().float() if rounded else answers
        return distillation_terms(student, answers, labels, kd_weight=0.9)

    student = make_student("cnn-2", num_classes=CLASSES, in_channels=1, image_size=28, seed=0)
    train(
        student,
        Split(images, torch.zeros(COUNT, dtype=torch.long)),
        loss=loss,
        teacher=teacher,
        schedule=Schedule(steps=16, batch_size=TOGETHER, learning_rate=0.01),
        view_set=view_set,
    )
    return torch.cat([p.detach().flatten() for p in student.parameters()])


@pytest.mark.parametrize("view_set", (ALL, FEW), ids=str)
def test_students_of_a_cached_and_of_an_asked_teacher_are_equal(view_set, network, images):
    """Bit for bit if what is asked is rounded too; else far closer than those of two teachers."""
    asked = NetworkTeacher(network)
    cache = CachedTeacher(asked, images, view_set, num_classes=CLASSES)
    found = weights_of_student(cache, images, view_set, rounded=False)
    torch.testing.assert_close(
        found, weights_of_student(asked, images, view_set, rounded=True), rtol=1e-3, atol=1e-4
    )
    unrounded = weights_of_student(asked, images, view_set, rounded=False)
    other = weights_of_student(lambda b: asked(b).roll(1, dims=1), images, view_set, rounded=False)
    assert (found - unrounded).norm() < 0.02 * (found - other).norm()
