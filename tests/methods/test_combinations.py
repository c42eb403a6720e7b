"""Methods put inside one another, against the whole soft term written out; warm-up; extremes."""

from dataclasses import replace
from functools import partial

import pytest
import torch

import by_hand as hand
from by_hand import K, T, learnt, partly_hidden, random_batch, soft_term
from kd_helpers import methods as m
from kd_helpers.data.splits import Split
from kd_helpers.methods.method import Distillation, SoftMethod
from kd_helpers.methods.on_features import WithLayers
from kd_helpers.runtime.plain import as_code, descendants
from kd_helpers.training import checkpoints
from kd_helpers.training.checkpoints import Checkpoint
from kd_helpers.training.loop import make_student, train
from kd_helpers.training.schedules import Schedule

KD = m.HintonKD(temperature=T)
DKD = m.DecoupledKD(temperature=T)
ONE = m.TopK(temperature=T, count=1)
# What a treatment adds to the soft term that `by_hand` writes out.
scale, flsw, mask = {"scale": hand.standard}, {"confusion": hand.different_directions}, hand.mask
swap, parts_of_kd = {"correct": hand.swapped}, {"compare": hand.in_parts}
unsure = {"confusion": hand.unsure, "weigh": partial(hand.gate, above=False)}
one = {"compare": partial(hand.on_top, count=1), "weigh": hand.trust}
small = {"compare": hand.on_small, "weigh": mask}
COMPOSED = {
    m.ConfidenceGate(m.SwapMistakes(m.Standardised(replace(KD, strength=3.0)))): (
        swap | scale | {"weigh": hand.gate, "strength": 3.0}
    ),
    m.ReplaceMistakes(m.FLSW(KD)): {"correct": hand.replaced} | flsw,
    m.ReplaceMistakes(m.Standardised(KD)): {"correct": hand.replaced} | scale,
    m.FLSW(m.MaskMistakes(KD)): flsw | {"weigh": mask},
    m.ConfidenceGate(m.Standardised(m.CWSM(KD)), above=False): scale | unsure,
    m.TrustTrueClass(m.SwapMistakes(ONE)): swap | one,
    m.MaskMistakes(m.FLSW(m.SmallEntries(temperature=T))): flsw | small,
}
WITH_LABELS = {
    m.WeightedSoftLabels(m.Standardised(KD)): scale | {"weigh": hand.soft_label_weight},
    m.MaskMistakes(m.SwapMistakes(DKD)): swap | parts_of_kd | {"weigh": mask},
    m.FLSW(DKD): flsw | parts_of_kd,
}


def test_what_is_put_inside_one_another_does_all_of_it_in_order():
    whole, hidden = random_batch(), partly_hidden(random_batch())
    cases = [(*case, whole) for case in (COMPOSED | WITH_LABELS).items()]
    for method, parts, given in cases + [(*case, hidden) for case in COMPOSED.items()]:
        expected = pytest.approx(soft_term(given, **parts), rel=1e-4)
        assert learnt(method, given)[0].item() == expected, as_code(method)


ABSTRACT = {"Distillation", "Treatment", "Weighted", "DynamicTemperature", "OnEntries"}


def alone() -> list[SoftMethod]:
    """One of every class of the package that compares one teacher with the student."""
    kinds = [k for k in descendants(SoftMethod) if k.__module__.startswith("kd_helpers.methods")]
    kinds = [k for k in kinds if not (issubclass(k, WithLayers) or k.sources_apart)]
    return [kind() for kind in kinds if kind.__name__ not in ABSTRACT]


def test_extreme_logits_give_finite_losses_and_gradients_with_every_method():
    generator = torch.Generator().manual_seed(1)
    signs = torch.randint(2, (2, 64, K), generator=generator) * 2 - 1
    extreme = 1e4 * signs + torch.randn(2, 64, K, generator=generator)
    assert len(alone()) >= 15
    for method in [*alone(), *COMPOSED, *WITH_LABELS]:
        for dtype in (torch.float32, torch.bfloat16):
            student, teacher = extreme.to(dtype)
            student.requires_grad_()
            terms = method(student, teacher if method.needs_teacher else None, torch.arange(64) % K)
            terms["loss"].backward()
            assert torch.isfinite(terms["loss"]) and terms["kd"] >= 0, as_code(method)
            assert torch.isfinite(student.grad).all(), as_code(method)


def test_a_method_refuses_what_the_one_that_it_builds_on_refuses():
    """A class that forgets its parent's checks takes a temperature of 0."""
    wrong = {"temperature": 0.0, "kd_weight": 1.5, "strength": -1.0, "warm_up": 2.0}
    wrong["label_smoothing"] = -0.1
    found = [(method, name) for method in alone() for name in wrong if name in vars(method)]
    assert len(found) > 50
    for method, name in found:
        with pytest.raises(ValueError, match=name):
            replace(method, **{name: wrong[name]})


def test_a_treatment_takes_weights_and_warm_up_from_the_method_inside():
    given = random_batch()
    inside = replace(KD, kd_weight=0.3, label_smoothing=0.2, warm_up=0.4, strength=2.0)
    method = m.Standardised(m.MaskMistakes(inside))
    terms, kd = method(*given), learnt(method, given)[0]
    torch.testing.assert_close(terms["loss"], 0.7 * terms["ce"] + 0.3 * kd)
    for progress in (0.0, 0.1, 0.39):
        assert method.at(progress)(*given)["kd"].item() == pytest.approx(progress / 0.4 * kd.item())
    assert method.at(0.4) is method and method.at(1.0) is method


def test_what_cannot_be_put_inside_is_refused():
    for make in (
        lambda: m.SwapMistakes(m.TeacherFreeKD()),
        lambda: m.Standardised(m.DenselyGuidedKD()),
        lambda: m.MaskMistakes(m.CrossEntropy()),
    ):
        with pytest.raises(ValueError, match="expected a"):
            make()


SIX = Schedule(steps=6, batch_size=16, learning_rate=0.05)


@pytest.fixture
def images(monkeypatch) -> Split:
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(256, (48, 1, 28, 28), dtype=torch.uint8, generator=generator)
    return Split(pixels, torch.randint(K, (48,), generator=generator))


def teacher(batch) -> torch.Tensor:
    """Any fixed answers: different for each image, with some mistakes."""
    return torch.sin(batch.index[:, None] * torch.arange(1, K + 1)) * 3


def trained(split: Split, **how) -> tuple[torch.Tensor, list[float]]:
    model = make_student("cnn-2", num_classes=K, in_channels=1, image_size=28, seed=0)
    history = train(model, split, **{"schedule": SIX, "teacher": teacher, "report_every": 1} | how)
    return torch.cat([w.flatten() for w in model.state_dict().values()]), history.terms["kd"]


def stop_after(steps: int):
    asked = iter(range(steps + 1))
    return lambda: next(asked) == steps


def test_a_method_with_warm_up_and_chance_that_is_cut_off_ends_as_if_never(
    images, tmp_path, monkeypatch
):
    monkeypatch.setattr(checkpoints, "SHARE_OF_TIME", float("inf"))
    how = {
        "method": m.RandomEntries(temperature=T, dropped=0.5, warm_up=0.6),
        "schedule": replace(SIX, steps=12),
    }
    whole, kd = trained(images, **how)
    for steps in (1, 4, 8):
        for part in ({"should_stop": stop_after(steps)}, {}):
            torch.manual_seed(steps)  # what else draws must not matter
            state = Checkpoint(tmp_path / f"state-{steps}", {}, every=0.0)
            again, kd_again = trained(images, **how, **part, checkpoint=state)
        assert whole.equal(again) and kd == kd_again
    cold = replace(how["method"], warm_up=0.0)
    assert not whole.equal(trained(images, **how | {"method": cold})[0])
    assert isinstance(cold, Distillation)
