"""The settings of notebook 05: budgets, subsets, clusters; what the tables of teams say; any data
set."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import paper_files
from kd_course.nb05_specialists import experiments as lab
from kd_course.nb05_specialists import tables as labs_teams
from kd_course.nb05_specialists.tables import (
    find_clusters,
    latencies,
    teacher_accuracy,
    teacher_costs,
)
from kd_helpers.data.datasets import load_dataset
from kd_helpers.experiments.recipe import Recipe, Team
from kd_helpers.experiments.run import load_or_train, load_run
from kd_helpers.models.towers import make_network
from kd_helpers.models.zoo import make_model
from kd_helpers.teachers.specialists import correct_dustbin
from kd_helpers.teachers.specialists_joint import join_specialists, mean_of_specialists
from kd_helpers.training.schedules import Schedule

SETTINGS = (lab.CLOTHES, lab.CIFAR_10, lab.SVHN, lab.CIFAR_100)
BY_NAME = pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.dataset)
INPUT = {
    "fashion-mnist": {"num_classes": 10, "in_channels": 1, "image_size": 28},
    "cifar-10": {"num_classes": 10, "in_channels": 3, "image_size": 32},
    "svhn": {"num_classes": 10, "in_channels": 3, "image_size": 32},
    "cifar-100": {"num_classes": 100, "in_channels": 3, "image_size": 32},
}


@pytest.fixture(autouse=True)
def float32(monkeypatch):
    monkeypatch.setenv("KD_PRECISION", "float32")


@BY_NAME
def test_every_class_has_two_towers(setting):
    classes = INPUT[setting.dataset]["num_classes"]
    owners = [sum(k in group for group in setting.by_index) for k in range(classes)]
    assert owners == [2] * classes and len(setting.by_index) == 5


def test_the_subsets_of_the_public_code():
    assert lab.CIFAR_10.by_index == lab.SVHN.by_index == lab.TEN
    sizes = [len(group) for group in lab.CIFAR_100.by_index]
    assert sizes == [40] * 5
    assert lab.CIFAR_100.by_index[4] == (*range(10), *range(50, 60), *range(80, 100))


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@BY_NAME
def test_budgets_are_about_equal(setting):
    """One big network, the generalists, the towers: within a third of each other."""
    given = INPUT[setting.dataset]
    towers = lab.Towers(setting.by_index)
    sizes = {
        "big": parameters(make_model(setting.big, **given)),
        "generalists": setting.generalists * parameters(make_model(setting.member, **given)),
        "towers": parameters(make_network(setting.member, towers, **given)),
    }
    assert max(sizes.values()) < 4 / 3 * min(sizes.values()), sizes
    student = parameters(make_model(setting.student.student, **given))
    assert student < max(sizes.values()) / 2.5


@BY_NAME
def test_a_trunk_fits_every_setting(setting):
    given = INPUT[setting.dataset]
    with_trunk = make_network(setting.member, lab.Towers(setting.by_index, trunk=True), **given)
    without = make_network(setting.member, lab.Towers(setting.by_index), **given)
    assert parameters(with_trunk) < parameters(without)
    images = torch.rand(2, given["in_channels"], *[given["image_size"]] * 2)
    assert with_trunk(images).shape == (2, given["num_classes"])


def test_a_setting_without_clusters_is_refused():
    with pytest.raises(ValueError, match="find_clusters"):
        lab.student_arms(0, lab.CIFAR_10)


def test_no_two_networks_share_a_seed_and_none_has_a_students():
    seeds = [lab.teacher_seed(s, m) for s in (*range(5), 100, 101) for m in range(5)]
    assert len(set(seeds)) == len(seeds) and min(seeds) > 101


def test_all_students_of_a_seed_differ_in_their_teacher_only():
    for seed in range(5):
        arms = lab.student_arms(seed)
        plain = {
            replace(r, teacher=None, kd_weight=0.0, temperature=4.0, label_smoothing=0.0)
            for r in arms.values()
        }
        assert plain == {replace(lab.CLOTHES.student, seed=seed)}
        assert len(set(arms.values())) == len(arms)


def test_the_clusters_of_the_recipes_are_those_of_the_first_generalist():
    assert find_clusters(lab.CLOTHES) == lab.CLOTHES
    bare = replace(lab.CLOTHES, groups=(), segments=())
    assert find_clusters(bare) == lab.CLOTHES


def test_costs_are_summed_over_the_networks():
    team = lab.teachers(1)["specialists, joint"]
    costs = teacher_costs(team)
    records = [load_run(r).record for r in team.members]
    given = INPUT["fashion-mnist"]
    sizes = [
        parameters(make_model("cnn-2", **given | {"num_classes": n}))
        for n in (10, *(len(group) + 1 for group in lab.CLOTHES.groups))
    ]
    assert costs["parameters"] == sum(sizes)
    assert math.isclose(costs["seconds"], sum(r["seconds"] for r in records))
    assert costs["multiply_adds"] == sum(r["multiply_adds"] for r in records)
    alone = lab.generalist(1)
    assert teacher_costs(alone)["parameters"] == sizes[0]


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_a_teams_accuracy_is_that_of_its_joint_answer():
    data = load_dataset("fashion-mnist")
    images, labels = data.test.images.float() / 255, data.test.labels.numpy()
    members = [load_run(lab.generalist(2, m)).model() for m in range(3)]
    with torch.no_grad():
        z = np.stack([m(images).double().numpy() for m in members])
    teams = lab.teachers(2)
    mean_p = np.mean([softmax(one) for one in z], axis=0).argmax(axis=1)
    for name, answer in (
        ("3 generalists, arithmetic", mean_p),
        ("3 generalists, geometric", z.mean(axis=0).argmax(axis=1)),
        ("3 generalists, switched", mean_p),
    ):
        right = 100 * (answer == labels).mean()
        assert abs(teacher_accuracy(teams[name]) - right) < 0.02, name
    alone = load_run(lab.generalist(2)).accuracy
    assert teacher_accuracy(lab.generalist(2)) == alone
    towers = teams["towers by index, selective"]
    assert teacher_accuracy(towers) == load_run(towers.members[0]).accuracy


def test_the_cheap_mean_answers_by_the_specialists_of_the_generalists_class():
    """Groups do not overlap, so at most one specialist is active: its best class is the answer."""
    data = load_dataset("fashion-mnist")
    team = lab.teachers(3)["specialists, cheap mean"]
    with torch.no_grad():
        images = data.test.images.float() / 255
        general, *special = (load_run(r).model()(images) for r in team.members)
    answer = general.argmax(dim=1)
    for z, group in zip(special, lab.CLOTHES.groups, strict=True):
        best = torch.tensor(group)[z[:, :-1].argmax(dim=1)]
        answer = torch.where(torch.isin(general.argmax(dim=1), torch.tensor(group)), best, answer)
    right = 100 * (answer == data.test.labels).double().mean().item()
    # All of a group's mass is shared out anew, so another group's class may come first now and
    # then.
    assert abs(teacher_accuracy(team) - right) < 0.3


def test_the_joint_answer_and_the_cheap_mean_are_not_mixed_up():
    data, teams = load_dataset("fashion-mnist"), lab.teachers(3)
    members = teams["specialists, joint"].members
    with torch.no_grad():
        images = data.test.images.float() / 255
        general, *special = (load_run(r).model()(images).double() for r in members)
    shares = (0.4, 0.3, 0.3)  # Fashion-MNIST has as many images of every class
    special = [
        correct_dustbin(z, 0.5, share).softmax(dim=1)
        for z, share in zip(special, shares, strict=True)
    ]
    for name, join in (("joint", join_specialists), ("cheap mean", mean_of_specialists)):
        answer = join(general.softmax(dim=1), special, lab.CLOTHES.groups).argmax(dim=1)
        right = 100 * (answer == data.test.labels).double().mean().item()
        assert abs(teacher_accuracy(teams[f"specialists, {name}"]) - right) < 0.02


def test_latency_counts_every_network_of_a_team(monkeypatch):
    seen = {}
    monkeypatch.setattr(
        labs_teams,
        "measure_latency",
        lambda model, shape, batch: (
            seen.update({len(model.networks): (shape, batch)})
            or {"median_ms": float(len(model.networks))}
        ),
    )
    teams = lab.teachers(0)
    found = latencies({name: teams[name] for name in ("one big network", "specialists, joint")})
    assert found == {"one big network": 1.0, "specialists, joint": 4.0}
    assert seen == {1: ((1, 28, 28), 256), 4: ((1, 28, 28), 256)}


def test_the_whole_table_runs_on_another_data_set(tmp_path, monkeypatch):
    """Published format, three channels, subsets of the public code; a few steps only."""
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    monkeypatch.setenv("KD_OFFLINE", "1")
    monkeypatch.setenv("KD_DATA", str(tmp_path))
    paper_files.write_svhn(tmp_path, list(range(10)) * 30, list(range(10)) * 2)
    paper_files.publish(monkeypatch, "svhn", tmp_path)
    short = Schedule(steps=2, batch_size=8)
    student = replace(lab.SVHN.student, schedule=short)
    setting = replace(
        lab.SVHN,
        member="cnn-2",
        big="cnn-2",
        student=student,
        schedule=short,
        generalists=2,
        specialists=2,
    )
    setting = find_clusters(setting)
    assert sorted(k for group in setting.segments for k in group) == list(range(10))
    arms = lab.student_arms(0, setting)
    for name, recipe in arms.items():
        run = load_or_train(recipe, quiet=True)
        assert 0 <= run.accuracy <= 100, name
        assert run.record["input"] == INPUT["svhn"]
        if isinstance(recipe.teacher, Recipe | Team):
            assert teacher_costs(recipe.teacher)["parameters"] > 0
