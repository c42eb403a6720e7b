"""Specialists that start from a generalist: whose weights, in which order, for which classes."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax

from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments import run as runs
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.room import dataset_of
from kd_helpers.experiments.run import load_run, new_student, train_recipe, training_arguments
from kd_helpers.experiments.sweep import teachers_of
from kd_helpers.methods import HintonKD
from kd_helpers.models.towers import Towers, by_index
from kd_helpers.models.zoo import make_model, take_over
from kd_helpers.runtime.folders import data_dir
from kd_helpers.teachers import Specialists
from kd_helpers.teachers.specialists import cluster_classes
from kd_helpers.training.loop import make_student
from kd_helpers.training.schedules import Schedule
from little_data import use_little_data

K = 10
INPUT = {"in_channels": 1, "image_size": 28}
GROUP = (6, 0, 2)
START = Recipe(schedule=Schedule(steps=5, batch_size=16), transfer=TransferSet(images=200), seed=3)
EXPERT = replace(START, special=GROUP, start=START, seed=7)


@pytest.fixture(autouse=True)
def little_data_and_no_run(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "fashion-mnist").symlink_to(data_dir() / "fashion-mnist")
    use_little_data(monkeypatch)
    monkeypatch.setenv("KD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))


@pytest.fixture
def begun(monkeypatch) -> list[dict[str, torch.Tensor]]:
    """What each training was given to begin with, in the order in which they were begun."""
    states, real = [], runs.train

    def noting(student, *args, **how):
        states.append({k: v.clone() for k, v in student.state_dict().items()})
        return real(student, *args, **how)

    monkeypatch.setattr(runs, "train", noting)
    return states


def network(name: str, num_classes: int, seed: int) -> torch.nn.Module:
    """With statistics of its own in its batch norms."""
    model = make_student(name, num_classes=num_classes, seed=seed, **INPUT)
    with torch.no_grad():
        model.train()(torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(seed)))
    return model


def last_layer(model: torch.nn.Module) -> set[str]:
    """Names of the weights that have one row for each class."""
    linear = [name for name, part in model.named_modules() if isinstance(part, torch.nn.Linear)]
    return {f"{linear[-1]}.weight", f"{linear[-1]}.bias"}


# Weights taken over


def test_a_specialist_takes_copies_of_all_but_the_last_layer():
    for name in ("cnn-2", "cnn-8", "resnet-8"):
        generalist, specialist = network(name, K, 0), network(name, 4, 1)
        before, own = (deepcopy(model.state_dict()) for model in (generalist, specialist))
        take_over(specialist, generalist)
        lasts, found = last_layer(specialist), specialist.state_dict()
        for key, value in found.items():
            assert value.equal((own if key in lasts else before)[key]), key
        means = [key for key in found if key.endswith("running_mean")]
        assert means and not any(before[key].equal(own[key]) for key in means)
        with torch.no_grad():  # what one learns later, the other does not
            for parameter in specialist.parameters():
                parameter.add_(1.0)
        assert all(value.equal(before[key]) for key, value in generalist.state_dict().items())


def test_outputs_for_other_classes_are_not_taken_over():
    """Nine of ten classes and a dustbin are ten outputs as well."""
    nine = replace(EXPERT, special=tuple(range(9)))
    student, start = new_student(nine, dataset_of(nine)), load_run(START).model()
    own = make_student("cnn-2", num_classes=K, seed=7, **INPUT).state_dict()
    for key, value in student.state_dict().items():
        assert value.equal((own if key in last_layer(start) else start.state_dict())[key]), key


# From recipe to training


def test_a_specialist_begins_with_its_generalists_weights(begun, tmp_path):
    """The last layer is that of its own seed; then it is trained."""
    run = train_recipe(EXPERT, folder=tmp_path / "here", keep=("weights",))
    assert len(begun) == 2  # first the generalist, without being asked
    first = load_run(START).model().state_dict()
    unstarted = make_model("cnn-2", num_classes=4, **INPUT)
    own = make_student("cnn-2", num_classes=4, seed=7, **INPUT).state_dict()
    assert begun[1].keys() == first.keys() == own.keys()
    lasts = last_layer(unstarted)
    for key, value in begun[1].items():
        assert value.equal((own if key in lasts else first)[key]), key
    assert not begun[0]["body.0.weight"].equal(first["body.0.weight"])  # it is the trained one
    learnt = run.model().state_dict()
    assert not any(learnt[key].equal(begun[1][key]) for key in (*lasts, "body.0.weight"))


def test_a_start_is_trained_once_and_again_where_its_weights_are_not_stored(begun, tmp_path):
    train_recipe(START, folder=tmp_path / "data" / "runs")
    assert not load_run(START).has_weights
    for seed in (7, 8):
        student = new_student(replace(EXPERT, seed=seed), dataset_of(EXPERT))
    assert len(begun) == 2
    assert student.body[0].weight.equal(load_run(START).model().body[0].weight)


def test_towers_start_from_the_same_towers():
    start = replace(START, towers=Towers(by_index(K, 3), trunk=True))
    student = new_student(replace(start, seed=9, start=start), dataset_of(start))
    for key, value in load_run(start).model().state_dict().items():
        assert student.state_dict()[key].equal(value)


# What a start means for the recipe


def test_a_start_comes_in_an_earlier_stage_than_who_starts_from_it():
    """The generalist of the team is another network than the one that its specialist starts
    from."""
    first = replace(START, start=replace(START, seed=30))
    expert = replace(EXPERT, start=first)
    general = replace(START, seed=31)
    student = replace(START, seed=5, teacher=Specialists((general, expert)), method=HintonKD())
    stages = teachers_of([student])
    assert stages == [[first.start], [first], [general, expert]]
    assert teachers_of([EXPERT, replace(EXPERT, seed=8)]) == [[START]]
    assert teachers_of([first.start]) == []


TOWERS = Towers(by_index(K, 3))
STARTS = (
    (START, {"student": "cnn-4"}),
    (START, {"towers": TOWERS}),
    (replace(START, towers=TOWERS), {}),
    (replace(START, towers=TOWERS), {"towers": replace(TOWERS, trunk=True)}),
)


def test_a_start_of_another_kind_is_refused():
    for start, changes in STARTS:
        with pytest.raises(ValueError, match=r"got start=.*expected weights of .*as well"):
            replace(START, seed=8, start=start, **changes)
        # What is refused is the kind, not the start: with the same one it is fine.
        kind = {"student": start.student, "towers": start.towers}
        assert replace(START, seed=8, start=start, **kind).start == start


# Which classes go together

BLOCKS = ((0, 4, 7), (1, 2, 9), (3, 5, 6, 8))
OFTEN = (5, 9)  # twice as often as the others: their variances are the largest


def sure_logits(seed: int = 0, count: int = 3000) -> torch.Tensor:
    """Answers of a generalist that is nearly always sure, and doubts only within a block."""
    rng = np.random.default_rng(seed)
    share = np.where(np.isin(np.arange(K), OFTEN), 2.0, 1.0)
    logits = 0.3 * rng.normal(size=(count, K))
    for row, k in enumerate(rng.choice(K, size=count, p=share / share.sum())):
        logits[row, list(next(block for block in BLOCKS if k in block))] += 5
        logits[row, k] += 3
    return torch.tensor(logits, dtype=torch.float32)


def test_without_the_diagonal_confused_classes_are_found_where_with_it_single_ones_are():
    """The classes' own variances drown all others here."""
    logits = sure_logits()
    covariance = np.cov(softmax(logits.double().numpy(), axis=1).T)
    assert np.diag(covariance).min() > np.abs(covariance * (1 - np.eye(K))).max()
    assert cluster_classes(logits, 3, diagonal=False) == BLOCKS
    assert cluster_classes(logits, 3) == ((0, 1, 2, 3, 4, 6, 7, 8), (5,), (9,))


def test_a_specialist_needs_labels_and_images_of_both_kinds():
    for transfer, words in (
        (TransferSet(images=50, source="digits"), "50 of them without label"),
        (TransferSet(images=200, labelled=20), "180 of them without label"),
        (TransferSet(images=50, hidden_classes=(3,)), "got 50 images of the special .* 0 others"),
    ):
        alone = replace(EXPERT, start=None, transfer=transfer)
        with pytest.raises(ValueError, match=words):
            training_arguments(alone, dataset_of(alone))
