"""Sections "On the papers' own images": their arms are fair and their claims answered."""

from dataclasses import replace

import numpy as np
import pytest

from kd_course.claims import claim_table
from kd_course.nb02_hinton import on_cifar as hinton
from kd_course.nb03_confidence import on_cifar as confidence
from kd_course.nb04_mistakes import on_cifar as mistakes
from kd_course.nb05_specialists import on_cifar as teams
from kd_course.nb05_specialists import stored_teams
from kd_course.nb05_specialists.experiments import student_arms
from kd_course.nb05_specialists.stored_teams import stored_right
from kd_course.nb05_specialists.tables import teacher_accuracy
from kd_course.nb06_assistants import on_cifar as ladders
from kd_course.nb07_papers.ladders import rungs
from kd_course.nb07_papers.tables import paper_numbers
from kd_helpers.experiments.run import load_run
from kd_helpers.methods import CrossEntropy

CHAPTERS = (hinton, confidence, mistakes, teams)
CLAIMING = {
    confidence: confidence.clothes_arms,
    mistakes: mistakes.clothes_arms,
    teams: student_arms,
}


def test_arms_differ_in_teacher_and_method_alone_and_seeds_in_the_seed():
    for chapter in CHAPTERS:
        arms, again = chapter.cifar_arms(0), chapter.cifar_arms(1)
        bare = {replace(r, teacher=None, method=CrossEntropy()) for r in arms.values()}
        assert len(bare) == 1, chapter.__name__
        if chapter is not teams:  # whose teachers have seeds, too
            assert arms == {name: replace(r, seed=0) for name, r in again.items()}


def test_every_claim_is_about_arms_of_both_data_sets_and_those_on_clothes_are_stored():
    for chapter, of_clothes in CLAIMING.items():
        clothes, cifar = of_clothes(0), chapter.cifar_arms(0)
        for pair in chapter.CLAIMS.values():
            assert {*pair} <= cifar.keys() and all(load_run(clothes[name]) for name in pair), pair


def test_the_ladder_of_160_passes_is_the_one_of_the_papers():
    """With seed 0; `kd reproduce takd --scale paper` then finds it stored."""
    arms = ladders.full_arms(0)
    paper = [
        ("hard labels", ("cnn-2",)),
        ("direct", ("cnn-10", "cnn-2")),
        ("assistant cnn-4", ("cnn-10", "cnn-4", "cnn-2")),
    ]
    for name, networks in paper:
        assert arms[name] == rungs(networks, "plain", "cifar-100")[-1], name


def test_what_a_team_has_right_is_stored_and_names_its_networks():
    """Three networks together know more than the mean of the three."""
    own = teams.own_answers()
    assert all(right.shape == (5, 10_000) for right in own.values())
    for seed in range(5):
        three = teams.cifar_teachers(seed)["3 generalists, arithmetic"]
        alone = np.mean([load_run(recipe).accuracy for recipe in three.members])
        joined = teacher_accuracy(three)
        assert joined > alone + 1
        assert joined == pytest.approx(100 * own["3 generalists, arithmetic"][seed].mean())
        others = (three.members[0], *three.members[:2])
        assert stored_right(others, "arithmetic") is None


def test_what_a_team_has_right_is_asked_where_it_is_not_stored(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_teams, "stored_file", lambda: tmp_path / "teams.npz")
    team = teams.cifar_teachers(0)["3 generalists, arithmetic"]
    right = np.arange(10_000) % 3 == 0
    monkeypatch.setattr(teams, "asked", lambda who: right)
    assert teams.right_of(team) is right and stored_right(team.members, "arithmetic") is None
    teams.store_all()
    assert np.array_equal(stored_right(team.members, "arithmetic"), right)


def test_the_published_differences_are_those_of_one_pair_of_networks():
    found = confidence.published_differences(paper_numbers("cifar100_benchmark"))
    assert list(found.values()) == pytest.approx([73.33 - 72.5, 76.62 - 73.33, 76.32 - 73.33])


def test_a_claim_is_clear_against_or_not_clear_beside_the_papers_sign():
    steps = np.array([0.0, 0.1, -0.1, 0.2, -0.2])
    scores = {"low": 40 + 0 * steps, "high": 43 + steps, "like low": 40 + 9 * steps}
    scores = {name: list(values) for name, values in scores.items()}
    claims = {"up": ("high", "low"), "down": ("low", "high"), "even": ("like low", "low")}
    table = claim_table(claims, scores, scores, {"up": 1.0, "down": 1.0, "even": 1.0}, "pictures")
    assert list(table["pictures"]) == ["BETTER +3.00", "WORSE -3.00", "NO CLEAR DIFFERENCE +0.00"]
    assert list(table["pictures and the paper"]) == ["same sign", "other sign", "not clear"]
    assert list(claim_table(claims, scores, scores, {})) == ["Fashion-MNIST", "CIFAR-100"]
