"""One soft term for each specialist or tower; specialists that start from a generalist."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, logsumexp, softmax

from kd_helpers.checkpoints import Checkpoint
from kd_helpers.ensembles import JoinedTeacher, joined_logits
from kd_helpers.lessons import Lesson
from kd_helpers.models import make_model, take_over
from kd_helpers.recipes import SELECTIVE, SELECTIVE_ZEROS, SPECIALISTS, Recipe, Team, to_dict
from kd_helpers.runs import (
    dataset_of,
    load_dataset_once,
    load_or_train,
    new_student,
    teacher_of,
    training_arguments,
)
from kd_helpers.schedules import Schedule
from kd_helpers.selective import seen_by, selective_loss
from kd_helpers.specialists import cluster_classes, correct_dustbin, half_special
from kd_helpers.sweeps import teachers_of
from kd_helpers.teachers import Batch, CachedTeacher
from kd_helpers.towers import Towers, TowersApart, UnifiedSpecialists, by_index
from kd_helpers.training import train
from kd_helpers.transfer import TransferSet
from kd_helpers.views import to_float

B, K = 6, 5
GROUPS = ((0, 3), (4, 1, 2))
SMALL = Recipe(schedule=Schedule(steps=6, batch_size=16), transfer=TransferSet(images=200))
EXPERTS = (SMALL, *(replace(SMALL, special=g, start=SMALL) for g in ((0, 2, 6), (5, 7, 9))))
TOWERS = replace(SMALL, towers=Towers(by_index(10, 5)))


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KD_OUT", str(tmp_path))
    monkeypatch.setenv("KD_PRECISION", "float32")


@pytest.fixture
def student():
    torch.manual_seed(1)
    return torch.randn(B, K) * 2


def kl(told: np.ndarray, seen: np.ndarray, T: float) -> float:
    p, log_p = softmax(told / T, axis=1), log_softmax(told / T, axis=1)
    return T**2 * (p * (log_p - log_softmax(seen / T, axis=1))).sum(axis=1).mean()


def test_the_student_as_a_specialist_sees_it(student):
    p = softmax(student.double().numpy(), axis=1)
    for group in GROUPS:
        with_dustbin = seen_by(student.double(), group, dustbin=True).softmax(dim=1).numpy()
        own = p[:, list(group)]
        np.testing.assert_allclose(with_dustbin[:, :-1], own)
        np.testing.assert_allclose(with_dustbin[:, -1], 1 - own.sum(axis=1))
        without = seen_by(student.double(), group, dustbin=False).softmax(dim=1).numpy()
        np.testing.assert_allclose(without, own / own.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("T", (1.0, 4.0))
def test_the_loss_of_towers_is_the_mean_over_their_own_classes(student, T):
    told = torch.randn(B, 5)
    found = selective_loss(student, told, temperature=T, groups=GROUPS).item()
    z, v = student.double().numpy(), told.double().numpy()
    expected = (kl(v[:, :2], z[:, [0, 3]], T) + kl(v[:, 2:], z[:, [4, 1, 2]], T)) / 2
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("T", (1.0, 4.0))
def test_the_loss_with_dustbins_has_a_term_for_the_generalist_too(student, T):
    told = torch.randn(B, K + 3 + 4)
    found = selective_loss(student, told, temperature=T, groups=GROUPS).item()
    z, v = student.double().numpy(), told.double().numpy()
    seen = [z]
    for group in GROUPS:
        rest = [k for k in range(K) if k not in group]
        seen.append(np.column_stack([z[:, list(group)], logsumexp(z[:, rest], axis=1)]))
    parts = np.split(v, [K, K + 3], axis=1)
    expected = np.mean([kl(p, s, T) for p, s in zip(parts, seen, strict=True)])
    assert found == pytest.approx(expected, rel=1e-5)


def test_with_zeros_the_student_learns_what_the_mean_of_the_padded_answers_says(student):
    told, T = torch.randn(B, 5), 3.0
    padded = np.zeros((2, B, K))
    padded[0][:, [0, 3]], padded[1][:, [4, 1, 2]] = told[:, :2], told[:, 2:]
    z = student.clone().requires_grad_()
    loss = selective_loss(z, told, temperature=T, groups=GROUPS, zeros=True)
    by_hand = np.mean([kl(p, student.double().numpy(), T) for p in padded])
    assert loss.item() == pytest.approx(by_hand, rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, z)
    mean = joined_logits(torch.tensor(padded).float(), mean="arithmetic", temperature=T)
    expected = T * ((student / T).softmax(1) - (mean / T).softmax(1)) / B
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)


def test_a_student_that_says_what_all_sources_say_has_nothing_to_learn(student):
    student.requires_grad_()
    told = torch.cat(
        [student.detach(), *(seen_by(student.detach(), g, dustbin=True) for g in GROUPS)], dim=1
    )
    loss = selective_loss(student, told, temperature=1.0, groups=GROUPS)
    loss.backward()
    assert abs(loss.item()) < 1e-6 and student.grad.abs().max() < 1e-6


def test_a_permuted_class_map_is_caught(student):
    told = torch.randn(B, 5)
    right = selective_loss(student, told, temperature=2.0, groups=GROUPS)
    turned = ((3, 0), GROUPS[1])
    both = selective_loss(student, told[:, [1, 0, 2, 3, 4]], temperature=2.0, groups=turned)
    one = selective_loss(student, told, temperature=2.0, groups=turned)
    torch.testing.assert_close(both, right)
    assert abs(one - right) > 0.01


@pytest.mark.parametrize(("width", "zeros"), ((4, False), (K, False), (13, False), (12, True)))
def test_other_widths_are_refused(student, width, zeros):
    if width == K and not zeros:
        width = 6
    with pytest.raises(ValueError, match="outputs of all sources"):
        selective_loss(student, torch.randn(B, width), temperature=1.0, groups=GROUPS, zeros=zeros)
    with pytest.raises(ValueError, match="temperature"):
        selective_loss(student, torch.randn(B, 5), temperature=0.0, groups=GROUPS)


def test_towers_apart_are_their_own_scores_and_buckets_are_never_trained():
    torch.manual_seed(0)
    model = UnifiedSpecialists(
        "cnn-2", Towers(by_index(10, 5)), num_classes=10, in_channels=1, image_size=28
    )
    images = torch.rand(4, 1, 28, 28)
    apart = TowersApart(model)
    expected = torch.cat([z[:, :-1] for z in model.eval().tower_outputs(images)], dim=1)
    torch.testing.assert_close(apart(images), expected)
    assert apart.outputs == expected.shape[1] == 20
    model.train()(images).logsumexp(dim=1).sum().backward()
    for tower in model.towers:
        gradient = tower.body[-1].weight.grad
        assert gradient[:-1].abs().sum() > 0 and not gradient[-1].any()
        assert tower.body[0].weight.grad.abs().sum() > 0


# From recipe to student


def taught(team: Team, **changes) -> Recipe:
    return replace(SMALL, seed=5, teacher=team, kd_weight=0.9, **changes)


def first_images(count: int = 8) -> Batch:
    images = load_dataset_once("fashion-mnist", "cpu").train.images[:count]
    rows = torch.arange(count)
    return Batch(to_float(images), torch.zeros(count).long(), rows, torch.zeros(count).long())


def test_a_selective_team_answers_with_all_sources():
    recipe, batch = taught(Team(EXPERTS, SELECTIVE)), first_images()
    told = teacher_of(recipe, dataset_of(recipe), 200)(batch)
    with torch.no_grad():
        general, *special = (load_or_train(m, quiet=True).model()(batch.images) for m in EXPERTS)
    corrected = [correct_dustbin(z, 0.5, 0.3) for z in special]
    torch.testing.assert_close(told, torch.cat([general, *corrected], 1), rtol=5e-3, atol=5e-3)
    recipe = taught(Team((TOWERS,), SELECTIVE))
    told = teacher_of(recipe, dataset_of(recipe), 200)(batch)
    apart = TowersApart(load_or_train(TOWERS, quiet=True).model())
    with torch.no_grad():
        torch.testing.assert_close(told, apart(batch.images), rtol=5e-3, atol=5e-3)


@pytest.mark.parametrize(
    "team",
    (Team(EXPERTS, SELECTIVE), Team((TOWERS,), SELECTIVE), Team((TOWERS,), SELECTIVE_ZEROS)),
    ids=("specialists", "towers", "zeros"),
)
def test_a_student_of_a_selective_team_goes_on_where_it_was(team, tmp_path):
    recipe = taught(team)
    data = dataset_of(recipe)
    arguments = training_arguments(recipe, data)
    whole, halved, other = (new_student(recipe, data) for _ in range(3))
    history = train(whole, **arguments, report_every=3)
    assert np.isfinite(history.terms["loss"]).all() and history.terms["kd"][-1] > 0
    path, asked = tmp_path / "state.checkpoint", iter([False] * 3 + [True])
    first = Checkpoint(path, to_dict(recipe), every=0.0)
    train(halved, **arguments, report_every=3, checkpoint=first, should_stop=lambda: next(asked))
    train(other, **arguments, report_every=3, checkpoint=Checkpoint(path, to_dict(recipe)))
    for name, value in whole.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name


@pytest.mark.parametrize(
    ("members", "how", "words"),
    (
        ((SMALL,), SELECTIVE, "one at least"),
        (EXPERTS, SELECTIVE_ZEROS, "without towers"),
        ((SMALL,), "specialists' mean", "one at least"),
        (EXPERTS[1:], SELECTIVE, "special classes of all but the"),
    ),
)
def test_teams_without_specialists_are_refused(members, how, words):
    with pytest.raises(ValueError, match=words):
        Team(members, how)


def test_a_selective_team_takes_no_lesson():
    with pytest.raises(ValueError, match="soft term is its own"):
        taught(Team(EXPERTS, SELECTIVE), lesson=Lesson(correction="swap"))


def test_the_joint_answer_is_remembered_and_a_changing_one_is_not():
    recipe, batch = taught(Team(EXPERTS, SPECIALISTS)), first_images()
    remembered = teacher_of(recipe, dataset_of(recipe), 200)
    fresh = remembered.teacher(batch)
    torch.testing.assert_close(remembered(batch), fresh, rtol=2e-3, atol=2e-3)
    remembered.teacher = None  # asked again, it answers from memory
    torch.testing.assert_close(remembered(batch), fresh, rtol=2e-3, atol=2e-3)
    images = torch.zeros(4, 1, 28, 28, dtype=torch.uint8)
    two = [lambda batch: torch.zeros(len(batch.index), 10)] * 2
    for how in ("switch", "confidence", "once each"):
        with pytest.raises(ValueError, match="round its members"):
            CachedTeacher(
                JoinedTeacher(two, how, temperature=1.0, images=4), images, num_classes=10
            )
    for how in ("arithmetic", "geometric"):
        CachedTeacher(JoinedTeacher(two, how, temperature=1.0, images=4), images, num_classes=10)


@pytest.mark.parametrize(
    ("how", "settings", "words"),
    (
        ("arithmetic", {"temperature": 0.0}, "temperature"),
        ("once each", {"images": 0}, "images=0"),
        ("switch", {"weights": torch.ones(2)}, "weights for how"),
    ),
)
def test_impossible_joins_are_refused_at_once(how, settings, words):
    with pytest.raises(ValueError, match=words):
        JoinedTeacher([None, None], how, **{"temperature": 1.0, "images": 5} | settings)
    with pytest.raises(ValueError, match="at least two"):
        JoinedTeacher([None], "confidence", temperature=1.0, images=5)
    with pytest.raises(ValueError, match="finite"):
        weights = torch.tensor([1.0, float("inf")])
        joined_logits(torch.zeros(2, 3, 4), mean="arithmetic", temperature=1.0, weights=weights)


# Starts


def test_a_specialist_starts_from_all_but_the_last_layer_of_its_generalist():
    recipe = EXPERTS[1]
    source = load_or_train(SMALL, quiet=True).model().state_dict()
    fresh = new_student(replace(recipe, start=None), dataset_of(recipe)).state_dict()
    started = new_student(recipe, dataset_of(recipe)).state_dict()
    last = {name for name in started if name.startswith("body.9.")}
    assert len(last) == 2
    for name, value in started.items():
        assert torch.equal(value, fresh[name] if name in last else source[name]), name
    assert not torch.equal(started["body.0.weight"], fresh["body.0.weight"])
    assert not torch.equal(started["body.1.running_mean"], fresh["body.1.running_mean"])


def test_networks_without_a_common_weight_are_refused():
    given = {"in_channels": 1, "image_size": 28}
    with pytest.raises(ValueError, match="same name and shape"):
        take_over(torch.nn.Linear(2, 3), make_model("cnn-2", num_classes=10, **given))


def test_a_start_is_trained_before_and_is_part_of_the_hash():
    recipe = EXPERTS[1]
    assert recipe.needs == (SMALL,) and recipe.teachers == ()
    assert recipe.hash != replace(recipe, start=None).hash
    student = taught(Team(EXPERTS, SPECIALISTS))
    stages = teachers_of([student])
    assert [SMALL] in stages and stages.index([SMALL]) < len(stages) - 1
    assert set(EXPERTS) <= {r for stage in stages for r in stage}
    with pytest.raises(ValueError, match="expected weights of cnn-4"):
        replace(recipe, student="cnn-4")


def test_few_classes_are_clustered_without_their_own_variances():
    """Three classes are hardly ever shared, so their variance is large and k-means picks at it."""
    blocks = ((0, 2, 4, 6), (1, 3, 8), (5, 7, 9))
    block_of = {k: block for block in blocks for k in block}
    labels = torch.arange(3000) % 10
    logits = torch.zeros(3000, 10)
    logits[torch.arange(3000), labels] = 8.0
    for row, k in enumerate(labels.tolist()):
        turn, every = row // 10, 40 if k in (1, 5, 8) else 2  # shared once in so many images
        if turn % every == 0:
            others = [c for c in block_of[k] if c != k]
            logits[row, others[turn // every % len(others)]] = 7.8
    found = cluster_classes(logits, 3, diagonal=False)
    assert found == blocks == cluster_classes(logits, 3, diagonal=False)
    assert [len(group) for group in sorted(cluster_classes(logits, 3), key=len)] == [1, 1, 8]


def test_half_are_special_whichever_kind_is_rarer():
    labels = torch.tensor([0, 0, 0, 0, 0, 0, 1, 2, 2, 1])  # dustbin 2: eight special, two others
    rows = torch.tensor([9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    kept = half_special(labels, rows, dustbin=2)
    assert kept.tolist() == [9, 8, 7, 6]
    with pytest.raises(ValueError, match="1 of them without label"):
        half_special(torch.tensor([0, 2, -100]), torch.arange(3), dustbin=2)
    with pytest.raises(ValueError, match="some of both"):
        half_special(torch.tensor([0, 1]), torch.arange(2), dustbin=2)
