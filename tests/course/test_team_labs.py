"""The settings of notebook 05: budgets, subsets, clusters; what the tables of teams say; any data
set."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import paper_files
from kd_course.nb05_specialists import experiments as lab
from kd_course.nb05_specialists.tables import find_clusters, teacher_accuracy, teacher_costs
from kd_helpers.data.datasets import load_dataset
from kd_helpers.experiments.run import load_or_train, load_run
from kd_helpers.methods import CrossEntropy
from kd_helpers.teachers.specialists import correct_dustbin
from kd_helpers.teachers.specialists_joint import join_specialists, mean_of_specialists
from kd_helpers.training.schedules import Schedule


def test_all_students_of_a_seed_differ_in_what_teaches_them_only():
    for seed in range(5):
        arms = lab.student_arms(seed)
        plain = {replace(r, teacher=None, method=CrossEntropy()) for r in arms.values()}
        assert plain == {replace(lab.CLOTHES.student, seed=seed)}
        assert len(set(arms.values())) == len(arms)


def test_the_clusters_of_the_recipes_are_those_of_the_first_generalist():
    assert find_clusters(replace(lab.CLOTHES, groups=(), segments=())) == lab.CLOTHES
    with pytest.raises(ValueError, match="find_clusters"):
        lab.student_arms(0, lab.CIFAR_10)


def test_costs_are_summed_over_the_networks():
    team = lab.teachers(1)["specialists, joint"]
    costs, records = teacher_costs(team), [load_run(r).record for r in team.members]
    for name in ("parameters", "seconds", "multiply_adds"):
        assert costs[name] == pytest.approx(sum(record[name] for record in records))
    assert teacher_costs(lab.generalist(1))["parameters"] == records[0]["parameters"]


# What a team says


def told(recipes) -> list[torch.Tensor]:
    """The logits (10000, …) of stored networks on the test images, in double precision."""
    images = load_dataset("fashion-mnist").test.images.float() / 255
    with torch.no_grad():
        return [load_run(recipe).model()(images).double() for recipe in recipes]


def is_right(team, answer: torch.Tensor, *, within: float = 0.02) -> bool:
    right = answer == load_dataset("fashion-mnist").test.labels
    return abs(teacher_accuracy(team) - 100 * right.double().mean()) < within


def test_a_teams_accuracy_is_that_of_its_joint_answer():
    teams = lab.teachers(2)
    z = np.stack(told(teams["3 generalists, arithmetic"].members))
    e = np.exp(z - z.max(axis=2, keepdims=True))
    mean = torch.tensor((e / e.sum(axis=2, keepdims=True)).mean(axis=0)).argmax(dim=1)
    assert is_right(teams["3 generalists, arithmetic"], mean)
    assert is_right(teams["3 generalists, switched"], mean)
    assert is_right(teams["3 generalists, geometric"], torch.tensor(z.mean(axis=0)).argmax(dim=1))
    assert teacher_accuracy(lab.generalist(2)) == load_run(lab.generalist(2)).accuracy
    towers = teams["towers by index, selective"]
    assert teacher_accuracy(towers) == load_run(towers.members[0]).accuracy


def test_specialists_answer_jointly_or_by_the_cheap_mean():
    teams, groups = lab.teachers(3), lab.CLOTHES.groups
    general, *special = told(teams["specialists, joint"].members)
    shares = (0.4, 0.3, 0.3)  # Fashion-MNIST has as many images of every class
    corrected = [
        correct_dustbin(z, 0.5, s).softmax(1) for z, s in zip(special, shares, strict=True)
    ]
    for name, join in (("joint", join_specialists), ("cheap mean", mean_of_specialists)):
        answer = join(general.softmax(dim=1), corrected, groups).argmax(dim=1)
        assert is_right(teams[f"specialists, {name}"], answer), name
    # Groups do not overlap, so one specialist at most is active: its best class is the answer. But
    # all of a group's mass is shared out anew: another group's class may come first now and then.
    answer = first = general.argmax(dim=1)
    for z, group in zip(special, map(torch.tensor, groups), strict=True):
        answer = torch.where(torch.isin(first, group), group[z[:, :-1].argmax(dim=1)], answer)
    assert is_right(teams["specialists, cheap mean"], answer, within=0.3)


def test_the_whole_table_runs_on_another_data_set(tmp_path, monkeypatch):
    """Published format, three channels, subsets of the public code; a few steps only."""
    for name, value in (("OUT", tmp_path / "out"), ("OFFLINE", 1), ("DATA", tmp_path)):
        monkeypatch.setenv(f"KD_{name}", str(value))
    paper_files.write_svhn(tmp_path, list(range(10)) * 30, list(range(10)) * 2)
    paper_files.publish(monkeypatch, "svhn", tmp_path)
    short = Schedule(steps=2, batch_size=8, learning_rate=0.01)
    small = {"member": "cnn-2", "big": "cnn-2", "generalists": 2, "specialists": 2}
    student = replace(lab.SVHN.student, schedule=short)
    setting = find_clusters(replace(lab.SVHN, student=student, schedule=short, **small))
    assert sorted(k for group in setting.segments for k in group) == list(range(10))
    for recipe in lab.student_arms(0, setting).values():
        run = load_or_train(recipe, quiet=True)
        assert run.record["input"] == {"num_classes": 10, "in_channels": 3, "image_size": 32}
        assert recipe.teacher is None or teacher_costs(recipe.teacher)["parameters"] > 0
