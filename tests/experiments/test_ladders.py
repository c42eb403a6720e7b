import warnings
from dataclasses import replace

import pytest
import torch

from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.ladders import WAYS, climb, error_overlap, sizes_of
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


def test_sources_are_left_out_for_the_last_rung_only():
    rungs = climb(LADDER, "stochastic", base=BASE)
    assert rungs[:-1] == climb(LADDER, "dense", base=BASE)[:-1] and rungs[-1].method == SOME
    for sources in (replace(SOME, mean=True), DenselyGuidedKD(removed=1, mean=True)):
        own = climb(LADDER, "stochastic", base=BASE, sources=sources)
        assert own[1].method == HintonKD() and own[2].method == replace(ALL, mean=True)
        assert own[3].method == sources
    everywhere = climb(LADDER, "dense", base=BASE, sources=SOME)
    assert [r.method for r in everywhere[1:]] == [SOME] * 3


def test_teacher_student_and_assistants_may_each_have_their_own_training():
    top = replace(BASE, student="resnet-20", seed=9)
    last = replace(BASE, transfer=TransferSet(images=50), seed=8)
    for way in WAYS:
        rungs = climb(("resnet-20", *LADDER[1:]), way, base=BASE, top=top, last=last)
        assert rungs[0] == top
        assert (rungs[-1].transfer, rungs[-1].seed, rungs[-1].student) == (
            last.transfer,
            8,
            "cnn-2",
        )
        assert all((r.transfer, r.seed) == (BASE.transfer, 0) for r in rungs[1:-1])


def test_temperature_weights_and_strength_are_those_of_every_rung():
    given = {
        "temperature": 2.0,
        "kd_weight": 0.5,
        "label_smoothing": 0.1,
        "warm_up": 0.2,
        "strength": 0.1,
    }
    weak = HintonKD(**given)
    louder = {"chain": {}, "stochastic": {"sources": DenselyGuidedKD(strength=3.0)}}  # unheard
    for way in ("chain", "stochastic"):
        for rung in climb(LADDER, way, base=BASE, method=weak, **louder[way])[1:]:
            assert {name: getattr(rung.method, name) for name in given} == given


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


def test_the_two_sizes_of_a_network():
    """cnn-4 by hand, 3×32×32: layers of 16, 16 at 32×32, of 32, 32 at 16×16, then 8·8·32 → 10."""
    layers = [(3, 16, 32), (16, 16, 32), (16, 32, 16), (32, 32, 16)]  # inputs, outputs, side
    work = sum(9 * a * b * side * side for a, b, side in layers) + 2048 * 10
    parameters = sum(9 * a * b + b + 2 * b for a, b, _ in layers) + 2048 * 10 + 10
    assert sizes_of("cnn-4") == (parameters, work)


def test_errors_that_two_share():
    labels = torch.tensor([0, 1, 2, 3, 4])
    first, second = torch.tensor([0, 0, 0, 3, 0]), torch.tensor([0, 1, 1, 0, 3])
    assert error_overlap(first, second, labels) == 2 / 4  # both wrong on 2 and 4
    assert error_overlap(labels, labels, labels) == 0.0 and error_overlap(first, first, labels) == 1
