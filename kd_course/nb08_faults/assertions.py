"""One assertion for each fault of the museum: it fails while the fault is on, and passes otherwise.

Each is short enough to stand in a training script; they use what such a script has at hand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

from kd_course.nb08_faults.faulty_losses import Watched
from kd_helpers.data.splits import Dataset
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import (
    dataset_of,
    new_student,
    run_with_weights,
    train_student,
    training_arguments,
)
from kd_helpers.methods import CrossEntropy
from kd_helpers.teachers import Batch, Teacher
from kd_helpers.training.batches import batches


@dataclass(frozen=True)
class Setup:
    """What a training script has at hand before its first step, and one batch of its eleventh."""

    recipe: Recipe
    loss: Watched
    teacher: Teacher
    batch: Batch
    student_logits: torch.Tensor  # (B, K) of the untrained student
    teacher_logits: torch.Tensor  # (B, K)


def make_setup(recipe: Recipe) -> Setup:
    dataset = dataset_of(recipe)
    how = training_arguments(recipe, dataset)
    drawn = batches(
        how["split"], how["rows"], recipe.schedule, recipe.augmentation, recipe.seed, first=10
    )
    batch = next(iter(drawn))
    z = new_student(recipe, dataset)(batch.images)
    return Setup(recipe, how["method"], how["teacher"], batch, z, how["teacher"](batch))


def soft_term_is_as_defined(s: Setup) -> None:
    T, z, v = s.loss.temperature, s.student_logits, s.teacher_logits
    p, q = (v / T).softmax(dim=1), (z / T).softmax(dim=1)
    by_hand = T**2 * (p * (p / q).log()).sum(dim=1).mean()
    found = s.loss(z, v, s.batch.labels)["kd"]
    assert torch.allclose(found, by_hand, rtol=1e-3), f"{found:.4f}, by hand {by_hand:.4f}"


def pull_does_not_hang_on_temperature(s: Setup) -> None:
    given = (s.student_logits, s.teacher_logits, s.batch.labels)
    warm, hot = (replace(s.loss, temperature=T)(*given)["soft pull"] for T in (20.0, 40.0))
    assert 0.67 < warm / hot < 1.5, (
        f"from T = 20 to 40 the soft gradient falls to 1/{warm / hot:.1f}"
    )


def a_known_value(s: Setup) -> None:
    sure, torn = torch.tensor([[0.9, 0.1]]).log(), torch.tensor([[0.5, 0.5]]).log()
    student = torn.clone().requires_grad_()
    found = replace(s.loss, temperature=1.0)(student, sure, torch.tensor([0]))["kd"]
    assert abs(found - 0.3681) < 1e-3, f"{found:.4f}; 0.9 ln 1.8 + 0.1 ln 0.2 is 0.3681"


def zero_where_both_agree(s: Setup) -> None:
    same = s.teacher_logits.clone().requires_grad_()
    found = s.loss(same, s.teacher_logits, s.batch.labels)["kd"]
    assert abs(found) < 1e-3, (
        f"a student that agrees with its teacher has a soft loss of {found:.3f}"
    )


def at_rest_where_both_agree(s: Setup) -> None:
    same = s.teacher_logits.clone().requires_grad_()
    found = s.loss(same, s.teacher_logits, s.batch.labels)["soft pull"]
    assert found < 1e-3, f"a student that agrees with its teacher is still pulled, by {found:.3f}"


def label_term_is_cross_entropy(s: Setup) -> None:
    found = s.loss(s.student_logits, s.teacher_logits, s.batch.labels)["ce"]
    plain = F.cross_entropy(s.student_logits, s.batch.labels)
    assert torch.allclose(found, plain), f"{found:.4f}, cross-entropy is {plain:.4f}"


def teacher_pulls(s: Setup) -> None:
    found = s.loss(s.student_logits, s.teacher_logits, s.batch.labels)["soft pull"]
    assert found > 0, "the soft term has no gradient for the student"


def weight_1_needs_no_labels(s: Setup) -> None:
    loss, other = replace(s.loss, kd_weight=1.0), (s.batch.labels + 1) % 10
    one, two = (
        loss(s.student_logits, s.teacher_logits, y)["loss"] for y in (s.batch.labels, other)
    )
    assert torch.allclose(one, two), "kd_weight = 1, and the loss still changes with the labels"


def labels_pull(s: Setup) -> None:
    found = s.loss(s.student_logits, s.teacher_logits, s.batch.labels)["hard pull"]
    assert found > 0, "the label term has no gradient"


def answer_does_not_hang_on_company(s: Setup) -> None:
    alone = s.teacher(Batch(*(part[:1] for part in s.batch[:4]), step=s.batch.step))
    gap = (alone - s.teacher_logits[:1]).abs().max()
    assert gap < 0.1, f"asked alone, the teacher's logits differ by up to {gap:.2f}"


def teacher_takes_no_gradient(s: Setup) -> None:
    assert not s.teacher_logits.requires_grad, "the optimiser can move the teacher"


def answers_belong_to_their_images(s: Setup) -> None:
    right = (s.teacher_logits.argmax(dim=1) == s.batch.labels).double().mean()
    assert right > 0.8, f"the teacher is right on {right:.0%} of a training batch"


def answers_belong_to_these_pictures(s: Setup) -> None:
    network = run_with_weights(s.recipe.teachers[0]).model()
    gap = (network(s.batch.images) - s.teacher_logits).abs().max()
    assert gap < 0.1, (
        f"asked about this very picture, the network's logits differ by up to {gap:.1f}"
    )


def teacher_beats_guessing(s: Setup) -> None:
    found, guess = F.cross_entropy(s.teacher_logits, s.batch.labels), torch.tensor(10.0).log()
    assert found < guess / 2, f"the teacher's cross-entropy is {found:.2f}, a guess has {guess:.2f}"


def classes_come_in_one_order(s: Setup) -> None:
    of_class = {int(k): s.teacher_logits[s.batch.labels == k] for k in s.batch.labels.unique()}
    said = {k: int(logits.mean(dim=0).argmax()) for k, logits in of_class.items()}
    assert all(k == said[k] for k in said), f"label → what the teacher mostly says: {said}"


def logits_and_temperature_share_a_unit(s: Setup) -> None:
    T, z, v, y = s.loss.temperature, s.student_logits, s.teacher_logits, s.batch.labels
    once = s.loss(z, v, y)["kd"] / T**2
    twice = replace(s.loss, temperature=2 * T)(2 * z, 2 * v, y)["kd"] / (2 * T) ** 2
    assert torch.allclose(once, twice, rtol=1e-3), (
        f"{once:.4f}; with twice the logits at 2T {twice:.4f}"
    )


def student_follows_any_teacher(s: Setup) -> None:
    always_3 = torch.zeros_like(s.teacher_logits)
    always_3[:, 3] = 10.0
    z = s.student_logits.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(s.loss.soft(z, always_3, s.batch.labels), z)
    follow = (gradient[:, 3] < 0).double().mean()
    assert follow == 1, f"a teacher that always says 3 leads {follow:.0%} of the images to 3"


def switch_changes_the_loss(s: Setup) -> None:
    given = (s.student_logits, s.teacher_logits, s.batch.labels)
    on, off = (replace(s.loss, standardised=way)(*given)["loss"] for way in (True, False))
    assert on != off, f"switched on or off, the loss is {on:.4f}"


def masked_images_do_not_pull(s: Setup) -> None:
    z = s.student_logits.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(s.loss.soft(z, s.teacher_logits, s.batch.labels), z)
    pulling = gradient[~s.loss.mask(s.teacher_logits)].any(dim=1).sum()
    assert pulling == 0, f"{pulling} images that the mask leaves out still pull"


def sure_teacher_gives_a_number(s: Setup) -> None:
    sure = 100 * s.teacher_logits
    found = s.loss.soft(s.student_logits, sure, s.batch.labels)
    assert found.isfinite(), f"with a teacher that is quite sure the soft loss is {found:.1f}"


def copies_of_a_teacher_change_nothing(s: Setup) -> None:
    z, one = s.student_logits, s.teacher_logits[:, :10]
    once, thrice = (s.loss.soft(z, one.repeat(1, n), s.batch.labels) for n in (1, 3))
    assert torch.allclose(once, thrice), f"one teacher {once:.4f}, three copies of it {thrice:.4f}"


def some_target_is_sure(s: Setup) -> None:
    top = s.teacher_logits.softmax(dim=1).max()
    assert top > 0.5, f"at T = 1 no image has a target above {top:.2f}"


def weights_do_not_know_the_test(s: Setup) -> None:
    full = dataset_of(s.recipe)
    few = replace(full, test=full.test.subset(torch.arange(100)))
    short = replace(s.recipe, schedule=replace(s.recipe.schedule, steps=30))
    weights = [trained(short, d) for d in (few, with_random_test_labels(few))]
    assert torch.equal(*weights), "with other test labels the training ends with other weights"


def trained(recipe: Recipe, dataset: Dataset) -> torch.Tensor:
    student = new_student(recipe, dataset)
    train_student(recipe, student, dataset, report_every=5)
    return torch.cat([weight.detach().flatten() for weight in student.parameters()])


def with_random_test_labels(dataset: Dataset) -> Dataset:
    labels = dataset.test.labels
    drawn = torch.randint(10, labels.shape, generator=torch.Generator().manual_seed(0))
    return replace(dataset, test=replace(dataset.test, labels=drawn.to(labels.device)))


def arms_differ_in_the_teacher_only(taught: Recipe, alone: Recipe) -> None:
    same = replace(taught, teacher=None, method=CrossEntropy())
    assert same == alone, f"{same.describe()}; the other arm: {alone.describe()}"
