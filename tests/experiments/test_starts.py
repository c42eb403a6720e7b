"""Specialists that start from a generalist: whose weights, in which order, for which classes."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax

from kd_course import retrain
from kd_course.catalogue import Shipped
from kd_helpers.data.class_groups import half_special
from kd_helpers.data.splits import Dataset
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments import room
from kd_helpers.experiments import run as runs
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.room import dataset_of, load_dataset_once
from kd_helpers.experiments.run import (
    load_or_train,
    load_run,
    new_student,
    train_recipe,
    training_arguments,
)
from kd_helpers.experiments.sweep import sweep, teachers_of
from kd_helpers.methods import HintonKD
from kd_helpers.models.towers import Towers, by_index
from kd_helpers.models.zoo import make_model, take_over
from kd_helpers.runtime.folders import data_dir
from kd_helpers.teachers import Specialists
from kd_helpers.teachers.specialists import cluster_classes
from kd_helpers.training.checkpoints import Checkpoint
from kd_helpers.training.loop import make_student, train
from kd_helpers.training.schedules import Schedule

K = 10
INPUT = {"in_channels": 1, "image_size": 28}
GROUP = (6, 0, 2)
START = Recipe(schedule=Schedule(steps=5, batch_size=16), transfer=TransferSet(images=200), seed=3)
EXPERT = replace(START, special=GROUP, start=START, seed=7)


@pytest.fixture(autouse=True)
def a_small_part_of_the_data(tmp_path, monkeypatch):
    """2,000 images to train on, and no run; in this process only."""
    whole = load_dataset_once("fashion-mnist", "cpu")
    sizes = {"train": 2000, "val": 100, "test": 100}
    parts = {name: getattr(whole, name).subset(torch.arange(n)) for name, n in sizes.items()}
    small = Dataset(name=whole.name, classes=whole.classes, **parts)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "fashion-mnist").symlink_to(data_dir() / "fashion-mnist")
    monkeypatch.setenv("KD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    monkeypatch.setenv("KD_PRECISION", "float32")
    monkeypatch.setattr(room, "load_dataset_once", lambda name, device: small)
    monkeypatch.setattr("kd_helpers.experiments.metrics.measure_latencies", lambda *_: [])


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


def copied(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


# Weights taken over


@pytest.mark.parametrize("name", ("cnn-2", "cnn-8", "resnet-8"))
def test_a_specialist_takes_all_but_the_last_layer(name):
    generalist, specialist = network(name, K, 0), network(name, 4, 1)
    before, own = copied(generalist), copied(specialist)
    take_over(specialist, generalist)
    lasts, found = last_layer(specialist), specialist.state_dict()
    assert lasts < found.keys() and any(key.endswith("running_var") for key in found)
    for key, value in found.items():
        assert value.equal((own if key in lasts else before)[key]), key
        if key.endswith(("weight", "running_mean", "running_var")) and value.dim() != 1:
            assert not before[key].equal(own[key])  # else the line above says nothing
    means = [key for key in found if key.endswith("running_mean")]
    assert not any(before[key].equal(own[key]) for key in means)
    with torch.no_grad():  # what one learns later, the other does not
        for parameter in specialist.parameters():
            parameter.add_(1.0)
    assert all(value.equal(before[key]) for key, value in generalist.state_dict().items())


def test_networks_of_one_shape_become_the_same():
    first, second = network("cnn-4", K, 0), network("cnn-4", K, 1)
    take_over(second, first)
    images = torch.rand(3, 1, 28, 28)
    assert second.eval()(images).equal(first.eval()(images))


def test_outputs_for_other_classes_are_not_taken_over():
    """Nine of ten classes and a dustbin are ten outputs as well."""
    nine = replace(EXPERT, special=tuple(range(9)))
    student, start = new_student(nine, dataset_of(nine)), load_run(START).model()
    own = make_student("cnn-2", num_classes=K, seed=7, **INPUT).state_dict()
    for key, value in student.state_dict().items():
        assert value.equal((own if key in last_layer(start) else start.state_dict())[key]), key


def test_where_nothing_fits_nothing_is_taken():
    specialist = network("cnn-2", 4, 0)
    own = copied(specialist)
    for other in (torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Sequential()):
        with pytest.raises(ValueError, match=r"got two networks without a weight.*expected some"):
            take_over(specialist, other)
    same_names_other_shapes = torch.nn.Module()
    same_names_other_shapes.body = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 5))
    with pytest.raises(ValueError, match="same name and shape"):
        take_over(specialist, same_names_other_shapes)
    assert all(value.equal(own[key]) for key, value in specialist.state_dict().items())


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


def test_a_start_that_is_there_is_not_trained_again(begun):
    load_or_train(START, quiet=True)
    for seed in (7, 8):
        new_student(replace(EXPERT, seed=seed), dataset_of(EXPERT))
    assert len(begun) == 1


def test_a_start_of_which_only_the_record_is_stored_is_trained_again(begun, tmp_path):
    train_recipe(START, folder=tmp_path / "data" / "runs")
    assert not load_run(START).has_weights
    student = new_student(EXPERT, dataset_of(EXPERT))
    assert len(begun) == 2
    assert student.body[0].weight.equal(load_run(START).model().body[0].weight)


@pytest.mark.parametrize("trunk", (False, True))
def test_towers_start_from_the_same_towers(trunk):
    start = replace(START, towers=Towers(by_index(K, 3), trunk=trunk))
    student = new_student(replace(start, seed=9, start=start), dataset_of(start))
    for key, value in load_run(start).model().state_dict().items():
        assert student.state_dict()[key].equal(value)


def test_a_specialist_goes_on_where_it_was(tmp_path):
    data = dataset_of(EXPERT)
    whole, halved, other = (new_student(EXPERT, data) for _ in range(3))
    arguments = training_arguments(EXPERT, data)
    train(whole, **arguments)
    path, asked = tmp_path / "state.checkpoint", iter([False] * 3 + [True])
    checkpoint = Checkpoint(path, EXPERT.to_plain(), every=0.0)
    train(halved, **arguments, checkpoint=checkpoint, should_stop=lambda: next(asked))
    history = train(other, **arguments, checkpoint=Checkpoint(path, EXPERT.to_plain()))
    assert history.resumed == 1
    assert all(whole.state_dict()[k].equal(v) for k, v in other.state_dict().items())


# What a start means for the recipe


def test_a_recipe_needs_its_teachers_and_its_start():
    teacher = replace(START, seed=20)
    taught = replace(START, teacher=teacher, method=HintonKD())
    assert START.needs == () and EXPERT.needs == (START,)
    assert taught.needs == (teacher,)
    assert replace(taught, start=START).needs == (teacher, START)
    assert replace(taught, start=START).teachers == (teacher,)
    team = Specialists((replace(START, seed=21), EXPERT))
    assert replace(taught, teacher=team, start=START).needs == (*team.members, START)


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


def test_starts_are_retrained_first(begun, monkeypatch):
    """Listed the other way round, none of them a teacher of the course."""
    first = replace(START, seed=30)
    start = replace(START, start=first)
    expert, general = replace(EXPERT, start=start), replace(START, seed=31)
    student = replace(START, seed=5, teacher=Specialists((general, expert)), method=HintonKD())
    items = [student, expert, start, general, first]
    shipped = [Shipped("nb05", str(place), recipe) for place, recipe in enumerate(items)]
    monkeypatch.setattr(retrain, "shipped_runs", lambda: shipped)
    order = [run.recipe for run in retrain.retrain(again=True, jobs=1)]
    assert sorted(map(hash, order)) == sorted(map(hash, items))
    place = {recipe: number for number, recipe in enumerate(order)}
    assert place[first] < place[start] < place[expert] < place[student]
    assert place[general] < place[student]
    assert len(begun) == len(items)  # nobody had to train another's start again
    assert list(retrain.retrain(again=False, jobs=1)) == []


def test_a_sweep_trains_starts_first(begun):
    (outcome,) = sweep([EXPERT], jobs=1)
    assert outcome.accuracy is not None and not outcome.problem
    widths = [list(state.values())[-1].numel() for state in begun]  # of the last layer's bias
    assert widths == [K, 4]


TOWERS = Towers(by_index(K, 3))


STARTS = (
    (START, {"student": "cnn-4"}),
    (replace(START, student="cnn-4"), {}),
    (START, {"towers": TOWERS}),
    (replace(START, towers=TOWERS), {}),
    (replace(START, towers=TOWERS), {"towers": Towers(by_index(K, 4))}),
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


def best_three(columns: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """Of all ways to put ten columns into three groups the one with the least sum of squares."""

    def spread(group: list[int]) -> float:
        return ((columns[group] - columns[group].mean(axis=0)) ** 2).sum()

    sums = {}
    for size in range(1, K):
        for group in itertools.combinations(range(K), size):
            sums[group] = spread(list(group))
    best = (np.inf, ())
    for first in sums:
        if 0 not in first:
            continue
        rest = [k for k in range(K) if k not in first]
        for size in range(len(rest) - 1):
            for more in itertools.combinations(rest[1:], size):
                second = (rest[0], *more)
                third = tuple(k for k in rest if k not in second)
                total = sums[first] + sums[second] + sums[third]
                best = min(best, (total, (first, second, third)))
    return best[1]


def test_without_the_diagonal_confused_classes_are_found_where_with_it_single_ones_are():
    logits = sure_logits()
    p = softmax(logits.double().numpy(), axis=1)
    assert p.max(axis=1).mean() > 0.85
    covariance = np.cov(p.T)
    bare = covariance * (1 - np.eye(K))
    assert np.diag(covariance).min() > np.abs(bare).max()  # the variances drown all others
    assert cluster_classes(logits, 3, diagonal=False) == BLOCKS == best_three(bare)
    singles = ((0, 1, 2, 3, 4, 6, 7, 8), (5,), (9,))
    assert cluster_classes(logits, 3) == singles == best_three(covariance)


def test_the_classes_own_variances_count_as_0():
    """Left as they are, or all set to 1, they would give other groups here."""
    rng = np.random.default_rng(2)
    logits = torch.tensor(rng.normal(size=(400, K)) @ rng.normal(size=(K, K))).float()
    covariance = np.cov(softmax(logits.double().numpy(), axis=1).T)
    bare = covariance * (1 - np.eye(K))
    best = best_three(bare)
    assert cluster_classes(logits, 3, diagonal=False) == best
    assert best != best_three(covariance) and best != best_three(bare + np.eye(K))


# Half special images, half others

LABELS = torch.tensor(
    [0, 3, 1, 3, -100, 2, 2, 3, 1, 0]
)  # as a specialist for three classes sees them


def test_half_are_special_images_or_it_is_refused():
    for rows, kept in (
        ([9, 8, 1, 6, 5, 3, 2], [9, 8, 1, 3]),
        ([2, 3, 5, 6, 1, 8, 9], [2, 3, 5, 1]),
        ([7, 1, 0, 3], [7, 0]),
        ([0, 1], [0, 1]),  # hidden labels elsewhere do not matter
    ):
        assert half_special(LABELS, torch.tensor(rows), 3).tolist() == kept
    for rows, words in (
        ([0, 2, 5, 8], "got 4 images of the special classes and 0 others, 0 of them without"),
        ([1, 3, 7], "got 0 images of the special classes and 3 others, 0 of them without"),
        ([], "got 0 images of the special classes and 0 others"),
        ([4, 4, 1], "2 of them without label; expected some of both, and labels for all"),
    ):
        with pytest.raises(ValueError, match=words):
            half_special(LABELS, torch.tensor(rows, dtype=torch.long), 3)
    # As a specialist sees them, its own classes are 0, 1, 2 and all others 3.
    for transfer, words in (
        (TransferSet(images=50, source="digits"), "50 of them without label"),
        (TransferSet(images=200, labelled=20), "180 of them without label"),
        (TransferSet(images=50, hidden_classes=(3,)), "got 50 images of the special .* 0 others"),
    ):
        alone = replace(EXPERT, start=None, transfer=transfer)
        with pytest.raises(ValueError, match=words):
            training_arguments(alone, dataset_of(alone))
