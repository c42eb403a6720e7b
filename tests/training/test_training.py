"""The training loop: seeds decide bit for bit, the teacher stays, stopping and errors in words."""

import time

import pytest
import torch
from torch.nn import functional as F

from kd_helpers.data.augment import ViewSet, make_views, to_float
from kd_helpers.data.datasets import Split
from kd_helpers.data.splits import UNLABELLED
from kd_helpers.data.transfer_set import TransferSet, load_source, select
from kd_helpers.experiments.metrics import accuracy
from kd_helpers.experiments.room import load_dataset_once
from kd_helpers.methods import CrossEntropy, HintonKD
from kd_helpers.teachers import CachedTeacher, NetworkTeacher
from kd_helpers.training import loop as training
from kd_helpers.training.batches import batches, draw_batches
from kd_helpers.training.checkpoints import Checkpoint
from kd_helpers.training.loop import make_student, predict, train, training_reports
from kd_helpers.training.schedules import Schedule, make_optimiser

COUNT, CLASSES, SIZE = 64, 10, 28
INPUT = {"num_classes": CLASSES, "in_channels": 1, "image_size": SIZE}
SHORT = Schedule(steps=6, batch_size=16, learning_rate=0.05)
VIEWS = ViewSet(flip=True, max_shift=1)
HARD = CrossEntropy()


@pytest.fixture(scope="module")
def clothes() -> Split:
    """The first real images; on them a network can learn something."""
    return load_dataset_once("fashion-mnist", "cpu").train.subset(torch.arange(COUNT))


@pytest.fixture
def teacher_network() -> torch.nn.Module:
    return student(seed=99)


def student(seed: int = 0, name: str = "cnn-2") -> torch.nn.Module:
    return make_student(name, seed=seed, **INPUT)


def state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)


def soft(temperature: float = 4.0, kd_weight: float = 0.9):
    return HintonKD(temperature=temperature, kd_weight=kd_weight)


def trained_state(split: Split, start: int = 0, **how) -> dict[str, torch.Tensor]:
    model = student(start)
    train(model, split, **{"method": HARD, "schedule": SHORT, "augmentation": VIEWS} | how)
    return state(model)


def test_the_seeds_decide_bit_for_bit_and_what_others_draw_is_left_alone(clothes):
    first = trained_state(clothes, seed=3)
    torch.manual_seed(11)
    expected = torch.rand(4)
    torch.manual_seed(11)
    assert same(first, trained_state(clothes, seed=3)) and torch.rand(4).equal(expected)
    assert not same(first, trained_state(clothes, seed=3, start=1))


def test_weight_0_with_a_teacher_is_plain_training_bit_for_bit(clothes, teacher_network):
    plain = trained_state(clothes)
    taught = trained_state(
        clothes, method=soft(kd_weight=0.0), teacher=NetworkTeacher(teacher_network)
    )
    assert same(plain, taught)


def test_weight_1_does_not_look_at_the_labels(clothes, teacher_network):
    how = {"method": soft(kd_weight=1.0), "teacher": NetworkTeacher(teacher_network)}
    nothing = Split(clothes.images, torch.full_like(clothes.labels, UNLABELLED))
    assert same(trained_state(clothes, **how), trained_state(nothing, **how))


def test_the_teacher_is_bitwise_unchanged_after_distilling(clothes, teacher_network):
    before = state(teacher_network)
    teacher = CachedTeacher(NetworkTeacher(teacher_network), clothes.images, VIEWS, num_classes=10)
    teacher_network.train()
    trained_state(clothes, method=soft(), teacher=teacher)
    assert same(before, state(teacher_network))
    assert all(parameter.grad is None for parameter in teacher_network.parameters())


def test_teacher_and_student_see_the_very_same_pictures(clothes):
    """The teacher gets the augmented picture that the student gets, with its row and view."""
    seen_by_teacher, seen_by_student = [], []
    model = student()
    model.register_forward_pre_hook(lambda _, inputs: seen_by_student.append(inputs[0].clone()))

    def teacher(batch):
        pictures = to_float(make_views(clothes.images[batch.index], batch.view, VIEWS))
        assert batch.images.equal(pictures)
        assert batch.labels.equal(clothes.labels[batch.index])
        seen_by_teacher.append(batch.images.clone())
        return torch.zeros(len(batch.index), CLASSES)

    train(model, clothes, method=soft(), schedule=SHORT, teacher=teacher, augmentation=VIEWS)
    assert len(seen_by_teacher) == SHORT.steps
    assert all(a.equal(b) for a, b in zip(seen_by_teacher, seen_by_student, strict=True))


def test_batches_are_full_passes_over_the_rows_in_new_orders(clothes):
    rows = torch.tensor([3, 5, 8, 13])
    drawn, views = draw_batches(rows, Schedule(steps=6, batch_size=2), VIEWS, seed=0)
    assert drawn.shape == views.shape == (6, 2)
    passes = drawn.flatten().reshape(3, 4)
    assert all(sorted(one.tolist()) == rows.tolist() for one in passes)
    assert len(passes.unique(dim=0)) > 1
    drawn, many = draw_batches(rows[:3], Schedule(steps=50, batch_size=20), VIEWS, seed=0)
    assert drawn.shape == (50, 20)  # also where there are fewer rows than a batch has room for
    assert set(many.flatten().tolist()) == set(range(len(VIEWS)))
    shown = torch.cat([b.index for b in batches(clothes, rows, SHORT, VIEWS, seed=0)])
    assert set(shown.tolist()) == set(rows.tolist())


def test_fifty_real_images_are_learnt_by_heart(clothes):
    fifty = clothes.subset(torch.arange(50))
    model = student()
    before = accuracy(predict(model, fifty.images), fifty.labels)
    history = train(model, fifty, method=HARD, schedule=Schedule(100, 50, 0.1), report_every=25)
    assert before < 0.4
    assert accuracy(predict(model, fifty.images), fifty.labels) >= 0.98
    assert history.step == [25, 50, 75, 100]
    assert history.terms["loss"][-1] < 0.2 < history.terms["loss"][0]


def test_soft_targets_alone_teach_the_teachers_answers(clothes):
    """With weight 1 and no label at all the student learns to answer as its teacher does."""
    wanted = 8 * F.one_hot((clothes.labels + 3) % CLASSES, CLASSES).float()  # not the labels
    model = student()
    train(
        model,
        Split(clothes.images, torch.full_like(clothes.labels, UNLABELLED)),
        method=soft(kd_weight=1.0),
        schedule=Schedule(100, 50, 0.1),
        teacher=lambda b: wanted[b.index],
    )
    assert accuracy(predict(model, clothes.images), (clothes.labels + 3) % CLASSES) >= 0.95


def test_the_history_holds_means_between_reports(clothes):
    values = iter(range(1, 8))

    def loss(student_logits, teacher_logits, labels):
        return {"loss": 0 * student_logits.sum() + next(values), "other": torch.tensor(2.0)}

    schedule = Schedule(steps=7, batch_size=4)
    start = time.perf_counter()
    history = train(student(), clothes, method=loss, schedule=schedule, report_every=3)
    assert 0 < history.seconds < time.perf_counter() - start
    assert history.step == [3, 6, 7] and history.taken == 7 and not history.stopped
    assert history.terms == {"loss": [2.0, 5.0, 7.0], "other": [2.0, 2.0, 2.0]}


def test_two_trainings_that_take_turns_do_not_disturb_each_other(clothes):
    models = [student(), student()]
    turns = [
        training_reports(
            m, clothes, method=HARD, schedule=SHORT, seed=s, report_every=1, augmentation=VIEWS
        )
        for s, m in enumerate(models)
    ]
    for _ in zip(*turns, strict=True):
        predict(models[0].eval(), clothes.images)  # nor does who looks at one meanwhile
    assert same(state(models[0]), trained_state(clothes, seed=0))
    assert same(state(models[1]), trained_state(clothes, seed=1))


def interrupt_in_step(number: int):
    """A loss that behaves as if the stop button were pressed in this step."""
    calls = []

    def loss(*logits_and_labels, **how):
        calls.append(1)
        if len(calls) == number:
            raise KeyboardInterrupt
        return HARD(*logits_and_labels, **how)

    return loss


def stop_after(steps: int):
    answers = iter([False] * steps + [True])
    return lambda: next(answers)


def test_an_interrupt_keeps_what_was_learnt(clothes, capsys):
    model, start = student(), state(student())
    try:
        history = train(model, clothes, method=interrupt_in_step(4), schedule=SHORT, report_every=1)
    except KeyboardInterrupt:
        pytest.fail("the interrupt came through")  # as it is, it would end pytest itself
    assert history.stopped and history.taken == 3 and history.step == [1, 2, 3]
    assert "stopped by hand after 3 steps" in capsys.readouterr().out
    assert not same(state(model), start)
    reference = student()
    how = {"method": HARD, "schedule": SHORT, "report_every": 1, "should_stop": stop_after(3)}
    asked = train(reference, clothes, **how)
    assert asked.stopped and asked.taken == 3 and asked.step == [1, 2, 3]
    learnt = dict(reference.named_parameters())
    assert all(value.equal(learnt[name]) for name, value in model.named_parameters())


def test_the_state_of_another_network_is_moved_aside_and_not_used(clothes, tmp_path, capsys):
    """The package's own recipes cannot meet; those of a loop of one's own can have one name."""
    taken = iter(range(100))
    for name, stop in (("cnn-2", lambda: next(taken) == 3), ("cnn-4", lambda: False)):
        kept = {"checkpoint": Checkpoint(tmp_path / "state", "mine", every=0.0)}
        how = {"method": HARD, "schedule": SHORT, "should_stop": stop}
        history = train(student(name=name), clothes, **how, **kept)
    assert history.taken == SHORT.steps and not history.resumed
    assert "the weights of another network" in capsys.readouterr().err
    assert (tmp_path / "state.damaged-1").is_file()


def test_a_loss_that_is_not_finite_stops_with_advice(clothes, teacher_network):
    for bad in (float("nan"), float("inf")):

        def loss(student_logits, teacher_logits, labels, bad=bad):
            return {"loss": student_logits.sum() * bad}

        words = r"not finite by step 2.*lower the learning rate"
        with pytest.raises(FloatingPointError, match=words):
            train(student(), clothes, method=loss, schedule=SHORT, report_every=2)
    wild = {"schedule": Schedule(steps=40, batch_size=16, learning_rate=1e30), "report_every": 10}
    for how in ({"teacher": NetworkTeacher(teacher_network), "method": soft()}, {"method": HARD}):
        with pytest.raises(FloatingPointError, match=r"(?i)lower the learning rate"):
            train(student(), clothes, **wild, **how)


def test_predict_restores_the_mode_changes_nothing_and_does_not_hang_on_the_batch_size(clothes):
    model = student()
    train(model, clothes, method=HARD, schedule=SHORT)
    before, whole = state(model), predict(model, clothes.images)
    assert whole.shape == (COUNT, CLASSES) and whole.dtype == torch.float32
    assert not whole.requires_grad
    for mode in (True, False):
        model.train(mode)
        torch.testing.assert_close(predict(model, clothes.images, batch_size=7), whole)
        assert model.training is mode and same(before, state(model))
    with torch.no_grad():
        expected = model.eval()(clothes.images.float() / 255)
    torch.testing.assert_close(whole, expected, rtol=1e-4, atol=1e-5)


def test_the_learning_rate_of_a_training_peaks_once_and_ends_near_zero(clothes, monkeypatch):
    optimisers, rates = [], []

    def spy(*arguments):
        optimiser, scheduler = make_optimiser(*arguments)
        optimiser.register_step_pre_hook(lambda o, *_: rates.append(o.param_groups[0]["lr"]))
        optimisers.append(optimiser)
        return optimiser, scheduler

    monkeypatch.setattr(training, "make_optimiser", spy)
    train(student(), clothes, method=HARD, schedule=Schedule(100, 4, 0.4, weight_decay=1e-3))
    assert len(rates) == 100
    assert max(rates) == pytest.approx(0.4, rel=0.01)
    assert rates.index(max(rates)) == pytest.approx(30, abs=1)
    assert rates[0] < 0.02 and rates[-1] < 0.001
    (group,) = optimisers[0].param_groups
    assert group["momentum"] == 0.9 and group["nesterov"] and group["weight_decay"] == 1e-3


def test_adam_is_pytorchs_adam(clothes):
    schedule = Schedule(3, 16, 1e-3, weight_decay=0.0, optimiser="adam", shape="constant")
    ours, reference = student(), student()
    train(ours, clothes, method=HARD, schedule=schedule)
    optimiser = torch.optim.Adam(reference.parameters(), lr=1e-3)
    for batch in batches(clothes, None, schedule, ViewSet(), 0):
        optimiser.zero_grad()
        F.cross_entropy(reference.train()(batch.images), batch.labels).backward()
        optimiser.step()
    for name, value in reference.named_parameters():
        if value.dim() > 1:  # the gradient of a bias before batch norm is 0 but for rounding,
            # of which Adam takes the sign: its step there says nothing
            torch.testing.assert_close(state(ours)[name], value.detach(), rtol=1e-3, atol=1e-4)


# The transfer set, which decides what a training is shown.


@pytest.fixture(scope="module")
def dataset():
    return load_dataset_once("fashion-mnist", "cpu")


def test_a_transfer_set_shows_its_images_and_hides_the_other_labels(dataset):
    split, rows = select(dataset.train, TransferSet(images=500, labelled=60), seed=2)
    assert len(rows) == len(set(rows.tolist())) == 500
    assert split.images is dataset.train.images
    labelled = torch.where(split.labels != UNLABELLED)[0]
    assert set(labelled.tolist()) == set(rows[:60].tolist())
    assert split.labels[labelled].equal(dataset.train.labels[labelled])
    few = select(dataset.train, TransferSet(images=60), seed=2)[0]  # labelled are the same ones
    assert few.labels.equal(split.labels)
    assert not few.labels.equal(select(dataset.train, TransferSet(images=60), seed=3)[0].labels)


def test_one_image_is_enough_and_none_is_not(dataset):
    one, none = (dataset.train.subset(torch.arange(count)) for count in (1, 0))
    assert select(one, TransferSet(), seed=0)[1].tolist() == [0]
    with pytest.raises(ValueError, match="of 0 in the source"):
        select(none, TransferSet(), seed=0)


def test_a_hidden_class_shows_not_one_image(dataset):
    _, rows = select(dataset.train, TransferSet(hidden_classes=(7, 2)), seed=0)
    assert len(rows) == 54_000 * 8 // 10
    assert not torch.isin(dataset.train.labels[rows], torch.tensor([2, 7])).any()


def test_other_sources_have_pictures_of_the_same_shape_and_no_label(dataset):
    for source, count in (("digits", 1_797), ("noise", 12_000)):
        split = load_source(dataset, source)
        assert split.images.shape == (count, 1, SIZE, SIZE)
        assert split.images.dtype == torch.uint8 and split.images.max() > 250
        assert (split.labels == UNLABELLED).all()
        assert split.images.equal(load_source(dataset, source).images)
