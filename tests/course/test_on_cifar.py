"""Sections "On the papers' own images": their arms are fair and their claims answered."""

from dataclasses import replace

import numpy as np
import pytest

from kd_course.claims import claim_table
from kd_course.nb02_hinton import on_cifar as hinton
from kd_course.nb03_confidence import on_cifar as confidence
from kd_course.nb04_mistakes import on_cifar as mistakes
from kd_course.nb07_papers.tables import paper_numbers
from kd_helpers.experiments.run import load_run
from kd_helpers.methods import CrossEntropy

CHAPTERS = (hinton, confidence, mistakes)
CLAIMING = (confidence, mistakes)


def test_arms_differ_in_teacher_and_method_alone_and_seeds_in_the_seed():
    for chapter in CHAPTERS:
        arms, again = chapter.cifar_arms(0), chapter.cifar_arms(1)
        bare = {replace(r, teacher=None, method=CrossEntropy()) for r in arms.values()}
        assert len(bare) == 1, chapter.__name__
        assert arms == {name: replace(r, seed=0) for name, r in again.items()}


def test_every_claim_is_about_arms_of_both_data_sets_and_those_on_clothes_are_stored():
    for chapter in CLAIMING:
        clothes, cifar = chapter.clothes_arms(0), chapter.cifar_arms(0)
        for pair in chapter.CLAIMS.values():
            assert {*pair} <= cifar.keys() and all(load_run(clothes[name]) for name in pair), pair


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
