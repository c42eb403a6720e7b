"""Several teachers as one: means and weights against NumPy, turns against real batches."""

import itertools
from collections import Counter
from functools import partial

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax, rel_entr, softmax

from kd_helpers.data.augment import PLAIN, ViewSet
from kd_helpers.data.datasets import Split
from kd_helpers.methods.hinton import distillation_terms
from kd_helpers.methods.targets import soften
from kd_helpers.teachers.cached import Batch, CachedTeacher, NetworkTeacher
from kd_helpers.teachers.ensemble import (
    JoinedTeacher,
    confidence_weights,
    joined_logits,
    stack_members,
)
from kd_helpers.training.batches import batches
from kd_helpers.training.checkpoints import Checkpoint
from kd_helpers.training.loop import make_student, random_numbers_of, train
from kd_helpers.training.schedules import Schedule

M, B, K, T = 3, 7, 5, 4.0
UNEQUAL = torch.tensor([1.0, 2.0, 5.0])
INPUT = {"in_channels": 1, "image_size": 28}
TURNS = ("switch", "once each")


@pytest.fixture(autouse=True)
def float32(monkeypatch):
    monkeypatch.setenv("KD_PRECISION", "float32")


@pytest.fixture
def logits() -> torch.Tensor:
    """Those of the members, (M, B, K)."""
    return 5 * torch.randn(M, B, K, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def split() -> Split:
    """50 random pictures of five classes."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (50, 1, 28, 28), dtype=torch.uint8, generator=generator)
    return Split(images, torch.randint(K, (50,), generator=generator))


def joined(logits: torch.Tensor, mean: str, weights=None, temperature: float = T) -> np.ndarray:
    """The joint distribution at T."""
    found = joined_logits(logits, mean=mean, temperature=temperature, weights=weights)
    assert found.dtype == torch.float32
    return soften(found, temperature).double().numpy()


# Means


@pytest.mark.parametrize("temperature", (1.0, 4.0, 20.0))
def test_the_geometric_mean_is_that_of_the_probabilities_at_any_temperature(temperature, logits):
    """The logits do not depend on T: those for T = 1 are softened here."""
    z = logits.double().numpy()
    found = joined_logits(logits, mean="geometric", temperature=1.0)
    np.testing.assert_allclose(found, z.mean(0), rtol=1e-5, atol=1e-6)
    product = np.prod(softmax(z / temperature, axis=2), axis=0) ** (1 / M)
    expected = product / product.sum(1, keepdims=True)
    np.testing.assert_allclose(soften(found, temperature), expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("temperature", (1.0, 4.0, 20.0))
def test_the_arithmetic_mean_is_that_of_the_probabilities_at_its_temperature(temperature, logits):
    p = softmax(logits.double().numpy() / temperature, axis=2)
    found = joined(logits, "arithmetic", temperature=temperature)
    np.testing.assert_allclose(found, p.mean(0), rtol=1e-4, atol=1e-7)
    weights = UNEQUAL.numpy() / UNEQUAL.sum().item()
    found = joined(logits, "arithmetic", UNEQUAL, temperature)
    np.testing.assert_allclose(found, np.einsum("m,mbk->bk", weights, p), rtol=1e-4, atol=1e-7)


def sum_of_divergences(mean: str, q: np.ndarray, p: np.ndarray) -> float:
    """Σ w_m KL(p_m ‖ q) for the arithmetic mean, Σ w_m KL(q ‖ p_m) for the geometric one."""
    pairs = ((m, q) if mean == "arithmetic" else (q, m) for m in p)
    return sum(w * rel_entr(*pair).sum() for w, pair in zip(UNEQUAL.numpy(), pairs, strict=True))


@pytest.mark.parametrize("mean", ("arithmetic", "geometric"))
@pytest.mark.parametrize("temperature", (1.0, 4.0))
def test_each_mean_minimises_its_sum_of_divergences(mean, temperature, logits):
    found = joined(logits, mean, UNEQUAL, temperature)
    for b in range(B):
        p = softmax(logits[:, b].double().numpy() / temperature, axis=1)
        best = minimize(
            lambda z, p=p: sum_of_divergences(mean, softmax(z), p), np.zeros(K), tol=1e-10
        )
        np.testing.assert_allclose(found[b], softmax(best.x), atol=1e-4)
        assert sum_of_divergences(mean, found[b], p) <= best.fun * (1 + 1e-5) + 1e-6


# Weights


@pytest.mark.parametrize("mean", ("arithmetic", "geometric"))
def test_each_image_may_have_weights_of_its_own(mean, logits):
    weights = torch.rand(M, B, generator=torch.Generator().manual_seed(1))
    together = joined(logits, mean, weights)
    for b in range(B):
        alone = joined(logits[:, b : b + 1], mean, weights[:, b])
        np.testing.assert_allclose(together[b : b + 1], alone, rtol=1e-5)


@pytest.mark.parametrize("mean", ("arithmetic", "geometric"))
def test_the_size_of_the_weights_does_not_matter(mean, logits):
    np.testing.assert_allclose(
        joined(logits, mean, UNEQUAL), joined(logits, mean, 10 * UNEQUAL), rtol=1e-5
    )
    np.testing.assert_array_equal(
        joined(logits, mean), joined(logits, mean, torch.full((M,), 7, dtype=torch.long))
    )


@pytest.mark.parametrize("mean", ("arithmetic", "geometric"))
@pytest.mark.parametrize("per_image", (False, True))
def test_a_weight_of_0_removes_a_member_exactly(mean, per_image, logits):
    logits[1] *= 2000  # about 1e4
    weights = torch.tensor([1.0, 0.0, 2.0])
    rest = torch.tensor([1.0, 2.0])
    if per_image:
        weights, rest = (w[:, None].expand(-1, B) for w in (weights, rest))
    found = joined(logits, mean, weights)
    np.testing.assert_array_equal(found, joined(logits[[0, 2]], mean, rest))


@pytest.mark.parametrize("mean", ("arithmetic", "geometric"))
@pytest.mark.parametrize("dtype", (torch.float32, torch.bfloat16, torch.float16), ids=str)
def test_extreme_logits_give_finite_ones(mean, dtype):
    generator = torch.Generator().manual_seed(1)
    signs = torch.randint(2, (M, B, K), generator=generator) * 2 - 1
    for weights in (None, UNEQUAL, torch.tensor([0.0, 0.0, 1.0])):
        found = joined_logits((1e4 * signs).to(dtype), mean=mean, temperature=1.0, weights=weights)
        assert torch.isfinite(found).all() and found.dtype == torch.float32


def test_confidence_weights_are_those_of_the_paper(logits):
    labels = torch.arange(B) % K
    losses = -log_softmax(logits.double().numpy(), axis=2)[:, np.arange(B), labels.numpy()]
    found = confidence_weights(logits, labels)
    np.testing.assert_allclose(found, (1 - softmax(losses, axis=0)) / (M - 1), atol=1e-6)
    torch.testing.assert_close(found.sum(0), torch.ones(B))


def test_confidence_prefers_the_member_closer_to_the_label(logits):
    labels = torch.arange(B) % K
    p = soften(logits, 1.0)[:, torch.arange(B), labels]  # (M, B)
    found = confidence_weights(logits, labels)
    assert found.argmax(0).equal(p.argmax(0)) and found.argmin(0).equal(p.argmin(0))


# A teacher made of several


class Told:
    """A member that answers with its number, and writes down what it is asked and told."""

    def __init__(self, number: int, classes: int = K) -> None:
        self.number, self.classes = number, classes
        self.asked, self.prepared, self.saved = [], [], 0

    def __call__(self, batch: Batch) -> torch.Tensor:
        self.asked.append(batch)
        return torch.full((len(batch.index), self.classes), float(self.number))

    def prepare(self, index: torch.Tensor, view: torch.Tensor) -> None:
        self.prepared.append((index, view))

    def save(self) -> None:
        self.saved += 1


class Table:
    """A member with an answer for each image, (N, K)."""

    def __init__(self, answers: torch.Tensor) -> None:
        self.answers = answers

    def __call__(self, batch: Batch) -> torch.Tensor:
        return self.answers[batch.index]


def batch_at(step: int = 0, size: int = B) -> Batch:
    index = torch.arange(size)
    return Batch(torch.zeros(size, 1, 28, 28), index % K, index, torch.zeros_like(index), step=step)


def answer_at(teacher: JoinedTeacher, step: int, seed: int = 0) -> torch.Tensor:
    """Asked as the training loop does."""
    with random_numbers_of(seed, step, torch.device("cpu")):
        return teacher(batch_at(step))


@pytest.mark.parametrize(
    ("how", "weighted"),
    (*itertools.product(("geometric", "arithmetic"), (False, True)), ("confidence", False)),
)
def test_joined_answers_are_the_joined_logits(how, weighted, logits):
    weights = UNEQUAL if weighted else None
    members = [Table(z) for z in logits]
    teacher = JoinedTeacher(members, how, temperature=T, images=B, weights=weights)
    mean = how
    if how == "confidence":
        mean, weights = "arithmetic", confidence_weights(logits, batch_at().labels)
    expected = joined_logits(logits, mean=mean, temperature=T, weights=weights)
    assert teacher(batch_at()).equal(expected)


def test_switch_asks_one_member_for_the_whole_batch():
    members = [Told(m) for m in range(M)]
    teacher = JoinedTeacher(members, "switch", temperature=T, images=B)
    for step in range(20):
        before = [len(member.asked) for member in members]
        found = answer_at(teacher, step)
        grown = [len(m.asked) - b for m, b in zip(members, before, strict=True)]
        assert sum(grown) == 1 and (found == grown.index(1)).all()
        assert members[grown.index(1)].asked[-1].step == step


def test_switch_draws_all_members_and_the_same_one_for_the_same_step():
    teacher = JoinedTeacher([Told(m) for m in range(M)], "switch", temperature=T, images=B)

    def drawn(seed: int) -> list[float]:
        return [answer_at(teacher, step, seed)[0, 0].item() for step in range(300)]

    first = drawn(0)
    assert first == drawn(0) and first != drawn(1)
    counts = Counter(first)
    assert len(counts) == M and min(counts.values()) > 70


@pytest.mark.parametrize("members", (1, 2, 3, 4))
@pytest.mark.parametrize(("rows", "size"), ((50, 10), (50, 16), (23, 8), (7, 16), (20, 7)))
def test_once_each_every_image_meets_every_member_once_in_m_passes(members, rows, size, split):
    """Rows are a part of the split, and batches lie across the ends of the passes."""
    rows = torch.randperm(len(split), generator=torch.Generator().manual_seed(2))[:rows]
    told = [Told(m) for m in range(members)]
    teacher = JoinedTeacher(told, "once each", temperature=T, images=len(rows))
    rounds = 3
    wanted = rounds * members * len(rows)
    schedule = Schedule(steps=-(-wanted // size), batch_size=size)
    meetings = []
    for batch in batches(split, rows, schedule, PLAIN, 5):
        assert len(batch.index) == size
        meetings += zip(batch.index.tolist(), teacher(batch)[:, 0].tolist(), strict=True)
    one_round = members * len(rows)
    for start in range(0, wanted, one_round):
        met = meetings[start : start + one_round]
        assert len(set(met)) == one_round
        assert {i for i, _ in met} == set(rows.tolist())


def test_once_each_mixes_the_members_within_a_batch_and_asks_them_for_it_all():
    members = [Told(m) for m in range(M)]
    teacher = JoinedTeacher(members, "once each", temperature=T, images=B)
    batch = batch_at(3)
    found = teacher(batch)
    assert (found == found[:, :1]).all() and set(found[:, 0].tolist()) == {0.0, 1.0, 2.0}
    assert all(len(m.asked) == 1 and m.asked[0] is batch for m in members)


@pytest.mark.parametrize("processes", (2, 4))
def test_once_each_holds_with_several_processes(processes, split, monkeypatch):
    """Each process has its share of every batch; together they see what one process does."""
    met = []
    for rank in range(processes):
        monkeypatch.setattr("kd_helpers.runtime.distributed.size", lambda: processes)
        monkeypatch.setattr("kd_helpers.runtime.distributed.rank", lambda rank=rank: rank)
        told = [Told(m) for m in range(M)]
        teacher = JoinedTeacher(told, "once each", temperature=T, images=len(split))
        schedule = Schedule(steps=-(-M * len(split) // 12), batch_size=12)
        for batch in batches(split, None, schedule, PLAIN, 5):
            answers = teacher(batch)[:, 0].tolist()
            places = batch.step * 12 + rank * len(answers) + np.arange(len(answers))
            met += zip(places.tolist(), batch.index.tolist(), answers, strict=True)
    pairs = [(i, m) for place, i, m in met if place < M * len(split)]
    assert len(pairs) == M * len(split) == len(set(pairs))


def test_members_are_told_beforehand_and_asked_to_save():
    """Those that have no `prepare` and no `save` are left in peace."""
    members = [Told(0), Table(torch.zeros(B, K)), Told(2)]
    teacher = JoinedTeacher(members, "arithmetic", temperature=T, images=B)
    index, view = torch.arange(6).reshape(2, 3), torch.zeros(2, 3, dtype=torch.long)
    teacher.prepare(index, view)
    teacher.save()
    for member in (members[0], members[2]):
        assert member.saved == 1
        ((found_index, found_view),) = member.prepared
        assert found_index is index and found_view is view


@pytest.mark.parametrize("how", JoinedTeacher.WAYS)
def test_members_see_the_very_batches_of_the_training(how, split):
    members = [Told(m) for m in range(M)]
    teacher = JoinedTeacher(members, how, temperature=T, images=len(split))
    schedule = Schedule(steps=12, batch_size=8)
    expected = list(batches(split, None, schedule, PLAIN, 3, prepare=teacher.prepare))
    for batch in expected:
        teacher(batch)
    asked = [batch for member in members for batch in member.asked]
    for batch in expected:
        times = sum(batch is other for other in asked)
        assert times == (1 if how == "switch" else M)
    assert all(len(member.prepared) == 2 for member in members)  # 8 steps, then 4


# A whole training


def networks(split: Split, view_set: ViewSet) -> list:
    """Two tiny teachers, one of them with a memory."""
    first, second = (
        NetworkTeacher(make_student("cnn-2", num_classes=K, seed=s, **INPUT)) for s in (1, 2)
    )
    return [first, CachedTeacher(second, split.images, view_set, num_classes=K)]


def learn(split: Split, how: str, **more):
    """A student after 12 steps, or fewer, with two teachers."""
    view_set = ViewSet(flip=True)
    teacher = JoinedTeacher(networks(split, view_set), how, temperature=T, images=len(split))
    student = make_student("cnn-2", num_classes=K, seed=0, **INPUT)
    history = train(
        student,
        split,
        teacher=teacher,
        view_set=view_set,
        seed=4,
        report_every=5,
        schedule=Schedule(steps=12, batch_size=16),
        loss=partial(distillation_terms, temperature=T, kd_weight=0.9),
        **more,
    )
    return student, history


@pytest.mark.parametrize("how", JoinedTeacher.WAYS)
def test_a_student_learns_from_joined_teachers(how, split):
    student, history = learn(split, how)
    assert history.step == [5, 10, 12]
    before = make_student("cnn-2", num_classes=K, seed=0, **INPUT).state_dict()
    assert all(torch.isfinite(v).all() for v in student.state_dict().values())
    assert not student.state_dict()["body.0.weight"].equal(before["body.0.weight"])


@pytest.mark.parametrize("how", TURNS)
@pytest.mark.parametrize("steps", (3, 7))
def test_interrupted_and_resumed_is_as_uninterrupted(how, steps, split, tmp_path):
    whole, expected = learn(split, how)
    counter = iter(range(100))
    checkpoint = partial(Checkpoint, tmp_path / "state", {"name": "any"}, every=0.0)
    _, history = learn(
        split, how, checkpoint=checkpoint(), should_stop=lambda: next(counter) == steps
    )
    assert history.stopped and history.taken == steps
    student, history = learn(split, how, checkpoint=checkpoint())
    assert history.resumed == 1 and history.taken == 12
    assert (history.step, history.terms) == (expected.step, expected.terms)
    for name, value in whole.state_dict().items():
        assert student.state_dict()[name].equal(value)


def test_the_ways_of_joining_differ(split):
    """Else the tests of whole trainings would see one way only."""
    ends = [learn(split, how)[1].terms["loss"][-1] for how in JoinedTeacher.WAYS]
    assert len(set(ends)) == len(ends)


# Bad input


def teacher_of(members, how: str = "arithmetic", **given) -> torch.Tensor:
    given = {"temperature": T, "images": B} | given
    return JoinedTeacher(members, how, **given)(batch_at())


ONES = torch.ones(M)
BAD = {
    "no members": lambda z: JoinedTeacher([], "switch", temperature=T, images=B),
    "no logits": lambda z: stack_members([]),
    "no members' logits": lambda z: joined_logits(z[:0], mean="geometric", temperature=T),
    "one member's logits": lambda z: joined_logits(z[0], mean="geometric", temperature=T),
    "way": lambda z: teacher_of([Told(0)], "best"),
    "mean": lambda z: joined_logits(z, mean="switch", temperature=T),
    "classes": lambda z: teacher_of([Told(0), Told(1, classes=4)]),
    "classes, in turn": lambda z: teacher_of([Told(0), Told(1, classes=4)], "once each"),
    "negative": lambda z: joined(z, "geometric", torch.tensor([1.0, -0.1, 1.0])),
    "not a number": lambda z: joined(z, "geometric", torch.tensor([1.0, float("nan"), 1.0])),
    "all 0": lambda z: joined(z, "geometric", 0 * ONES),
    "all 0 for one image": lambda z: joined(z, "arithmetic", torch.eye(M, B)),
    "too many weights": lambda z: joined(z, "arithmetic", torch.ones(M + 1)),
    "weights turned": lambda z: joined(z, "arithmetic", torch.ones(B, M)),
    "T of 0": lambda z: joined_logits(z, mean="arithmetic", temperature=0.0),
    "T below 0": lambda z: joined_logits(z, mean="geometric", temperature=-1.0),
    "T of a teacher": lambda z: teacher_of([Told(0)], temperature=0.0),
    "one with confidence": lambda z: teacher_of([Told(0)], "confidence"),
    "confidence of one": lambda z: confidence_weights(z[:1], torch.zeros(B, dtype=torch.long)),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_got_and_expected(name, logits):
    with pytest.raises(ValueError, match=r"got .*expected"):
        BAD[name](logits)
