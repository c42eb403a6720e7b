"""Towers, specialists and teams of teachers from recipe to stored run, on real images."""

from dataclasses import replace

import pytest
import torch

from kd_helpers.data.augment import to_float
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import SPECIALISTS, Recipe, Team, to_dict
from kd_helpers.experiments.run import (
    dataset_of,
    load_checked_run,
    load_dataset_once,
    load_or_train,
    new_student,
    teacher_of,
    training_arguments,
)
from kd_helpers.models.towers import Towers, by_index
from kd_helpers.teachers.cached import Batch
from kd_helpers.teachers.ensemble import joined_logits
from kd_helpers.teachers.specialists import correct_dustbin
from kd_helpers.teachers.specialists_joint import join_specialists
from kd_helpers.training.checkpoints import Checkpoint
from kd_helpers.training.loop import predict, train
from kd_helpers.training.schedules import Schedule

SHORT = Schedule(steps=6, batch_size=16)
SMALL = Recipe(schedule=SHORT, transfer=TransferSet(images=200))
MEMBERS = (SMALL, replace(SMALL, seed=1))
GROUPS = ((0, 2, 6), (5, 7, 9))
EXPERTS = (SMALL, *(replace(SMALL, special=group) for group in GROUPS))


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KD_OUT", str(tmp_path))
    monkeypatch.setenv("KD_PRECISION", "float32")


def taught(team: Team, **changes) -> Recipe:
    return replace(SMALL, seed=5, teacher=team, kd_weight=0.9, **changes)


def first_images(count: int = 8) -> Batch:
    images = load_dataset_once("fashion-mnist", "cpu").train.images[:count]
    rows = torch.arange(count)
    return Batch(to_float(images), torch.zeros(count).long(), rows, torch.zeros(count).long())


@pytest.mark.parametrize("towers", (Towers(by_index(10, 4)), Towers(by_index(10, 5), trunk=True)))
def test_towers_are_trained_stored_and_read_again(towers):
    recipe = replace(SMALL, towers=towers)
    assert "towers of cnn-2" in str(recipe)
    run = load_or_train(recipe, quiet=True)
    again = load_checked_run(recipe).model()
    assert len(again.towers) == len(towers.groups)
    images = dataset_of(recipe).test.images[:300]
    found = predict(again, images)
    torch.testing.assert_close(found.half(), run.logits("test")[:300].half(), rtol=1e-2, atol=1e-2)


def test_a_specialist_sees_half_special_images_and_a_dustbin():
    recipe = EXPERTS[1]
    data = dataset_of(recipe)
    how = training_arguments(recipe, data)
    labels = how["split"].labels[how["rows"]]
    assert (labels == 3).sum() == (labels < 3).sum() > 10
    run = load_or_train(recipe, quiet=True)
    assert run.record["input"]["num_classes"] == 4
    assert len(run.record["test"]["confusion"]) == 4
    assert sum(run.record["test"]["confusion"][3]) == 7000  # test images of the other classes


@pytest.mark.parametrize("how", ("arithmetic", "geometric"))
def test_a_team_answers_with_the_mean_of_its_members(how):
    recipe, batch = taught(Team(MEMBERS, how), temperature=3.0), first_images()
    teacher = teacher_of(recipe, dataset_of(recipe), 200)
    answers = torch.stack([load_or_train(m, quiet=True).model()(batch.images) for m in MEMBERS])
    expected = joined_logits(answers.detach(), mean=how, temperature=3.0)
    torch.testing.assert_close(teacher(batch), expected, rtol=5e-3, atol=5e-3)  # kept in half


def test_a_team_of_specialists_answers_jointly():
    recipe, batch = taught(Team(EXPERTS, SPECIALISTS)), first_images()
    found = teacher_of(recipe, dataset_of(recipe), 200)(batch).softmax(dim=1)
    models = [load_or_train(m, quiet=True).model() for m in EXPERTS]
    with torch.no_grad():
        general, *special = (model(batch.images).half().double() for model in models)
    special = [correct_dustbin(z, 0.5, 0.3).softmax(dim=1) for z in special]
    expected = join_specialists(general.softmax(dim=1), special, GROUPS)
    torch.testing.assert_close(found.double(), expected, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("how", ("arithmetic", "confidence", "switch", "once each", SPECIALISTS))
def test_a_student_of_a_team_goes_on_where_it_was(how, tmp_path):
    recipe = taught(Team(EXPERTS if how == SPECIALISTS else MEMBERS, how))
    data = dataset_of(recipe)
    arguments = training_arguments(recipe, data)
    whole, halved = (new_student(recipe, data) for _ in range(2))
    train(whole, **arguments, report_every=3)
    path, asked = tmp_path / "state.checkpoint", iter([False] * 3 + [True])
    checkpoint = Checkpoint(path, to_dict(recipe), every=0.0)
    train(
        halved, **arguments, report_every=3, checkpoint=checkpoint, should_stop=lambda: next(asked)
    )
    assert path.is_file()
    other = new_student(recipe, data)
    train(other, **arguments, report_every=3, checkpoint=Checkpoint(path, to_dict(recipe)))
    for name, value in whole.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name
    assert not torch.equal(
        halved.state_dict()["body.0.weight"], whole.state_dict()["body.0.weight"]
    )


def test_a_team_is_part_of_the_hash():
    recipes = [
        taught(Team(MEMBERS)),
        taught(Team(MEMBERS[::-1])),
        taught(Team(MEMBERS, "geometric")),
        taught(Team(EXPERTS, SPECIALISTS)),
    ]
    assert len({recipe.hash for recipe in recipes}) == 4
    assert taught(Team(MEMBERS)).teachers == MEMBERS
    assert "taught by 2 × cnn-2, arithmetic" in str(recipes[0])


@pytest.mark.parametrize(
    ("members", "how", "words"),
    (
        ((), "arithmetic", "at least one member"),
        (MEMBERS, "vote", "expected one of geometric"),
        (MEMBERS, SPECIALISTS, "special classes of all but the"),
        (EXPERTS, "arithmetic", "of none in another"),
        (EXPERTS[1:], SPECIALISTS, "special classes of all but the"),
    ),
)
def test_impossible_teams_are_refused(members, how, words):
    with pytest.raises(ValueError, match=words):
        Team(members, how)
