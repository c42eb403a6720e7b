import warnings

import pytest
import torch

from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.ladders import WAYS, climb, error_overlap
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.sweep import teachers_of
from kd_helpers.methods import DenselyGuidedKD, HintonKD
from kd_helpers.teachers import Dense
from kd_helpers.training.schedules import Schedule

LADDER = ("cnn-8", "cnn-6", "cnn-4", "cnn-2")
BASE = Recipe(schedule=Schedule(steps=6, batch_size=16), transfer=TransferSet(images=100))
ALL, SOME = DenselyGuidedKD(), DenselyGuidedKD(survival=0.75)


def test_a_chain_hands_down_and_a_dense_ladder_hands_down_everything():
    chain, dense = (climb(LADDER, way, base=BASE) for way in ("chain", "dense"))
    assert [r.student for r in chain] == [r.student for r in dense] == list(LADDER)
    for place in range(1, 4):
        assert chain[place].teacher == chain[place - 1] and chain[place].method == HintonKD()
        assert dense[place].teachers == dense[:place]
    assert dense[:2] == chain[:2]  # one source: the same training
    assert dense[3].teacher == Dense(dense[:3]) and dense[3].method == ALL
    stages = [recipe for stage in teachers_of([dense[-1]]) for recipe in stage]
    assert list(dict.fromkeys(stages)) == list(dense[:-1])  # each rung comes after its teachers


def test_direct_skips_the_assistants_and_a_ladder_of_two_is_plain_kd_every_way():
    assert [r.student for r in climb(LADDER, "direct", base=BASE)] == ["cnn-8", "cnn-2"]
    ways = {way: climb(("cnn-4", "cnn-2"), way, base=BASE) for way in WAYS}
    assert ways["direct"] == ways["chain"] == ways["dense"]
    assert ways["stochastic"][1].teacher == Dense(ways["direct"][:1])
    assert ways["stochastic"][1].method == SOME
    assert climb(("cnn-4", "cnn-2"), "stochastic", base=BASE, sources=ALL) == ways["chain"]
    assert len({climb(LADDER, way, base=BASE)[-1].hash for way in WAYS}) == 4


def test_a_rung_larger_than_its_teacher_is_named_in_a_warning():
    words = r"cnn-6 \(82,778 parameters\) is larger than its teacher cnn-4"
    with pytest.warns(UserWarning, match=words):
        climb(("cnn-8", "cnn-4", "cnn-6", "cnn-2"), "chain", base=BASE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        climb(LADDER, "chain", base=BASE)
        climb(("resnet-20", "cnn-8"), "chain", base=BASE)  # more parameters, a third of the work


def test_impossible_ladders_are_refused():
    for names, way, sources, words in (
        (("cnn-2",), "chain", None, "a teacher and a student"),
        ((), "dense", None, "a teacher and a student"),
        (("cnn-4", "cnn-3"), "chain", None, "unknown model 'cnn-3'"),
        (LADDER, "spiral", None, "direct, chain, dense, stochastic"),
        (LADDER, "chain", SOME, "dense or stochastic"),
        (LADDER, "direct", SOME, "dense or stochastic"),
    ):
        with pytest.raises(ValueError, match=words):
            climb(names, way, base=BASE, sources=sources)


def test_errors_that_two_share():
    labels = torch.tensor([0, 1, 2, 3, 4])
    first, second = torch.tensor([0, 0, 0, 3, 0]), torch.tensor([0, 1, 1, 0, 3])
    assert error_overlap(first, second, labels) == 2 / 4  # both wrong on 2 and 4
    assert error_overlap(labels, labels, labels) == 0.0 and error_overlap(first, first, labels) == 1
