"""The faults of notebook 08: each is the mistake it claims to be, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from kd_course.nb08_faults.experiments import FAULTS, METHODS, with_fault
from kd_course.nb08_faults.faulty_losses import BEST_STEP, LOSS_FAULTS, RIGHT, BestStep, Watched
from kd_course.nb08_faults.faulty_teachers import (
    TEACHER_FAULTS,
    LearningTeacher,
    MeansAsLogits,
    OtherView,
    Reshuffled,
    TrainModeTeacher,
)
from kd_helpers.data.augment import ViewSet
from kd_helpers.data.splits import Dataset, Split
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import dataset_of, load_or_train, new_student, train_student
from kd_helpers.methods import HintonKD
from kd_helpers.models.zoo import make_model
from kd_helpers.teachers import Batch, Mean, Teacher
from kd_helpers.teachers.teacher import ByFunction
from kd_helpers.training.checkpoints import Checkpoint
from kd_helpers.training.loop import History, predict
from kd_helpers.training.schedules import Schedule, make_optimiser

T, W, B, K = 3.0, 0.8, 6, 10
NOTHING_ELSE = {
    "T on the labels",
    "weights swapped",
    "label without gradient",
    *TEACHER_FAULTS,
    BEST_STEP,
    RIGHT,
}


def faulty(fault: str, smoothing: float = 0.0) -> Watched:
    return METHODS.get(fault, Watched)(temperature=T, kd_weight=W, label_smoothing=smoothing)


def case():
    generator = torch.Generator().manual_seed(5)
    z, v = (3 * torch.randn(B, K, generator=generator) for _ in range(2))
    return z.requires_grad_(), v, torch.tensor([1, 0, 4, 9, 2, 7])


def soft_by_numpy(z, v, fault):
    """The soft term of a fault, written out."""
    log_p, log_q = log_softmax(v / T, axis=1), log_softmax(z / T, axis=1)
    p, q = np.exp(log_p), np.exp(log_q)
    forward = (p * (log_p - log_q)).sum(axis=1).mean()
    p2 = softmax(softmax(v, axis=1) / T, axis=1)
    return {
        "mean": T**2 * (p * (log_p - log_q)).mean(),
        "no T²": forward,
        "roles swapped": T**2 * (q * (log_q - log_p)).sum(axis=1).mean(),
        "no logarithm": T**2 * (q * (log_q - p)).sum(axis=1).mean(),
        "softmax twice": T**2 * (p2 * (np.log(p2) - log_q)).sum(axis=1).mean(),
        "teacher against itself": 0.0,
    }.get(fault, T**2 * forward)


def hard_by_numpy(z, y, fault):
    z = z / T if fault == "T on the labels" else z
    return -log_softmax(z, axis=1)[np.arange(len(y)), y].mean()


def test_the_terms_are_those_written_out():
    for fault in FAULTS:
        z, v, y = case()
        terms = faulty(fault)(z, v, y)
        plain = [x.detach().double().numpy() for x in (z, v)]
        soft, hard = soft_by_numpy(*plain, fault), hard_by_numpy(plain[0], y.numpy(), fault)
        weight = 1 - W if fault == "weights swapped" else W
        assert terms["kd"].item() == pytest.approx(soft, rel=1e-4, abs=1e-5), fault
        assert terms["ce"].item() == pytest.approx(hard, rel=1e-4), fault
        assert terms["loss"].item() == pytest.approx((1 - weight) * hard + weight * soft, rel=1e-4)
        assert (fault in NOTHING_ELSE) == (abs(soft - soft_by_numpy(*plain, RIGHT)) < 1e-9)


def test_without_a_fault_loss_and_gradient_are_hintons():
    (z, v, y), (other, *_) = case(), case()
    right = HintonKD(temperature=T, kd_weight=W, label_smoothing=0.1)
    terms, plain = faulty(RIGHT, 0.1)(z, v, y), right(other, v, y)
    assert all(terms[name].equal(plain[name]) for name in ("loss", "ce", "kd"))
    terms["loss"].backward()
    plain["loss"].backward()
    assert z.grad.equal(other.grad)  # looking at the pulls leaves it alone


def test_the_pulls_are_the_lengths_of_the_gradients_in_closed_form():
    for fault in (RIGHT, "mean", "no T²", "weights swapped", "label without gradient"):
        z, v, y = case()
        terms = faulty(fault)(z, v, y)
        factor = {"mean": 1 / K, "no T²": 1 / T**2}.get(fault, 1.0)
        soft_weight, hard_weight = (1 - W, W) if fault == "weights swapped" else (W, 1 - W)
        s, t = z.detach().double().numpy(), v.double().numpy()
        soft = soft_weight * factor * T * (softmax(s / T, axis=1) - softmax(t / T, axis=1)) / B
        hard = hard_weight * (softmax(s, axis=1) - np.eye(K)[y.numpy()]) / B
        assert terms["soft pull"].item() == pytest.approx(np.linalg.norm(soft), rel=1e-4)
        expected = 0 if fault == "label without gradient" else np.linalg.norm(hard)
        assert terms["hard pull"].item() == pytest.approx(expected, rel=1e-4)


# Teachers


def pictures(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 1, 28, 28, generator=generator)


def batch_of(images, step=0):
    count = len(images)
    rows = torch.arange(count)
    return Batch(
        images, torch.zeros(count, dtype=torch.long), rows, torch.zeros_like(rows), step=step
    )


def network(seed=0):
    torch.manual_seed(seed)
    return make_model("cnn-2", num_classes=K, in_channels=1, image_size=28)


def test_a_teacher_in_training_mode_answers_by_company_and_drifts():
    model = network()
    teacher, images = TrainModeTeacher(model), pictures(8)
    before = {name: value.clone() for name, value in model.named_buffers()}
    in_company, in_less = teacher(batch_of(images)), teacher(batch_of(images[:3]))
    assert not torch.allclose(in_company[:3], in_less, atol=1e-3)
    assert not in_company.requires_grad
    moved = [name for name, value in model.named_buffers() if not value.equal(before[name])]
    assert any("running_mean" in name for name in moved)


def test_a_learning_teacher_is_one_optimiser_for_both_networks():
    schedule, images = Schedule(steps=4, batch_size=8, learning_rate=0.05), pictures(8)
    goal = torch.randn(8, K, generator=torch.Generator().manual_seed(3))
    apart, together = network(), network()
    teacher = LearningTeacher(apart, schedule)
    optimiser, scheduler = make_optimiser(together, schedule)
    together.eval()
    for _ in range(3):
        (teacher(batch_of(images)) - goal).square().mean().backward()
        optimiser.zero_grad()
        (together(images) - goal).square().mean().backward()
        optimiser.step()
        scheduler.step()
    now = teacher(batch_of(images))  # the third step is taken when it is asked again
    assert now.requires_grad
    torch.testing.assert_close(now, together(images), rtol=1e-4, atol=1e-5)


def test_reshuffled_answers_are_all_there_and_belong_to_others():
    rows = torch.arange(100, 160)
    teacher = Reshuffled(ByFunction(lambda batch: batch.index), rows, seed=0)
    batch = Batch(None, None, rows[:8], rows[:8] * 0)
    asked = [teacher(batch._replace(step=step)) for step in range(15)]
    first_two_passes = torch.cat(asked)[:120]
    assert first_two_passes[:60].sort().values.equal(rows)
    assert first_two_passes[:60].equal(first_two_passes[60:])
    assert (first_two_passes[:56] == rows[:56]).sum() < 5


def test_teachers_that_ask_others_ask_wrongly_and_still_let_them_save():
    class Member(Teacher):
        saved = 0

        def __call__(self, batch):
            return torch.stack([batch.view.float(), batch.view.float() + 2], dim=1)

        def save(self):
            self.saved += 1

    one, two = Member(), Member()
    batch = batch_of(pictures(4))._replace(view=torch.tensor([3, 1, 2, 5]))
    assert OtherView(one)(batch)[:, 0].tolist() == [0, 0, 0, 0]  # view 0 is the plain picture
    teacher = MeansAsLogits([one, two])
    assert teacher(batch)[0].tolist() == pytest.approx([0.1192, 0.8808], abs=1e-4)
    teacher.save()
    assert one.saved == two.saved == 1


def test_the_best_step_is_the_one_that_is_handed_in():
    student, images = network(), (255 * pictures(20)).to(torch.uint8)
    split = Split(images, predict(student, images).argmax(dim=1))  # all answers are right now
    good = {name: value.clone() for name, value in student.state_dict().items()}
    dataset = Dataset(name="", classes=(), train=split, val=split, test=split)
    with BestStep().around(student, dataset) as look:
        look(History())
        with torch.no_grad():
            for weight in student.parameters():
                weight.zero_()
        look(History())
    assert all(value.equal(good[name]) for name, value in student.state_dict().items())


# In the loop

TINY = Recipe(schedule=Schedule(steps=8, batch_size=16), transfer=TransferSet(images=64))


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A place for results, with the teachers trained once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KD_OUT", str(tmp_path_factory.mktemp("out")))
        for teacher in (TINY, replace(TINY, seed=2)):
            load_or_train(teacher, quiet=True)
        yield


def trained(recipe: Recipe) -> tuple[torch.Tensor, History]:
    student = new_student(recipe, dataset_of(recipe))
    history = train_student(recipe, student, dataset_of(recipe), report_every=2)
    return torch.cat([value.flatten() for value in student.state_dict().values()]), history


def taught(fault: str) -> Recipe:
    teacher = Mean((TINY, replace(TINY, seed=2))) if fault == "means as logits" else TINY
    recipe = replace(TINY, teacher=teacher, method=HintonKD(), seed=1)
    moved = replace(recipe, augmentation=ViewSet(flip=True, max_shift=2))
    return moved if fault == "other view" else recipe


def test_a_watched_training_is_the_training_and_every_fault_makes_another_student(out):
    for fault in FAULTS:
        right = taught(fault)
        (plain, _), (watched, history) = trained(right), trained(with_fault(right, RIGHT))
        assert plain.equal(watched) and {"soft pull", "hard pull"} <= history.terms.keys()
        wrong = with_fault(right, fault)
        assert wrong.hash != right.hash and wrong.method.core.temperature == 4
        if fault not in (RIGHT, BEST_STEP):  # the best step may be the last one
            assert not trained(wrong)[0].equal(plain), fault


def test_a_fault_keeps_no_checkpoint_that_would_lack_its_teacher(out, monkeypatch, tmp_path):
    monkeypatch.setattr(Checkpoint, "keep_if_due", lambda *_: pytest.fail("a checkpoint"))
    for fault in ("learning teacher", "train mode", BEST_STEP):
        recipe = with_fault(taught(fault), fault)
        state = Checkpoint(tmp_path / "state", recipe.to_plain(), every=0.0)
        student = new_student(recipe, dataset_of(recipe))
        train_student(recipe, student, dataset_of(recipe), checkpoint=state)
    assert all(with_fault(taught(fault), fault).resumable for fault in LOSS_FAULTS)
