"""The faults of notebook 08 in the one loop: what they change there, and what they leave alone."""

from dataclasses import replace

import pytest
from kd_helpers.methods.objective import Lesson

from kd_course.nb08_faults.faulty_losses import LOSS_FAULTS, RIGHT, TEACHER_FAULTS
from kd_helpers.data.augment import ViewSet
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import Recipe, Team
from kd_helpers.experiments.run import (
    dataset_of,
    load_or_train,
    new_student,
    train_recipe,
    train_student,
    training_arguments,
)
from kd_helpers.training.checkpoints import Checkpoint
from kd_helpers.training.schedules import Schedule

TINY = Recipe(schedule=Schedule(steps=8, batch_size=16), transfer=TransferSet(images=64))


@pytest.fixture(scope="module", autouse=True)
def out(tmp_path_factory):
    """A place for results, with the teachers trained once."""
    folder = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KD_OUT", str(folder))
        for teacher in (TINY, replace(TINY, seed=2)):
            load_or_train(teacher, quiet=True)
        yield folder


def trained(recipe):
    student = new_student(recipe, dataset_of(recipe))
    train_student(recipe, student, dataset_of(recipe))
    return student.state_dict()


def same(one, other):
    return one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)


VIEWS = {"views": ViewSet(flip=True, max_shift=2)}


def taught(fault="", **changes):
    team = Team((TINY, replace(TINY, seed=2)))
    teacher = team if fault == "means as logits" else TINY
    return replace(TINY, teacher=teacher, kd_weight=0.9, seed=1, fault=fault, **changes)


def test_a_watched_training_is_the_training_bit_for_bit(out):
    assert same(trained(taught()), trained(taught(RIGHT)))
    run = train_recipe(taught(RIGHT), folder=out / "runs")
    assert {"soft pull", "hard pull"} <= run.record["history"].keys()


@pytest.mark.parametrize("fault", (*LOSS_FAULTS, *TEACHER_FAULTS))
def test_every_fault_trains_another_student(fault):
    wrong = taught(fault, **VIEWS if fault == "other view" else {})
    right = replace(wrong, fault=RIGHT)
    assert not same(trained(wrong), trained(right))
    assert same(trained(wrong), trained(wrong))


def test_a_fault_keeps_no_checkpoint_that_would_lack_its_teacher(out, monkeypatch):
    monkeypatch.setattr(Checkpoint, "keep_if_due", lambda *_: pytest.fail("a checkpoint"))
    train_recipe(taught("learning teacher"), folder=out / "runs")


def test_the_loss_faults_leave_the_teacher_as_it_is():
    recipe = taught("mean")
    how = training_arguments(recipe, dataset_of(recipe))
    right = training_arguments(taught(), dataset_of(recipe))
    assert how["teacher"] is right["teacher"]


@pytest.mark.parametrize(
    ("changes", "words"),
    (
        ({"fault": "typo"}, "got fault='typo'; expected one of none, mean"),
        ({"kd_weight": 0.0}, "expected kd_weight above 0"),
        ({"lesson": Lesson(correction="swap")}, "another lesson than Hinton's"),
        ({"teacher": Team((TINY, TINY), "geometric")}, "averaged"),
        ({"teacher": Team((TINY, TINY))}, "with a team; expected a team for"),
        ({"fault": "means as logits"}, "with one teacher; expected a team"),
    ),
)
def test_a_fault_that_cannot_be_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        replace(taught("mean"), **changes)


def test_a_recipe_says_its_fault_in_words():
    assert "fault: no T²" in str(taught("no T²")) and "watched" in str(taught(RIGHT))
    assert "fault" not in str(taught())
