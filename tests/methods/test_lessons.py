"""Lessons against an independent NumPy computation of the whole soft term, alone and composed."""

from dataclasses import fields, replace
from functools import partial

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, logsumexp, softmax
from torch.nn import functional as F

from kd_helpers.data.datasets import Split
from kd_helpers.data.splits import UNLABELLED
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods.hinton import distillation_terms, hard_loss, kd_loss
from kd_helpers.methods.objective import (
    COMPARED,
    CORRECTIONS,
    HINTON,
    TEMPERATURES,
    WEIGHTS,
    DistillationLoss,
    Lesson,
)
from kd_helpers.training import checkpoints
from kd_helpers.training.checkpoints import Checkpoint
from kd_helpers.training.loop import make_student, train
from kd_helpers.training.schedules import Schedule

B, K, T = 64, 10, 3.0
Given = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@pytest.fixture
def batch() -> Given:
    """Student and teacher logits (B, K) and labels (B,); the teacher is right about two thirds."""
    generator = torch.Generator().manual_seed(0)
    student, teacher = 2 * torch.randn(2, B, K, generator=generator) + 1
    labels = torch.randint(K, (B,), generator=generator)
    labels[::3] = teacher[::3].argmax(1)
    labels[1::3] = teacher[1::3].argmax(1)
    return student, teacher, labels


@pytest.fixture
def partly_hidden(batch) -> Given:
    """The same with some of the labels hidden, of images that the teacher gets right and wrong."""
    student, teacher, labels = batch
    return student, teacher, labels.where(torch.arange(B) % 4 > 0, UNLABELLED)


# The same in NumPy, image by image: s, t (K,) in double precision, y the label.


def answer_of(t: np.ndarray) -> int:
    return int(t.argmax())


def is_wrong(t, y) -> bool:
    return y != UNLABELLED and answer_of(t) != y


def swapped(t, y):
    if is_wrong(t, y):
        t = t.copy()
        t[[answer_of(t), y]] = t[[y, answer_of(t)]]
    return t


def replaced(t, y, smoothing=0.1):
    return T * np.log(smoothing / K + (1 - smoothing) * np.eye(K)[y]) if is_wrong(t, y) else t


def replaced_and_softened(t, y):
    return replaced(t, y) / T if is_wrong(t, y) else t


def standard(z):
    return (z - z.mean()) / z.std(ddof=1)


def divergence(log_p, log_q) -> float:
    return (np.exp(log_p) * (log_p - log_q)).sum()


def on_all(s, t, y, heat):
    return divergence(log_softmax(t / heat), log_softmax(s / heat))


def in_parts(s, t, y, heat, target_weight=1.0, other_weight=8.0):
    own = np.arange(K) == y
    p, q = log_softmax(t / heat), log_softmax(s / heat)
    target = divergence(*(np.array([x[y], logsumexp(x[~own])]) for x in (p, q)))
    others = divergence(*(x[~own] - logsumexp(x[~own]) for x in (p, q)))
    return target_weight * target + other_weight * others


def on_kept(s, t, heat, kept, lump):
    p, q = log_softmax(t / heat), log_softmax(s / heat)
    if lump and not kept.all():
        return divergence(*(np.append(x[kept], logsumexp(x[~kept])) for x in (p, q)))
    return divergence(*(x[kept] - logsumexp(x[kept]) for x in (p, q)))


def largest(t, count):
    return np.isin(np.arange(K), t.argsort()[K - count :])


def on_top(s, t, y, heat, count=3, lump=True):
    return on_kept(s, t, heat, largest(t, count) | (np.arange(K) == y), lump)


def on_small(s, t, y, heat, count=3, lump=True):
    return on_kept(s, t, heat, ~largest(t, count), lump)


def mask(s, t, y):
    return float(not is_wrong(t, y))


def trust(s, t, y):
    return softmax(t)[y] if y != UNLABELLED else 1.0


def soft_weight(s, t, y):
    return 1 - np.exp(-log_softmax(s)[y] / log_softmax(t)[y])


def gate(s, t, y, *, threshold=0.9, above):
    return float((softmax(t).max() >= threshold) == above)


def spread(confusion: list[float]) -> np.ndarray:
    away = np.mean(confusion) - confusion
    return T + away * min(1.0, 0.75 * T / -away.min())


def different_directions(s, t):
    return (1 - s @ t / np.linalg.norm(s) / np.linalg.norm(t)) ** 2


def unsure(s, t):
    return 1 / softmax(s).max()


def soft_term(
    given: Given,
    *,
    correct=lambda t, y: t,
    scale=lambda z: z,
    confusion=None,
    compare=on_all,
    weigh=lambda s, t, y: 1.0,
    strength=1.0,
) -> float:
    """strength · mean of weight · T² · comparison: corrected, scaled, heated, compared,
    weighted."""
    student, teacher = (z.double().numpy() for z in given[:2])
    labels = given[2].tolist()
    weights = [weigh(*row) for row in zip(student, teacher, labels, strict=True)]
    corrected = [correct(t, y) for t, y in zip(teacher, labels, strict=True)]
    s, t = [scale(z) for z in student], [scale(z) for z in corrected]
    heat = spread([confusion(*row) for row in zip(s, t, strict=True)]) if confusion else [T] * B
    rows = [compare(*row) for row in zip(s, t, labels, heat, strict=True)]
    return strength * np.mean(np.multiply(weights, rows) * np.square(heat))


def found(lesson: Lesson, given: Given) -> torch.Tensor:
    return lesson(*given, temperature=T)


ALONE = {
    "Hinton": (Lesson(), {}),
    "swap": (Lesson(correction="swap"), {"correct": swapped}),
    "replace": (Lesson(correction="replace"), {"correct": replaced}),
    "replace, soften": (Lesson(correction="replace, soften"), {"correct": replaced_and_softened}),
    "smoother": (
        Lesson(correction="replace", smoothing=0.4),
        {"correct": partial(replaced, smoothing=0.4)},
    ),
    "standardised": (Lesson(standardised=True), {"scale": standard}),
    "flsw": (Lesson(temperatures="flsw"), {"confusion": different_directions}),
    "cwsm": (Lesson(temperatures="cwsm"), {"confusion": unsure}),
    "top": (Lesson(compared="top"), {"compare": on_top}),
    "top five, dropped": (
        Lesson(compared="top", count=5, lump=False),
        {"compare": partial(on_top, count=5, lump=False)},
    ),
    "small": (Lesson(compared="small"), {"compare": on_small}),
    "small but one, dropped": (
        Lesson(compared="small", count=1, lump=False),
        {"compare": partial(on_small, count=1, lump=False)},
    ),
    "mask": (Lesson(weights="mask"), {"weigh": mask}),
    "trust": (Lesson(weights="trust"), {"weigh": trust}),
    "above": (Lesson(weights="above"), {"weigh": partial(gate, above=True)}),
    "below": (
        Lesson(weights="below", threshold=0.6),
        {"weigh": partial(gate, above=False, threshold=0.6)},
    ),
    "strong": (Lesson(strength=2.5), {"strength": 2.5}),
}
WITH_LABELS = {
    "decoupled": (Lesson(compared="decoupled"), {"compare": in_parts}),
    "decoupled, other weights": (
        Lesson(compared="decoupled", target_weight=3.0, other_weight=0.5),
        {"compare": partial(in_parts, target_weight=3.0, other_weight=0.5)},
    ),
    "wsld": (Lesson(weights="wsld"), {"weigh": soft_weight}),
    "standardised + wsld": (
        Lesson(standardised=True, weights="wsld"),
        {"scale": standard, "weigh": soft_weight},
    ),
    "swap + decoupled + mask": (
        Lesson(correction="swap", compared="decoupled", weights="mask"),
        {"correct": swapped, "compare": in_parts, "weigh": mask},
    ),
}
COMPOSED = {
    "swap + standardised + above": (
        Lesson(correction="swap", standardised=True, weights="above", strength=3.0),
        {"correct": swapped, "scale": standard, "weigh": partial(gate, above=True), "strength": 3},
    ),
    "replace + flsw": (
        Lesson(correction="replace", temperatures="flsw"),
        {"correct": replaced, "confusion": different_directions},
    ),
    "replace + standardised": (
        Lesson(correction="replace", standardised=True),
        {"correct": replaced, "scale": standard},
    ),
    "standardised + flsw": (
        Lesson(standardised=True, temperatures="flsw"),
        {"scale": standard, "confusion": different_directions},
    ),
    "standardised + cwsm + below": (
        Lesson(standardised=True, temperatures="cwsm", weights="below"),
        {"scale": standard, "confusion": unsure, "weigh": partial(gate, above=False)},
    ),
    "top, dropped + mask": (
        Lesson(compared="top", lump=False, weights="mask"),
        {"compare": partial(on_top, lump=False), "weigh": mask},
    ),
    "swap + top + trust": (
        Lesson(correction="swap", compared="top", count=1, weights="trust"),
        {"correct": swapped, "compare": partial(on_top, count=1), "weigh": trust},
    ),
    "flsw + small + mask": (
        Lesson(temperatures="flsw", compared="small", weights="mask"),
        {"confusion": different_directions, "compare": on_small, "weigh": mask},
    ),
}
EVERY = ALONE | WITH_LABELS | COMPOSED


@pytest.mark.parametrize("name", EVERY)
def test_the_soft_term_is_that_of_the_definition(name, batch):
    lesson, parts = EVERY[name]
    assert found(lesson, batch).item() == pytest.approx(soft_term(batch, **parts), rel=1e-4)


@pytest.mark.parametrize("name", ALONE | COMPOSED)
def test_so_it_is_where_some_labels_are_hidden(name, partly_hidden):
    lesson, parts = EVERY[name]
    expected = soft_term(partly_hidden, **parts)
    assert found(lesson, partly_hidden).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("lump", (True, False))
def test_random_entries_are_renormalised_whatever_lump_says(lump, batch):
    torch.manual_seed(5)
    draws = torch.rand(B, K).numpy()
    kept = iter((draws >= 0.7) | (draws >= np.sort(draws)[:, -2:-1]))
    expected = soft_term(
        batch, compare=lambda s, t, y, heat: on_kept(s, t, heat, next(kept), lump=False)
    )
    torch.manual_seed(5)
    lesson = Lesson(compared="random", dropped=0.7, lump=lump)
    assert found(lesson, batch).item() == pytest.approx(expected, rel=1e-4)


# Identities


def learnt(lesson: Lesson, given: Given) -> tuple[torch.Tensor, torch.Tensor]:
    """The soft term and its gradient."""
    student = given[0].clone().requires_grad_()
    loss = lesson(student, *given[1:], temperature=T)
    loss.backward()
    return loss.detach(), student.grad


def test_the_default_is_kd(batch):
    student = batch[0].clone().requires_grad_()
    loss = kd_loss(student, batch[1], temperature=T)
    loss.backward()
    for one, other in zip(learnt(HINTON, batch), (loss.detach(), student.grad), strict=True):
        torch.testing.assert_close(one, other)
    assert HINTON(*batch, temperature=int(T)) == found(HINTON, batch)  # a reader types 3, not 3.0


def test_decoupled_parts_with_the_weights_of_kd_are_kd(batch):
    """1 and 1 - p: of a batch of images with the same p in the true class."""
    student, teacher, labels = batch
    own = F.one_hot(labels, K).bool()
    rest = (teacher / T).masked_fill(own, -torch.inf).logsumexp(1)
    sure = torch.where(own, T * (rest + np.log(0.7 / 0.3))[:, None], teacher)
    lesson = Lesson(compared="decoupled", target_weight=1.0, other_weight=0.3)
    given = student, sure, labels
    torch.testing.assert_close(learnt(lesson, given), learnt(HINTON, given), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("lump", (True, False))
@pytest.mark.parametrize(
    "change",
    (
        {"compared": "top", "count": K},
        {"compared": "small", "count": 0},
        {"compared": "random", "dropped": 0.0},
    ),
    ids=str,
)
def test_all_entries_are_kd(change, lump, batch):
    torch.testing.assert_close(learnt(Lesson(**change, lump=lump), batch), learnt(HINTON, batch))


def test_strength_is_a_factor_of_loss_and_gradient(batch):
    one, strong = (learnt(Lesson(weights="trust", strength=x), batch) for x in (1, 4))
    torch.testing.assert_close(strong, (4 * one[0], 4 * one[1]))
    nothing = learnt(Lesson(strength=0), batch)
    assert nothing[0] == 0 and not nothing[1].any()


@pytest.mark.parametrize(
    "change", ({"correction": "swap"}, {"correction": "replace"}, {"weights": "mask"}), ids=str
)
def test_a_teacher_who_is_right_is_not_corrected(change, batch):
    student, teacher, _ = batch
    given = student, teacher, teacher.argmax(1)
    for one, other in zip(learnt(Lesson(**change), given), learnt(HINTON, given), strict=True):
        assert one.equal(other)


# The loss of a recipe


def test_the_defaults_stay_what_they_were():
    """Stored runs are named without them, so a change would give old results a new meaning."""
    assert (
        HINTON
        == Lesson()
        == Lesson(
            correction="off",
            smoothing=0.1,
            standardised=False,
            temperatures="one",
            compared="all",
            target_weight=1.0,
            other_weight=8.0,
            count=3,
            lump=True,
            dropped=0.1,
            weights="even",
            threshold=0.9,
            virtual=0.0,
            strength=1.0,
            warm_up=0.0,
        )
    )
    recipe = Recipe()
    assert DistillationLoss() == DistillationLoss(
        recipe.temperature, recipe.kd_weight, recipe.label_smoothing, recipe.lesson
    )


def test_without_a_lesson_it_is_the_loss_that_old_results_were_made_with(batch):
    """Bit for bit: a sum in another order would give each stored run other weights."""
    how = {"temperature": T, "kd_weight": 0.9, "label_smoothing": 0.1}
    for given in (batch, *(tuple(x[:n] for x in batch) for n in range(1, B))):
        expected = distillation_terms(*given, **how)
        assert DistillationLoss(**how)(*given) == expected
    assert DistillationLoss()(batch[0], None, batch[2]) == distillation_terms(
        batch[0], None, batch[2]
    )


def test_hard_and_soft_term_are_added_by_their_weights(batch):
    lesson = Lesson(weights="mask")
    terms = DistillationLoss(T, 0.7, 0.2, lesson)(*batch)
    hard = hard_loss(batch[0], batch[2], label_smoothing=0.2)
    assert terms["ce"] == hard and terms["kd"] == found(lesson, batch)
    torch.testing.assert_close(terms["loss"], 0.3 * hard + 0.7 * found(lesson, batch))


@pytest.mark.parametrize("confidence", (0.3, 0.99))
def test_a_virtual_teacher_needs_no_teacher(confidence, batch):
    student, _, labels = batch
    s, y = student.double().numpy(), labels.numpy()
    target = np.where(np.eye(K)[y] > 0, confidence, (1 - confidence) / (K - 1))
    log_p, log_q = log_softmax(np.log(target) / T, axis=1), log_softmax(s / T, axis=1)
    soft = 2 * T**2 * (np.exp(log_p) * (log_p - log_q)).sum(1).mean()
    hard = -log_softmax(s, axis=1)[np.arange(B), y].mean()
    loss = DistillationLoss(T, 0.4, lesson=Lesson(virtual=confidence, strength=2.0))
    terms = loss(student, None, labels)
    assert terms["kd"].item() == pytest.approx(soft, rel=1e-4)
    assert terms["loss"].item() == pytest.approx(0.6 * hard + 0.4 * soft, rel=1e-4)


# Warm-up


@pytest.mark.parametrize("progress", (0.0, 0.1, 0.2, 0.39))
def test_the_soft_term_grows_in_a_straight_line(progress, batch):
    loss = DistillationLoss(T, 0.9, lesson=Lesson(compared="top", strength=3.0, warm_up=0.4))
    terms, whole = loss.at(progress)(*batch), loss(*batch)
    assert terms["ce"] == whole["ce"]
    assert terms["kd"].item() == pytest.approx(progress / 0.4 * whole["kd"].item(), rel=1e-5)


def test_after_the_warm_up_and_without_one_the_loss_is_itself():
    loss = DistillationLoss(T, 0.9, lesson=Lesson(warm_up=0.4))
    assert loss.at(0.4) is loss and loss.at(1.0) is loss
    assert DistillationLoss().at(0.0) == DistillationLoss()


SIZE, SIX = 28, Schedule(steps=6, batch_size=16, learning_rate=0.05)


@pytest.fixture
def pictures(monkeypatch) -> Split:
    monkeypatch.setenv("KD_PRECISION", "float32")
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(256, (48, 1, SIZE, SIZE), dtype=torch.uint8, generator=generator)
    return Split(images, torch.randint(K, (48,), generator=generator))


def teacher(given) -> torch.Tensor:
    """Any fixed answers: different for each picture, with some mistakes."""
    return torch.sin(given.index[:, None] * torch.arange(1, K + 1)) * 3


def trained(split: Split, **how) -> tuple[dict, list[float]]:
    model = make_student("cnn-2", num_classes=K, in_channels=1, image_size=SIZE, seed=0)
    history = train(model, split, **{"schedule": SIX, "teacher": teacher, "report_every": 1} | how)
    return model.state_dict(), history.terms["kd"]


def same(one: dict, other: dict) -> bool:
    return all(value.equal(other[name]) for name, value in one.items())


def stop_after(steps: int):
    asked = iter(range(steps + 1))
    return lambda: next(asked) == steps


def test_the_first_step_of_a_warm_up_is_taught_by_labels_alone(pictures):
    def labels_alone(student_logits, teacher_logits, labels):
        ce = hard_loss(student_logits, labels)
        return {"loss": (1 - 0.9) * ce, "ce": ce.detach(), "kd": 0 * ce.detach()}

    warm = DistillationLoss(T, 0.9, lesson=Lesson(compared="decoupled", warm_up=0.5))
    first = trained(pictures, loss=warm, should_stop=stop_after(1))
    assert same(first[0], trained(pictures, loss=labels_alone, should_stop=stop_after(1))[0])
    both = trained(pictures, loss=warm, should_stop=stop_after(2))
    assert not same(both[0], trained(pictures, loss=labels_alone, should_stop=stop_after(2))[0])
    assert first[1] == [0.0] and both[1][1] > 0


def test_a_loss_is_asked_with_the_share_of_the_steps_that_are_done(pictures):
    asked = []

    class Growing(DistillationLoss):
        def at(self, progress):
            asked.append(progress)
            return distillation_terms

    trained(pictures, loss=Growing())
    assert asked == [step / 6 for step in range(6)]
    assert same(trained(pictures, loss=Growing())[0], trained(pictures, loss=distillation_terms)[0])


@pytest.mark.parametrize("steps", (1, 4, 8))
def test_an_interrupted_warm_up_with_random_entries_ends_as_if_never(
    steps, pictures, tmp_path, monkeypatch
):
    monkeypatch.setattr(checkpoints, "SHARE_OF_TIME", float("inf"))
    schedule = replace(SIX, steps=12)
    lesson = Lesson(compared="random", dropped=0.5, warm_up=0.6)
    how = {"loss": DistillationLoss(T, 0.9, lesson=lesson), "schedule": schedule}
    whole, kd = trained(pictures, **how)
    for part in ({"should_stop": stop_after(steps)}, {}):
        torch.manual_seed(steps)  # what else draws must not matter
        again, kd_again = trained(
            pictures, **how, **part, checkpoint=Checkpoint(tmp_path / "state", {}, every=0.0)
        )
    assert same(whole, again) and kd == kd_again
    other = replace(how["loss"], lesson=replace(lesson, warm_up=0.0))
    assert not same(whole, trained(pictures, **how | {"loss": other})[0])


# Extremes and bad input


@pytest.mark.parametrize("name", [*EVERY, "random", "virtual"])
@pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16), ids=str)
def test_extreme_logits_give_finite_losses_and_gradients(name, dtype):
    generator = torch.Generator().manual_seed(1)
    signs = torch.randint(2, (2, B, K), generator=generator) * 2 - 1
    student, answers = (1e4 * signs + torch.randn(2, B, K, generator=generator)).to(dtype)
    student.requires_grad_()
    others = {"random": Lesson(compared="random"), "virtual": Lesson(virtual=0.9)}
    lesson = others[name] if name in others else EVERY[name][0]
    loss = DistillationLoss(T, 1.0, lesson=lesson)
    terms = loss(student, None if lesson.virtual else answers, torch.arange(B) % K)
    terms["loss"].backward()
    assert torch.isfinite(terms["loss"]) and terms["kd"] >= 0
    assert torch.isfinite(student.grad).all()


def test_no_value_of_a_choice_goes_untested():
    tested = [lesson for lesson, _ in EVERY.values()] + [Lesson(compared="random")]
    choices = {
        "correction": CORRECTIONS,
        "temperatures": TEMPERATURES,
        "compared": COMPARED,
        "weights": WEIGHTS,
    }
    assert {f.name for f in fields(Lesson) if f.type == "str"} == set(choices)
    for name, known in choices.items():
        assert {getattr(lesson, name) for lesson in tested} == set(known)


BAD = {
    "correction": ("Swap", "", "mask"),
    "temperatures": ("two", "all"),
    "compared": ("bottom", "even"),
    "weights": ("swap", "all"),
    "smoothing": (-0.1, 1.1, float("nan")),
    "dropped": (-0.1, 1.1, float("nan")),
    "threshold": (-0.1, 1.1, float("nan")),
    "virtual": (-0.1, 1.1, float("nan")),
    "warm_up": (-0.1, 1.1, float("nan")),
    "target_weight": (-1.0, float("inf"), float("nan")),
    "other_weight": (-1.0, float("inf"), float("nan")),
    "strength": (-1.0, float("inf"), float("nan")),
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values])
def test_a_bad_value_is_refused_with_got_and_expected(name, value):
    with pytest.raises(ValueError, match=rf"got {name}={value!r}; expected"):
        Lesson(**{name: value})


def test_the_known_words_are_named():
    with pytest.raises(ValueError, match="expected one of all, decoupled, top, small, random"):
        Lesson(compared="every")


@pytest.mark.parametrize("temperatures", ("flsw", "cwsm"))
def test_decoupled_parts_have_one_temperature(temperatures):
    with pytest.raises(ValueError, match="choose one"):
        Lesson(compared="decoupled", temperatures=temperatures)


@pytest.mark.parametrize(
    ("lesson", "words"),
    (
        (Lesson(compared="decoupled"), "expected labels for all: decoupled/even asks"),
        (Lesson(weights="wsld"), "expected labels for all: all/wsld asks"),
        (Lesson(virtual=0.9), "got images without a label.*virtual teacher"),
    ),
)
def test_lessons_that_need_labels_say_so(lesson, words, partly_hidden):
    with pytest.raises(ValueError, match=words):
        DistillationLoss(T, 0.9, lesson=lesson)(*partly_hidden)


@pytest.mark.parametrize(
    ("make", "words"),
    (
        (lambda: Recipe(lesson=Lesson(correction="swap")), "got a lesson and kd_weight=0"),
        (lambda: Recipe(lesson=Lesson(virtual=0.9)), "got a lesson and kd_weight=0"),
        (
            lambda: Recipe(teacher=Recipe(), kd_weight=0.5, lesson=Lesson(virtual=0.9)),
            "got a teacher and a virtual one; give one",
        ),
        (
            lambda: Recipe(kd_weight=0.5, lesson=Lesson(correction="swap")),
            "got kd_weight=0.5 and no teacher; give one or use 0",
        ),
        (
            lambda: DistillationLoss(T, 0.5, lesson=Lesson(correction="swap"))(
                torch.zeros(1, K), None, torch.zeros(1).long()
            ),
            "got kd_weight=0.5 and no teacher; give a teacher or use 0",
        ),
    ),
)
def test_impossible_pairs_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("settings", "words"),
    (
        ({"compared": "top", "count": 5.0}, "whole number"),
        ({"compared": "top", "count": -1}, "whole number"),
        ({"correction": "replace", "smoothing": 0.0}, "smoothing=0"),
        ({"virtual": 1.0}, "virtual=1"),
    ),
)
def test_impossible_settings_are_refused_before_the_first_step(settings, words):
    with pytest.raises(ValueError, match=words):
        Lesson(**settings)


def test_a_lesson_called_directly_checks_its_temperature():
    z = torch.randn(4, 5)
    with pytest.raises(ValueError, match="temperature"):
        Lesson(correction="swap")(z, z, torch.zeros(4).long(), temperature=0.0)
