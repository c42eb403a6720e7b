"""The loss of several sources, and ladders of assistants: against NumPy, and from recipe to
student."""

import itertools
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from kd_helpers.data.splits import UNLABELLED
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.ladders import WAYS, climb, error_overlap, sizes_of
from kd_helpers.experiments.recipe import DENSE, Recipe, Team, to_dict
from kd_helpers.experiments.run import dataset_of, new_student, teacher_of, training_arguments
from kd_helpers.experiments.sweep import teachers_of
from kd_helpers.methods.dgkd import ALL_SOURCES, DenseLoss, Sources, draw_sources
from kd_helpers.methods.hinton import distillation_terms
from kd_helpers.training.checkpoints import Checkpoint
from kd_helpers.training.loop import train
from kd_helpers.training.schedules import Schedule

B, K = 7, 5
LADDER = ("cnn-8", "cnn-6", "cnn-4", "cnn-2")
BASE = Recipe(schedule=Schedule(steps=6, batch_size=16), transfer=TransferSet(images=100))


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KD_OUT", str(tmp_path))
    monkeypatch.setenv("KD_PRECISION", "float32")


@pytest.fixture
def case():
    torch.manual_seed(0)
    student, told = torch.randn(B, K) * 2, torch.randn(3, B, K) * 3
    return student, told, torch.tensor([0, 4, 2, 1, UNLABELLED, 3, 3])


def side_by_side(told: torch.Tensor) -> torch.Tensor:
    return torch.cat(list(told), dim=1)


def by_hand(student, told, labels, T, weight, on, scale="sum", label_term="each", strength=1.0):
    """(n + 1)(1 - λ)·CE + λ·Σ T²·KL, with n + 1 the number of sources, in NumPy."""
    z, v, y = (
        x.double().numpy() if x.is_floating_point() else x.numpy() for x in (student, told, labels)
    )
    known = y >= 0
    ce = -log_softmax(z, axis=1)[known, y[known]].mean()
    kd = 0.0
    for one, teaches in zip(v, on, strict=True):
        p, log_p = softmax(one / T, axis=1), log_softmax(one / T, axis=1)
        kd += teaches * T**2 * (p * (log_p - log_softmax(z / T, axis=1))).sum(axis=1).mean()
    times = len(v) if label_term == "each" else 1
    loss = times * (1 - weight) * ce + weight * strength * kd
    return loss / len(v) if scale == "mean" else loss


@pytest.mark.parametrize("T", (1.0, 4.0, 7.5))
@pytest.mark.parametrize("weight", (0.0, 0.3, 1.0))
@pytest.mark.parametrize("scale", ("sum", "mean"))
@pytest.mark.parametrize("label_term", ("each", "once"))
@pytest.mark.parametrize("strength", (1.0, 0.1))
def test_three_sources_are_the_equation_written_out(case, T, weight, scale, label_term, strength):
    student, told, labels = case
    sources = Sources(scale=scale, label_term=label_term, strength=strength)
    found = DenseLoss(T, weight, 0.0, sources)(student, side_by_side(told), labels)["loss"].item()
    expected = by_hand(student, told, labels, T, weight, [1, 1, 1], scale, label_term, strength)
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_order_of_the_sources_does_not_matter(case):
    student, told, labels = case
    loss = DenseLoss(4.0, 0.9, 0.0, ALL_SOURCES)
    found = {
        round(loss(student, side_by_side(told[list(order)]), labels)["loss"].item(), 4)
        for order in itertools.permutations(range(3))
    }
    assert len(found) == 1


def test_one_source_is_plain_distillation_bit_for_bit(case):
    student, told, labels = case
    student.requires_grad_()
    values = []
    for terms in (
        DenseLoss(4.0, 0.7, 0.1, ALL_SOURCES)(student, told[0], labels),
        distillation_terms(
            student, told[0], labels, temperature=4.0, kd_weight=0.7, label_smoothing=0.1
        ),
    ):
        (gradient,) = torch.autograd.grad(terms["loss"], student)
        values.append((terms["loss"].detach(), terms["ce"], terms["kd"], gradient))
    for dense, plain in zip(*values, strict=True):
        assert torch.equal(dense, plain)


def test_survival_1_is_all_of_them_and_draws_nothing(case):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    assert draw_sources(4, ALL_SOURCES).all()
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("survival", (0.25, 0.75))
def test_each_source_survives_as_often_as_asked_and_on_its_own(survival):
    torch.manual_seed(0)
    drawn = torch.stack([draw_sources(3, Sources(survival=survival)) for _ in range(6000)]).float()
    assert (drawn.mean(dim=0) - survival).abs().max() < 0.03
    together = torch.corrcoef(drawn.T) - torch.eye(3)
    assert together.abs().max() < 0.06
    none = (drawn.sum(dim=1) == 0).float().mean()
    assert none == pytest.approx((1 - survival) ** 3, abs=0.03)


def test_exactly_so_many_are_removed():
    torch.manual_seed(0)
    drawn = torch.stack([draw_sources(4, Sources(removed=1)) for _ in range(4000)])
    assert (drawn.sum(dim=1) == 3).all()
    assert (drawn.float().mean(dim=0) - 0.75).abs().max() < 0.03


def test_a_batch_without_sources_teaches_its_labels(case):
    student, told, labels = case
    student.requires_grad_()
    terms = DenseLoss(4.0, 0.9, 0.0, Sources(survival=0.0))(student, side_by_side(told), labels)
    assert terms["kd"] == 0
    assert terms["loss"].item() == pytest.approx(
        by_hand(student.detach(), told, labels, 4.0, 0.9, [0, 0, 0]), rel=1e-5
    )
    terms["loss"].backward()
    assert student.grad.abs().sum() > 0


def test_sources_get_no_gradient(case):
    student, told, labels = case
    told.requires_grad_()
    student.requires_grad_()
    DenseLoss(4.0, 0.9, 0.0, ALL_SOURCES)(student, side_by_side(told), labels)["loss"].backward()
    assert told.grad is None or not told.grad.any()


@pytest.mark.parametrize(
    ("settings", "words"),
    (
        ({"survival": 1.5}, "survival"),
        ({"survival": -0.1}, "survival"),
        ({"removed": -1}, "whole number"),
        ({"removed": 1.0}, "whole number"),
        ({"removed": 1, "survival": 0.5}, "choose one"),
        ({"scale": "max"}, "sum, mean"),
        ({"label_term": "never"}, "each, once"),
    ),
)
def test_impossible_sources_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        Sources(**settings)


def test_what_does_not_fit_together_is_refused(case):
    student, told, labels = case
    loss = DenseLoss(4.0, 0.9, 0.0, ALL_SOURCES)
    with pytest.raises(ValueError, match="multiple of 5"):
        loss(student, side_by_side(told)[:, :-1], labels)
    with pytest.raises(ValueError, match="removed=3 of 3"):
        replace(loss, sources=Sources(removed=3))(student, side_by_side(told), labels)
    with pytest.raises(ValueError, match="dense team"):
        Recipe(teacher=BASE, kd_weight=0.9, sources=Sources(survival=0.5))


# Ladders


def test_a_chain_hands_down_and_a_dense_ladder_hands_down_everything():
    chain, dense = (climb(LADDER, way, base=BASE) for way in ("chain", "dense"))
    assert [r.student for r in chain] == [r.student for r in dense] == list(LADDER)
    for place in range(1, 4):
        assert chain[place].teacher == chain[place - 1]
        assert dense[place].teachers == dense[:place]
    assert dense[1] == chain[1]  # one source: the same training
    assert dense[3].teacher.how == DENSE and dense[3].sources == ALL_SOURCES


def test_direct_skips_the_assistants_and_a_ladder_of_two_is_kd_every_way():
    assert [r.student for r in climb(LADDER, "direct", base=BASE)] == ["cnn-8", "cnn-2"]
    ways = {way: climb(("cnn-4", "cnn-2"), way, base=BASE) for way in WAYS}
    assert ways["direct"] == ways["chain"] == ways["dense"]
    assert ways["stochastic"][1].sources == Sources(survival=0.75)
    same = climb(("cnn-4", "cnn-2"), "stochastic", base=BASE, sources=ALL_SOURCES)
    assert same == ways["chain"]


def test_sources_are_left_out_for_the_last_rung_only():
    rungs = climb(LADDER, "stochastic", base=BASE)
    assert rungs[:-1] == climb(LADDER, "dense", base=BASE)[:-1]
    assert rungs[-1].sources == Sources(survival=0.75)
    mean = climb(LADDER, "stochastic", base=BASE, sources=Sources(survival=0.5, scale="mean"))
    assert [r.sources.scale for r in mean] == ["sum", "sum", "mean", "mean"]


def test_every_rung_is_trained_exactly_once_and_after_its_teachers():
    rungs = climb(LADDER, "dense", base=BASE)
    stages = teachers_of([rungs[-1]])
    order = list(dict.fromkeys(recipe for stage in stages for recipe in stage))
    assert order == list(rungs[:-1])


def test_a_teacher_of_its_own_can_stand_at_the_top():
    top = replace(BASE, student="resnet-20", seed=9)
    rungs = climb(("resnet-20", "cnn-4", "cnn-2"), "dense", base=BASE, top=top)
    assert rungs[0] == top and rungs[2].teachers == (top, rungs[1])


def test_the_student_may_see_other_images_than_its_assistants():
    last = replace(BASE, transfer=TransferSet(images=50), seed=9)
    for way in WAYS:
        *above, student = climb(LADDER, way, base=BASE, last=last)
        assert (student.transfer, student.seed, student.student) == (last.transfer, 9, "cnn-2")
        assert all((r.transfer, r.seed) == (BASE.transfer, BASE.seed) for r in above)
        assert above == list(climb(LADDER, way, base=BASE)[:-1])


def test_the_strength_is_that_of_every_soft_term():
    """One teacher: the recipe's lesson; several: its sources. At 1 nothing is said of it."""
    plain, weak = (climb(LADDER, "dense", base=BASE, strength=f) for f in (1.0, 0.1))
    assert [r.lesson.strength for r in weak] == [1.0, 0.1, 1.0, 1.0]
    assert [r.sources.strength for r in weak] == [1.0, 1.0, 0.1, 0.1]
    assert plain == climb(LADDER, "dense", base=BASE)
    chain = climb(LADDER, "chain", base=BASE, strength=0.1)
    assert [r.lesson.strength for r in chain] == [1.0, 0.1, 0.1, 0.1]
    with pytest.raises(ValueError, match="to the whole ladder"):
        climb(LADDER, "dense", base=BASE, sources=Sources(strength=0.1))


@pytest.mark.parametrize("strength", (0.0, -1.0, float("inf"), float("nan")))
def test_a_strength_that_teaches_nothing_is_refused(strength):
    with pytest.raises(ValueError, match="strength="):
        Sources(strength=strength)


@pytest.mark.parametrize(
    ("names", "way", "words"),
    (
        (("cnn-2",), "chain", "a teacher and a student"),
        ((), "dense", "a teacher and a student"),
        (("cnn-4", "cnn-3"), "chain", "unknown model 'cnn-3'"),
        (LADDER, "spiral", "direct, chain, dense, stochastic"),
    ),
)
def test_impossible_ladders_are_refused(names, way, words):
    with pytest.raises(ValueError, match=words):
        climb(names, way, base=BASE)


def test_sources_for_a_chain_are_refused():
    with pytest.raises(ValueError, match="dense or stochastic"):
        climb(LADDER, "chain", base=BASE, sources=Sources(survival=0.5))


def test_a_rung_larger_than_its_teacher_is_named_in_a_warning():
    with pytest.warns(
        UserWarning, match=r"cnn-6 \(82,778 parameters\) is larger than its teacher cnn-4"
    ):
        climb(("cnn-8", "cnn-4", "cnn-6", "cnn-2"), "chain", base=BASE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        climb(LADDER, "chain", base=BASE)
        climb(("resnet-20", "cnn-8"), "chain", base=BASE)  # more parameters, a third of the work


def test_the_two_sizes_of_a_network():
    """cnn-4 by hand, 3×32×32: layers of 16, 16 at 32×32, of 32, 32 at 16×16, then 8·8·32 → 10."""
    layers = [(3, 16, 32), (16, 16, 32), (16, 32, 16), (32, 32, 16)]  # inputs, outputs, side
    work = sum(9 * a * b * side * side for a, b, side in layers) + 2048 * 10
    parameters = sum(9 * a * b + b + 2 * b for a, b, _ in layers) + 2048 * 10 + 10
    assert sizes_of("cnn-4") == (parameters, work)


def test_errors_that_two_share():
    labels = torch.tensor([0, 1, 2, 3, 4])
    first, second = torch.tensor([0, 0, 0, 3, 0]), torch.tensor([0, 1, 1, 0, 3])
    assert error_overlap(first, second, labels) == pytest.approx(2 / 4)  # both wrong on 2 and 4
    assert error_overlap(labels, labels, labels) == 0.0
    assert error_overlap(first, first, labels) == 1.0


# From recipe to student


def test_a_dense_team_answers_with_all_sources_side_by_side_from_the_cache():
    rungs = climb(("cnn-4", "cnn-2", "cnn-2"), "dense", base=BASE)
    recipe = rungs[-1]
    teacher = teacher_of(recipe, dataset_of(recipe), 100)
    arguments = training_arguments(recipe, dataset_of(recipe))
    assert isinstance(arguments["loss"], DenseLoss)
    student = new_student(recipe, dataset_of(recipe))
    history = train(student, **arguments)
    assert np.isfinite(history.terms["loss"]).all() and history.terms["kd"][-1] > 0
    known = [int(member.known.sum()) for member in teacher.members]
    assert known[0] == known[1] > 0  # both were asked, each image once


@pytest.mark.parametrize("way", ("dense", "stochastic"))
def test_a_student_of_a_ladder_goes_on_where_it_was(way, tmp_path):
    recipe = climb(("cnn-2", "cnn-2", "cnn-2"), way, base=BASE)[-1]
    data = dataset_of(recipe)
    arguments = training_arguments(recipe, data)
    whole, halved, other = (new_student(recipe, data) for _ in range(3))
    train(whole, **arguments, report_every=3)
    path, asked = tmp_path / "state.checkpoint", iter([False] * 3 + [True])
    first = Checkpoint(path, to_dict(recipe), every=0.0)
    train(halved, **arguments, report_every=3, checkpoint=first, should_stop=lambda: next(asked))
    assert path.is_file()
    train(other, **arguments, report_every=3, checkpoint=Checkpoint(path, to_dict(recipe)))
    for name, value in whole.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name


def test_the_way_of_a_ladder_is_part_of_the_hash():
    last = [climb(LADDER, way, base=BASE)[-1] for way in WAYS]
    assert len({recipe.hash for recipe in last}) == 4
    assert Team((BASE,), DENSE) != BASE
