"""What was found about teams by their first users: images, words, starts and memories that
misled."""

from dataclasses import replace

import pytest
import torch

from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import SELECTIVE, Recipe, Team
from kd_helpers.experiments.run import dataset_of, training_arguments
from kd_helpers.models.towers import Towers, by_index
from kd_helpers.models.zoo import make_model, take_over
from kd_helpers.teachers.cached import CachedTeacher
from kd_helpers.teachers.ensemble import JoinedTeacher


def test_a_specialist_may_not_choose_its_images_by_hidden_labels():
    recipe = Recipe(special=(0, 2, 6), transfer=TransferSet(images=200, labelled=20))
    with pytest.raises(ValueError, match="180 of them without label"):
        training_arguments(recipe, dataset_of(recipe))


def test_with_wrong_labels_half_are_special_by_these():
    recipe = Recipe(special=(0, 2, 6), transfer=TransferSet(images=200, label_noise=0.5))
    how = training_arguments(recipe, dataset_of(recipe))
    labels = how["split"].labels[how["rows"]]
    assert (labels < 3).sum() == (labels == 3).sum() > 20


def test_a_selective_team_of_special_towers_is_refused():
    member = Recipe(special=(5, 7, 9), towers=Towers(((0, 1), (2, 3))))
    with pytest.raises(ValueError, match="special classes"):
        Team((member,), SELECTIVE)


def test_recipes_that_differ_are_described_differently():
    plain = Recipe()
    kinds = (
        plain,
        replace(plain, start=plain),
        *(
            Recipe(towers=towers)
            for towers in (
                Towers(by_index(10, 5)),
                Towers(by_index(10, 5), trunk=True),
                Towers(by_index(10, 5), average="probabilities"),
                Towers(by_index(10, 4)),
            )
        ),
    )
    assert len({recipe.describe() for recipe in kinds}) == len(kinds)


def test_outputs_for_other_classes_are_not_taken_over():
    """Nine of ten classes and a dustbin are ten outputs as well."""
    given = {"num_classes": 10, "in_channels": 1, "image_size": 28}
    source, network = (make_model("cnn-2", **given) for _ in range(2))
    before = network.body[-1].weight.clone()
    take_over(network, source, last_layer=False)
    assert torch.equal(network.body[-1].weight, before)
    assert torch.equal(network.body[4].weight, source.body[4].weight)
    take_over(network, source)
    assert torch.equal(network.body[-1].weight, source.body[-1].weight)


def test_a_start_from_another_data_set_is_refused():
    with pytest.raises(ValueError, match="from fashion-mnist as well"):
        Recipe(start=Recipe(dataset="cifar-10"))


def test_a_team_inside_a_team_may_not_change_its_mind_either():
    def teacher(batch):
        return torch.zeros(len(batch.index), 10)

    inner = JoinedTeacher([teacher, teacher], "switch", temperature=1.0, images=4)
    outer = JoinedTeacher([teacher, inner], "arithmetic", temperature=1.0, images=4)
    by_place = JoinedTeacher(
        [teacher, teacher], "arithmetic", temperature=1.0, images=4, weights=torch.ones(2, 4)
    )
    images = torch.zeros(4, 1, 28, 28, dtype=torch.uint8)
    for team in (outer, by_place):
        with pytest.raises(ValueError, match="round its members"):
            CachedTeacher(team, images, num_classes=10)
    with pytest.raises(ValueError, match="images=nan"):
        JoinedTeacher([teacher], "switch", temperature=1.0, images=float("nan"))
