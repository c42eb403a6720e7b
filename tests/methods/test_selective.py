"""Selective learning and teams that remember: against NumPy, loops and numerical optimisation."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from kd_helpers.methods.objective import Lesson
from scipy.optimize import minimize
from scipy.special import logsumexp, rel_entr, softmax
from torch.nn import functional as F

from kd_helpers.data.augment import PLAIN, ViewSet, make_views, to_float
from kd_helpers.data.splits import Dataset
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments import run as runs
from kd_helpers.experiments.recipe import (
    SELECTIVE,
    SELECTIVE_ZEROS,
    SPECIALISTS,
    SPECIALISTS_MEAN,
    Recipe,
    Team,
    to_dict,
)
from kd_helpers.experiments.run import (
    dataset_of,
    load_dataset_once,
    load_or_train,
    new_student,
    teacher_of,
    training_arguments,
)
from kd_helpers.methods.dgkd import Sources
from kd_helpers.methods.selective import padded, seen_by, selective_loss
from kd_helpers.models.towers import Towers, TowersApart, UnifiedSpecialists
from kd_helpers.runtime.folders import cache_folder
from kd_helpers.teachers.cached import Batch, CachedTeacher
from kd_helpers.teachers.ensemble import JoinedTeacher
from kd_helpers.teachers.specialists_joint import join_specialists
from kd_helpers.training.batches import batches
from kd_helpers.training.checkpoints import Checkpoint
from kd_helpers.training.loop import train
from kd_helpers.training.schedules import Schedule

K, B = 10, 6
INPUT = {"in_channels": 1, "image_size": 28}
# Not sorted, of different sizes; one class in two groups.
GROUPS = ((6, 0, 2), (5, 7), (3,))
TURNED = ((7, 0, 3), (9, 1, 3, 8), (2, 6, 5, 4))
KINDS = ("towers", "zeros", "specialists")
GROUPS_OF = {"towers": TURNED, "zeros": TURNED, "specialists": GROUPS}

SMALL = Recipe(
    schedule=Schedule(steps=20, batch_size=16, learning_rate=0.05), transfer=TransferSet(images=200)
)
SHORT = replace(SMALL, schedule=Schedule(steps=6, batch_size=16))
EXPERTS = (SMALL, *(replace(SMALL, special=group) for group in GROUPS[:2]))
TOWERS = replace(SMALL, towers=Towers(TURNED))
TEAMS = {
    "towers": Team((TOWERS,), SELECTIVE),
    "zeros": Team((TOWERS,), SELECTIVE_ZEROS),
    "specialists": Team(EXPERTS, SELECTIVE),
}


@pytest.fixture(scope="module", autouse=True)
def a_small_part_of_the_data(tmp_path_factory):
    """2,000 images to train on and few others; teachers are trained once for all tests here."""
    whole = load_dataset_once("fashion-mnist", "cpu")
    sizes = {"train": 2000, "val": 100, "test": 100}
    parts = {name: getattr(whole, name).subset(torch.arange(n)) for name, n in sizes.items()}
    small = Dataset(name=whole.name, classes=whole.classes, **parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KD_OUT", str(tmp_path_factory.mktemp("selective")))
        patch.setenv("KD_PRECISION", "float32")
        patch.setattr(runs, "load_dataset_once", lambda name, device: small)
        patch.setattr("kd_helpers.experiments.metrics.measure_latencies", lambda *_: [])
        yield


def random_logits(seed: int, width: int = K, rows: int = B) -> torch.Tensor:
    return 3 * torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))


def random_told(kind: str, seed: int = 1) -> torch.Tensor:
    sizes = [len(group) for group in GROUPS_OF[kind]]
    return random_logits(seed, sum(sizes) + (K + len(sizes)) * (kind == "specialists"))


def seen_in_a_loop(z: np.ndarray, group, dustbin: bool) -> np.ndarray:
    """Logits (K,) of one image as the source for `group` would give them."""
    own = [z[k] for k in group]
    if dustbin:
        own.append(logsumexp([z[k] for k in range(len(z)) if k not in group]))
    return np.array(own)


def by_loops(student, told, groups, temperature: float, kind: str) -> float:
    """Selective loss, image by image and source by source."""
    total, student, told = 0.0, student.double().numpy(), told.double().numpy()
    for z, row in zip(student, told, strict=True):
        rest, terms = row.tolist(), []
        if kind == "specialists":
            terms.append((np.array([rest.pop(0) for _ in range(len(z))]), z))
        for group in groups:
            said = [rest.pop(0) for _ in range(len(group) + (kind == "specialists"))]
            if kind == "zeros":
                spread = np.zeros(len(z))
                for k, score in zip(group, said, strict=True):
                    spread[k] = score
                terms.append((spread, z))
            else:
                terms.append((np.array(said), seen_in_a_loop(z, group, kind == "specialists")))
        assert not rest
        total += np.mean(
            [rel_entr(softmax(p / temperature), softmax(q / temperature)).sum() for p, q in terms]
        )
    return temperature**2 * total / len(student)


def loss_of(kind: str, student, told, temperature: float, groups=None) -> torch.Tensor:
    return selective_loss(
        student,
        told,
        temperature=temperature,
        groups=groups or GROUPS_OF[kind],
        zeros=kind == "zeros",
    )


# The student as a source would see it


@pytest.mark.parametrize("group", (*GROUPS, *TURNED, (1, 2, 3, 4, 5, 6, 7, 8, 9)))
def test_with_a_dustbin_the_student_is_seen_with_its_mass_on_the_others(group):
    z = random_logits(0)
    found = softmax(seen_by(z, group, dustbin=True).double().numpy(), axis=1)
    assert found.shape == (B, len(group) + 1)
    for p, row in zip(softmax(z.double().numpy(), axis=1), found, strict=True):
        expected = [p[k] for k in group] + [sum(p[k] for k in range(K) if k not in group)]
        np.testing.assert_allclose(row, expected, rtol=1e-5)


@pytest.mark.parametrize("group", (*GROUPS, *TURNED))
@pytest.mark.parametrize("temperature", (1.0, 4.0))
def test_without_one_it_is_seen_given_that_the_class_is_in_the_group(group, temperature):
    z = random_logits(0)
    found = seen_by(z, group, dustbin=False).double().numpy()
    assert found.shape == (B, len(group))
    p = softmax(z.double().numpy() / temperature, axis=1)
    for row, q in zip(softmax(found / temperature, axis=1), p, strict=True):
        mass = sum(q[k] for k in group)
        np.testing.assert_allclose(row, [q[k] / mass for k in group], rtol=1e-5)


@pytest.mark.parametrize("dustbin", (True, False))
@pytest.mark.parametrize("group", ((), tuple(range(K)), (1, 1), (1, K), (-1, 2)))
def test_impossible_groups_are_refused(group, dustbin):
    with pytest.raises(ValueError, match=r"got the group .*expected"):
        seen_by(random_logits(0), group, dustbin=dustbin)


# The loss


@pytest.mark.parametrize("temperature", (0.5, 1.0, 4.0, 20.0))
@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_that_of_plain_loops(kind, temperature):
    student, told = random_logits(0), random_told(kind)
    expected = by_loops(student, told, GROUPS_OF[kind], temperature, kind)
    assert loss_of(kind, student, told, temperature).item() == pytest.approx(expected, rel=1e-4)
    labels = torch.full((B,), -100)  # not used
    with_labels = selective_loss(
        student,
        told,
        labels,
        temperature=temperature,
        groups=GROUPS_OF[kind],
        zeros=kind == "zeros",
    )
    assert with_labels.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("temperature", (1.0, 4.0))
@pytest.mark.parametrize("kind", ("towers", "specialists"))
def test_a_student_who_agrees_with_all_sources_learns_nothing(kind, temperature):
    """The sources' logits are shifted, each by another number: softmax does not see that."""
    student, shift = random_logits(0), iter(np.arange(1.0, 9.0))
    told = [student.numpy() + next(shift)] if kind == "specialists" else []
    for group in GROUPS_OF[kind]:
        rows = [seen_in_a_loop(z, group, kind == "specialists") for z in student.double().numpy()]
        told.append(np.array(rows) + next(shift))
    told = torch.tensor(np.concatenate(told, axis=1), dtype=torch.float32)
    student.requires_grad_()
    loss = loss_of(kind, student, told, temperature)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-5)
    torch.testing.assert_close(student.grad, torch.zeros(B, K), rtol=0, atol=1e-5)
    other = random_logits(2).requires_grad_()
    loss = loss_of(kind, other, told, temperature)
    loss.backward()
    assert loss.item() > 0.1 and other.grad.abs().max() > 1e-3


@pytest.mark.parametrize("temperature", (1.0, 4.0))
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_that_of_finite_differences_and_none_reaches_the_sources(kind, temperature):
    student, told = random_logits(0, rows=2), random_told(kind)[:2].requires_grad_()
    student.requires_grad_()
    loss_of(kind, student, told, temperature).backward()
    assert told.grad is None
    for b in range(2):
        for k in range(K):
            step = torch.zeros(2, K, dtype=torch.double)
            step[b, k] = 1e-4
            up, down = (
                by_loops(z, told.detach(), GROUPS_OF[kind], temperature, kind)
                for z in (student.detach().double() + step, student.detach().double() - step)
            )
            assert student.grad[b, k].item() == pytest.approx((up - down) / 2e-4, abs=1e-4)


def test_at_t_1_the_best_student_gives_the_joint_answer_of_all():
    """Hinton's eq. 5 with every specialist active, minimised by descent; no gradient is left
    there."""
    told = random_told("specialists")
    parts = np.split(told.double().numpy(), np.cumsum([K, *(len(g) + 1 for g in GROUPS)])[:-1], 1)
    best = []
    for b in range(B):
        said = [softmax(part[b]) for part in parts]

        def total(z: np.ndarray, said=said) -> float:
            q = softmax(z)
            terms = [rel_entr(said[0], q).sum()]
            for p, group in zip(said[1:], GROUPS, strict=True):
                terms.append(rel_entr(p, softmax(seen_in_a_loop(z, group, True))).sum())
            return sum(terms)

        found = minimize(total, np.zeros(K), method="BFGS", options={"gtol": 1e-8})
        best.append(found.x)
    student = torch.tensor(np.array(best), dtype=torch.float32).requires_grad_()
    loss_of("specialists", student, told, 1.0).backward()
    torch.testing.assert_close(student.grad, torch.zeros(B, K), rtol=0, atol=2e-5)
    answers = [torch.tensor(softmax(part, axis=1)) for part in parts]
    on = torch.ones(len(GROUPS), B, dtype=torch.bool)
    joint = join_specialists(answers[0], answers[1:], GROUPS, active=on)
    np.testing.assert_allclose(softmax(np.array(best), axis=1), joint, atol=1e-4)


@pytest.mark.parametrize("temperature", (1.0, 4.0))
def test_with_zeros_the_student_learns_as_from_the_mean_of_the_padded_answers(temperature):
    student, told = random_logits(0).requires_grad_(), random_told("zeros")
    loss_of("zeros", student, told, temperature).backward()
    mean, start = np.zeros((B, K)), 0
    for group in TURNED:
        spread = np.zeros((B, K))
        for place, k in enumerate(group):
            spread[:, k] = told[:, start + place]
        mean += softmax(spread / temperature, axis=1) / len(TURNED)
        start += len(group)
    q = softmax(student.detach().double().numpy() / temperature, axis=1)
    np.testing.assert_allclose(student.grad, temperature * (q - mean) / B, atol=1e-5)


def test_padded_scores_stand_at_their_classes():
    found = padded(torch.tensor([[1.0, 2.0, 3.0]]), (4, 0, 2), 6)
    assert found.tolist() == [[2.0, 0.0, 3.0, 0.0, 1.0, 0.0]]


@pytest.mark.parametrize("temperature", (1.0, 4.0))
@pytest.mark.parametrize("kind", KINDS)
def test_a_group_and_what_it_is_told_are_turned_alike_or_not_at_all(kind, temperature):
    student, told = random_logits(0), random_told(kind)
    groups = GROUPS_OF[kind]
    first = K if kind == "specialists" else 0  # where the first group's columns begin
    turn = torch.tensor([2, 0, 1])
    turned_groups = (tuple(groups[0][i] for i in turn), *groups[1:])
    turned_told = told.clone()
    turned_told[:, first : first + 3] = told[:, first + turn]
    plain = loss_of(kind, student, told, temperature).item()
    both = loss_of(kind, student, turned_told, temperature, turned_groups).item()
    assert both == pytest.approx(plain, rel=1e-5)
    for one in (
        loss_of(kind, student, told, temperature, turned_groups),
        loss_of(kind, student, turned_told, temperature),
    ):
        assert abs(one.item() - plain) > 0.01 * plain


@pytest.mark.parametrize("change", (-1, 1, 3))
@pytest.mark.parametrize("kind", KINDS)
def test_another_number_of_outputs_is_refused(kind, change):
    width = random_told(kind).shape[1] + change
    with pytest.raises(ValueError, match=rf"got {width} outputs of all sources; expected \d+ of"):
        loss_of(kind, random_logits(0), random_logits(1, width), 4.0)


def test_dustbins_cannot_be_padded_with_zeros():
    told = random_told("specialists")
    with pytest.raises(ValueError, match=r"outputs of all sources; expected 6 of towers"):
        loss_of("zeros", random_logits(0), told, 4.0, GROUPS)


@pytest.mark.parametrize("temperature", (0.0, -1.0, float("inf"), float("nan")))
@pytest.mark.parametrize("kind", KINDS)
def test_impossible_temperatures_are_refused(kind, temperature):
    with pytest.raises(ValueError, match=r"got temperature=.*expected a finite number above 0"):
        loss_of(kind, random_logits(0), random_told(kind), temperature)


# Towers side by side


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(B, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("trunk", (False, True))
@pytest.mark.parametrize("average", ("logits", "probabilities"))
def test_towers_apart_are_their_own_scores_without_the_buckets(average, trunk, images):
    torch.manual_seed(0)
    towers = Towers(TURNED, trunk=trunk, average=average)
    model = UnifiedSpecialists("cnn-4", towers, num_classes=K, **INPUT).eval()
    apart = TowersApart(model)
    found = apart(images)
    assert found.shape == (B, sum(map(len, TURNED))) and apart.outputs == found.shape[1]
    column = 0
    for outputs, group in zip(model.tower_outputs(images), TURNED, strict=True):
        for place in range(len(group)):
            assert found[:, column].equal(outputs[:, place])
            column += 1
    with torch.no_grad():
        for tower in model.towers:
            (tower if trunk else tower.body)[-1].bias[-1] += 100  # the bucket's
    assert apart(images).equal(found)


@pytest.mark.parametrize("trunk", (False, True))
def test_trained_together_on_logits_all_but_the_buckets_learn(trunk, images):
    """A convolution's bias is left out: batch norm takes it away again."""
    torch.manual_seed(0)
    model = UnifiedSpecialists("cnn-4", Towers(TURNED, trunk=trunk), num_classes=K, **INPUT).train()
    F.cross_entropy(model(images), torch.arange(B)).backward()
    lasts = [(tower if trunk else tower.body)[-1] for tower in model.towers]
    for last in lasts:
        assert not last.weight.grad[-1].any() and not last.bias.grad[-1].any()
        assert last.weight.grad[:-1].any(dim=1).all() and last.bias.grad[:-1].all()
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if not (isinstance(module, torch.nn.Conv2d) and name == "bias"):
                assert parameter.grad.abs().max() > 1e-6, (module, name)


# Teams from recipe to student


def taught(team: Team, **changes) -> Recipe:
    return replace(SHORT, seed=5, teacher=team, kd_weight=0.9, **changes)


def batch_of(rows: torch.Tensor, view: int = 0, view_set: ViewSet = PLAIN) -> Batch:
    split = dataset_of(SMALL).train
    views = torch.full_like(rows, view)
    pictures = to_float(make_views(split.images[rows], views, view_set))
    return Batch(pictures, split.labels[rows], rows, views)


@torch.no_grad()
def told_by_hand(team: Team, pictures: torch.Tensor) -> torch.Tensor:
    """From the stored networks; the dustbin's odds are put right with counted labels."""
    models = [load_or_train(member, quiet=True).model() for member in team.members]
    if team.has_towers:
        return torch.cat([z[:, :-1] for z in models[0].tower_outputs(pictures)], dim=1)
    labels = dataset_of(SMALL).train.labels.tolist()
    told = [models[0](pictures)]
    for model, group in zip(models[1:], team.groups, strict=True):
        special = sum(label in group for label in labels)
        z = model(pictures)
        z[:, -1] += np.log((len(labels) - special) / special)  # half of each in training: odds of 1
        told.append(z)
    return torch.cat(told, dim=1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("view", (0, 1))
def test_a_selective_team_says_what_each_source_says(kind, view):
    views, team = ViewSet(flip=True), TEAMS[kind]
    recipe = taught(team, views=views)
    batch = batch_of(torch.tensor([7, 3, 40, 0, 1999]), view, views)
    found = teacher_of(recipe, dataset_of(recipe), 200)(batch)
    width = 10 + 4 + 3 if kind == "specialists" else 3 + 4 + 4
    assert found.shape == (5, width) and found.dtype == torch.float32
    expected = told_by_hand(team, batch.images)
    torch.testing.assert_close(found, expected, rtol=2e-3, atol=2e-3)  # kept in half
    other = told_by_hand(team, batch_of(batch.index, 1 - view, views).images)
    assert not torch.allclose(found, other, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_student_learns_from_each_source(kind):
    """The first step's loss is computed by hand; the later ones fall."""
    recipe = taught(TEAMS[kind], temperature=2.0)
    recipe = replace(recipe, schedule=Schedule(steps=20, batch_size=32, learning_rate=0.01))
    data = dataset_of(recipe)
    arguments = training_arguments(recipe, data)
    student, same = (new_student(recipe, data) for _ in range(2))
    history = train(student, **arguments, report_every=1)
    batch = next(
        batches(arguments["split"], arguments["rows"], recipe.schedule, recipe.views, recipe.seed)
    )
    with torch.no_grad():
        logits = same.train()(batch.images)
    groups = TEAMS[kind].groups
    kd = by_loops(logits, told_by_hand(TEAMS[kind], batch.images), groups, 2.0, kind)
    p = softmax(logits.double().numpy(), axis=1)
    ce = -np.log(p[np.arange(32), batch.labels]).mean()
    assert history.terms["kd"][0] == pytest.approx(kd, rel=0.01)
    assert history.terms["loss"][0] == pytest.approx(0.1 * ce + 0.9 * kd, rel=0.01)
    assert np.isfinite(history.terms["loss"]).all() and len(history.terms["loss"]) == 20
    assert np.mean(history.terms["kd"][-5:]) < 0.8 * history.terms["kd"][0]


@pytest.mark.parametrize("kind", (*KINDS, "joint"))
def test_a_student_of_a_selective_team_goes_on_where_it_was(kind, tmp_path):
    recipe = taught(Team(EXPERTS, SPECIALISTS) if kind == "joint" else TEAMS[kind])
    data = dataset_of(recipe)
    whole, halved, other = (new_student(recipe, data) for _ in range(3))
    all_of_it = train(whole, **training_arguments(recipe, data), report_every=3)
    path, asked = tmp_path / "state.checkpoint", iter([False] * 4 + [True])
    train(
        halved,
        **training_arguments(recipe, data),
        report_every=3,
        checkpoint=Checkpoint(path, to_dict(recipe), every=0.0),
        should_stop=lambda: next(asked),
    )
    history = train(
        other,
        **training_arguments(recipe, data),
        report_every=3,
        checkpoint=Checkpoint(path, to_dict(recipe)),
    )
    assert history.resumed == 1 and history.terms == all_of_it.terms
    expected = whole.state_dict()
    assert all(value.equal(expected[name]) for name, value in other.state_dict().items())
    assert not halved.body[0].weight.equal(whole.body[0].weight)


def test_the_groups_of_a_team_are_those_of_its_towers_or_of_its_specialists():
    assert Team((TOWERS,), SELECTIVE).groups == TURNED
    assert Team(EXPERTS, SELECTIVE).groups == GROUPS[:2]
    # Towers that answer as one network may be the generalist.
    mixed = Team((TOWERS, *EXPERTS[1:]), SELECTIVE)
    assert mixed.groups == GROUPS[:2] and not mixed.has_towers


@pytest.mark.parametrize(
    ("members", "how", "words"),
    (
        ((SMALL,), SELECTIVE, "may also be one network of towers"),
        ((), SELECTIVE, "at least one member"),
        ((TOWERS, TOWERS), SELECTIVE, "special classes of all but the first"),
        (EXPERTS[1:], SELECTIVE, "special classes of all but the first"),
        (EXPERTS[1:2], SELECTIVE, "special classes of all but the first"),
        ((*EXPERTS, SMALL), SELECTIVE, "special classes of all but the first"),
        ((SMALL,), SELECTIVE_ZEROS, "without towers"),
        (EXPERTS, SELECTIVE_ZEROS, "without towers"),
        ((TOWERS, *EXPERTS[1:]), SELECTIVE_ZEROS, "without towers"),
        ((SMALL,), SPECIALISTS_MEAN, "special classes of all but the first"),
        ((SMALL, replace(SMALL, seed=1)), SPECIALISTS_MEAN, "special classes of all but the first"),
        ((TOWERS,), SPECIALISTS_MEAN, "special classes of all but the first"),
        ((TOWERS,), SPECIALISTS, "special classes of all but the first"),
        (EXPERTS, "geometric", "of none in another"),
    ),
)
def test_impossible_teams_are_refused(members, how, words):
    with pytest.raises(ValueError, match=rf"got a team \({how}\).*{words}"):
        Team(members, how)


@pytest.mark.parametrize("kind", KINDS)
def test_a_selective_team_has_a_loss_of_its_own(kind):
    for lesson in (Lesson(compared="top"), Lesson(strength=2.0), Lesson(warm_up=0.5)):
        with pytest.raises(ValueError, match=r"got a lesson and a selective.* choose one"):
            taught(TEAMS[kind], lesson=lesson)
    with pytest.raises(ValueError, match="no dense team"):
        taught(TEAMS[kind], sources=Sources(survival=0.5))
    with pytest.raises(ValueError, match="got a teacher and a virtual one"):
        taught(TEAMS[kind], lesson=Lesson(virtual=0.9))
    assert (
        taught(Team(EXPERTS, SPECIALISTS), lesson=Lesson(compared="top")).lesson.compared == "top"
    )


# What is remembered


class Told:
    """A teacher with an answer for each image, who counts how often it is asked."""

    def __init__(self, answers: torch.Tensor) -> None:
        self.answers, self.asked, self.saved = answers, 0, 0

    def __call__(self, batch: Batch) -> torch.Tensor:
        self.asked += 1
        return self.answers[batch.index]

    def save(self) -> None:
        self.saved += 1


class Counted:
    """Another teacher, with a count of what it is asked."""

    def __init__(self, teacher) -> None:
        self.teacher, self.asked = teacher, 0

    def __call__(self, batch: Batch) -> torch.Tensor:
        self.asked += 1
        return self.teacher(batch)


@pytest.mark.parametrize("view", (0, 1))
def test_the_joint_answer_is_found_once_for_each_picture(view):
    views = ViewSet(flip=True)
    recipe = taught(Team(EXPERTS, SPECIALISTS), views=views)
    teacher = teacher_of(recipe, dataset_of(recipe), 200)
    assert isinstance(teacher, CachedTeacher)
    teacher.teacher = Counted(teacher.teacher)
    batch = batch_of(torch.arange(40), view, views)
    found = teacher(batch)
    asked = teacher.teacher.asked
    assert asked == 2  # 32 pictures, then 8
    turned = batch_of(torch.tensor([39, 2, 2, 17]), view, views)
    assert teacher(turned).equal(found[turned.index]) and teacher.teacher.asked == asked
    teacher(batch_of(torch.tensor([5]), 1 - view, views))
    assert teacher.teacher.asked == asked + 1  # another view is another picture
    told = told_by_hand(recipe.teacher, batch.images).double()
    general, *special = (z.softmax(dim=1) for z in told.split([10, 4, 3], dim=1))
    expected = join_specialists(general, special, GROUPS[:2])
    torch.testing.assert_close(found.softmax(dim=1).double(), expected, rtol=5e-3, atol=1e-4)
    fresh = teacher.teacher.teacher(batch)  # as it is without a memory
    torch.testing.assert_close(found, fresh, rtol=1e-3, atol=1e-6)  # half precision has 11 bits
    assert found.equal(fresh.half().float())


def test_the_members_answers_are_kept_on_disk_for_the_next_session():
    """Asked to save, the memory of the joint answer passes it on to those of the members."""
    recipe = taught(Team(EXPERTS, SPECIALISTS), views=ViewSet(max_shift=1))
    teacher = teacher_of(recipe, dataset_of(recipe), 200)
    before = {path.parent for path in cache_folder().rglob("*.answers")}
    teacher(batch_of(torch.arange(5)))
    teacher.save()
    assert len({path.parent for path in cache_folder().rglob("*.answers")} - before) == len(EXPERTS)
    told = Told(random_logits(0, rows=50))
    CachedTeacher(told, dataset_of(SMALL).train.images[:50], num_classes=K).save()
    assert told.saved == 1


def joined(how: str, **given) -> JoinedTeacher:
    members = [Told(random_logits(seed, rows=50)) for seed in (0, 1)]
    return JoinedTeacher(members, how, **{"temperature": 4.0, "images": 50} | given)


@pytest.mark.parametrize("how", ("switch", "confidence", "once each"))
def test_an_answer_that_changes_is_not_remembered(how):
    with pytest.raises(ValueError, match=r"got a teacher whose answer depends on more.*expected"):
        CachedTeacher(joined(how), dataset_of(SMALL).train.images[:50], num_classes=K)


@pytest.mark.parametrize("how", ("arithmetic", "geometric"))
def test_a_mean_is_remembered(how):
    teacher = joined(how)
    memory = CachedTeacher(teacher, dataset_of(SMALL).train.images[:50], num_classes=K)
    batch = batch_of(torch.tensor([4, 49, 0]))
    z = np.stack([member.answers[batch.index].double().numpy() for member in teacher.members])
    mean = z.mean(0) if how == "geometric" else np.log(softmax(z / 4, axis=2).mean(0)) * 4
    found = memory(batch)
    asked = [member.asked for member in teacher.members]
    np.testing.assert_allclose(found, mean, rtol=2e-3, atol=2e-3)
    assert memory(batch).equal(found) and [member.asked for member in teacher.members] == asked


# Bad input of joined teachers and of the joint answer

FAIR = torch.full((2, K), 1 / K)


def uneven(weights: list[float], how: str = "arithmetic") -> torch.Tensor:
    return joined(how, weights=torch.tensor(weights))(batch_of(torch.arange(3)))


def join(*widths: int) -> torch.Tensor:
    return join_specialists(FAIR, [torch.full((2, w), 1 / w) for w in widths], GROUPS[:2])


BAD = {
    "T of 0": (lambda: joined("geometric", temperature=0.0), "got temperature=0.0"),
    "T below 0": (lambda: joined("switch", temperature=-2.0), "got temperature=-2.0"),
    "T without end": (lambda: joined("once each", temperature=float("inf")), "temperature=inf"),
    "no images": (lambda: joined("once each", images=0), "got images=0; expected at least 1"),
    "no images, a mean": (lambda: joined("arithmetic", images=0), "got images=0"),
    "confidence of one": (
        lambda: JoinedTeacher([Told(FAIR)], "confidence", temperature=1.0, images=2),
        "got one member; expected at least two",
    ),
    **{
        f"weights, {how}": (lambda how=how: uneven([1.0, 2.0], how), f"got weights for how='{how}'")
        for how in ("confidence", "switch", "once each")
    },
    "a weight without end": (lambda: uneven([1.0, float("inf")]), "expected finite ones"),
    "all without end": (lambda: uneven([float("inf")] * 2, "geometric"), "expected finite ones"),
    "not a number": (lambda: uneven([1.0, float("nan")]), "expected finite ones"),
    "no dustbin": (lambda: join(3, 3), r"shape \(2, 3\) of the specialist for \(6, 0, 2\)"),
    "an output too many": (lambda: join(4, 4), r"shape \(2, 4\) of the specialist for \(5, 7\)"),
    "a specialist too few": (lambda: join(4), "got 1 specialists and 2 groups for 10 classes"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_in_words(name):
    make, words = BAD[name]
    with pytest.raises(ValueError, match=words):
        make()


def test_fair_input_is_not_refused():
    assert joined("arithmetic", images=1).changes is False
    found = uneven([1.0, 3.0])
    z = np.stack([random_logits(seed, rows=50)[:3].double().numpy() for seed in (0, 1)])
    p = softmax(z / 4, axis=2)
    np.testing.assert_allclose(found, 4 * np.log((p[0] + 3 * p[1]) / 4), rtol=1e-4, atol=1e-4)
    assert join(4, 3).shape == (2, K)
