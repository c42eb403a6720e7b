"""Teachers are frozen, in evaluation mode and asked once: the answers belong to (image, view)."""

import pytest
import torch
from torch import nn

from kd_helpers.data.augment import PLAIN, ViewSet, make_views, to_float
from kd_helpers.methods.hinton import kd_loss
from kd_helpers.models.zoo import make_model
from kd_helpers.teachers.cached import Batch, CachedTeacher, NetworkTeacher

COUNT, CLASSES, SIZE = 40, 10, 28
VIEWS = ViewSet(flip=True, max_shift=1)
IMAGES = torch.randint(
    256, (COUNT, 1, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)
HALF_ROUNDING = {"rtol": 2e-3, "atol": 2e-3}


@pytest.fixture(autouse=True)
def float32(monkeypatch):
    monkeypatch.setenv("KD_PRECISION", "float32")


@pytest.fixture
def network() -> nn.Module:
    """An untrained network whose running statistics are far from those of any batch."""
    torch.manual_seed(0)
    model = make_model("cnn-2", num_classes=CLASSES, in_channels=1, image_size=SIZE)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.1, 0.5)
    return model


def make_batch(index: torch.Tensor, view: torch.Tensor, view_set: ViewSet = VIEWS) -> Batch:
    pictures = to_float(make_views(IMAGES[index], view, view_set))
    return Batch(pictures, torch.zeros(len(index), dtype=torch.long), index, view)


def plain_batch(index: torch.Tensor) -> Batch:
    return make_batch(index, torch.zeros_like(index))


def random_pairs(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randint(COUNT, (count,), generator=generator),
        torch.randint(len(VIEWS), (count,), generator=generator),
    )


class CountingTeacher:
    """Answers as another teacher does and writes down every pair of each call (some are filled up
    with a pair that is in it already)."""

    def __init__(self, teacher) -> None:
        self.teacher, self.asked = teacher, []

    def __call__(self, batch: Batch) -> torch.Tensor:
        pairs = zip(batch.index.tolist(), batch.view.tolist(), strict=True)
        self.asked += list(dict.fromkeys(pairs))
        return self.teacher(batch)


def teacher_in_train_mode(model: nn.Module):
    """Fault: whoever called model.train() last decides."""

    def answer(batch: Batch) -> torch.Tensor:
        with torch.no_grad():
            return model(batch.images)

    return answer


def teacher_with_eval_at_the_start(model: nn.Module):
    """Fault: evaluation mode is set once, and any later model.train() undoes it."""
    model.eval()
    return teacher_in_train_mode(model)


def answers_stand_alone(make_teacher, model: nn.Module) -> bool:
    """The criterion: an answer neither depends on the rest of the batch nor changes the network."""
    teacher = make_teacher(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()  # somebody does, for example through a parent module
    together = teacher(plain_batch(torch.arange(8)))
    alone = []
    for i in range(8):
        model.train()
        alone.append(teacher(plain_batch(torch.tensor([i]))))
    unchanged = all(value.equal(before[name]) for name, value in model.state_dict().items())
    return unchanged and torch.allclose(together, torch.cat(alone), atol=1e-5)


@pytest.mark.parametrize("faulty", (teacher_in_train_mode, teacher_with_eval_at_the_start))
def test_a_teacher_in_train_mode_is_caught(faulty, network):
    assert not answers_stand_alone(faulty, network)


def test_our_teacher_is_in_evaluation_mode_whatever_happens(network):
    assert answers_stand_alone(NetworkTeacher, network)


def teacher_with_gradients(model: nn.Module):
    """Fault: in evaluation mode, but neither frozen nor without a graph."""

    def answer(batch: Batch) -> torch.Tensor:
        return model.eval()(batch.images)

    return answer


def teacher_without_no_grad(model: nn.Module):
    """Fault: frozen once, with a graph as soon as somebody thaws the network."""
    return teacher_with_gradients(model.requires_grad_(False))


def takes_no_gradient(make_teacher, model: nn.Module) -> bool:
    """The criterion: the network is frozen, and even thawed its answers have no graph."""
    teacher = make_teacher(model)
    frozen = not any(parameter.requires_grad for parameter in model.parameters())
    model.requires_grad_(True)
    return frozen and not teacher(plain_batch(torch.arange(4))).requires_grad


@pytest.mark.parametrize("faulty", (teacher_with_gradients, teacher_without_no_grad))
def test_a_teacher_with_gradients_is_caught(faulty, network):
    assert not takes_no_gradient(faulty, network)


def test_our_teacher_takes_no_gradient(network):
    assert takes_no_gradient(NetworkTeacher, network)


def test_the_loss_cuts_the_graph_of_a_teacher_that_kept_it(network):
    batch = plain_batch(torch.arange(4))
    student = torch.zeros(4, CLASSES, requires_grad=True)
    kd_loss(student, teacher_with_gradients(network)(batch), temperature=4.0).backward()
    assert all(parameter.grad is None for parameter in network.parameters())
    assert student.grad.abs().sum() > 0


def test_the_answers_are_those_of_the_network_in_float32(network):
    batch = plain_batch(torch.arange(8))
    found = NetworkTeacher(network)(batch)
    assert found.dtype == torch.float32 and found.shape == (8, CLASSES)
    with torch.no_grad():
        torch.testing.assert_close(found, network.eval()(batch.images))


def test_bfloat16_answers_are_float32_as_well(network, monkeypatch):
    exact = NetworkTeacher(network)(plain_batch(torch.arange(8)))
    monkeypatch.setenv("KD_PRECISION", "bfloat16")
    rounded = NetworkTeacher(network)(plain_batch(torch.arange(8)))
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, exact, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("seed", (0, 1, 2))
def test_the_cache_equals_a_fresh_teacher_on_random_pairs(seed, network):
    fresh = NetworkTeacher(network)
    cache = CachedTeacher(fresh, IMAGES, VIEWS, num_classes=CLASSES)
    for turn in range(6):  # later turns meet known pairs in other places of other batches
        batch = make_batch(*random_pairs(200, seed=10 * seed + turn))
        torch.testing.assert_close(cache(batch), fresh(batch), **HALF_ROUNDING)


def test_the_cache_survives_shuffling_subsetting_and_augmenting(network):
    fresh = NetworkTeacher(network)
    cache = CachedTeacher(fresh, IMAGES, VIEWS, num_classes=CLASSES)
    cache(plain_batch(torch.arange(COUNT)))
    shuffled = torch.randperm(COUNT, generator=torch.Generator().manual_seed(1))
    for index in (shuffled, shuffled[:7], torch.tensor([5]), torch.tensor([3, 3, 9])):
        for view in (torch.zeros_like(index), index % len(VIEWS)):
            batch = make_batch(index, view)
            torch.testing.assert_close(cache(batch), fresh(batch), **HALF_ROUNDING)


def cache_by_place(teacher):
    """Fault: remembers the answer by the place in the batch."""
    memory = {}

    def answer(batch: Batch) -> torch.Tensor:
        if len(batch.index) not in memory:
            memory[len(batch.index)] = teacher(batch)
        return memory[len(batch.index)]

    return answer


def cache_by_image(teacher):
    """Fault: remembers the answer by the image and forgets that it was augmented."""
    memory = {}

    def answer(batch: Batch) -> torch.Tensor:
        for i, logits in zip(batch.index.tolist(), teacher(batch), strict=True):
            memory.setdefault(i, logits)
        return torch.stack([memory[i] for i in batch.index.tolist()])

    return answer


@pytest.mark.parametrize("faulty", (cache_by_place, cache_by_image))
def test_a_cache_with_the_wrong_key_is_caught(faulty, network):
    fresh = NetworkTeacher(network)
    cache = faulty(fresh)
    same = []
    for turn in range(3):
        batch = make_batch(*random_pairs(200, seed=turn))
        same.append(torch.allclose(cache(batch), fresh(batch), **HALF_ROUNDING))
    assert not all(same)


def test_each_pair_is_asked_once(network):
    counting = CountingTeacher(NetworkTeacher(network))
    cache = CachedTeacher(counting, IMAGES, VIEWS, num_classes=CLASSES)
    wanted = set()
    for turn in range(8):
        index, view = random_pairs(100, seed=turn)
        pairs = torch.stack([index, view], dim=1).unique(dim=0)  # one batch, each pair once
        cache(make_batch(pairs[:, 0], pairs[:, 1]))
        wanted |= set(map(tuple, pairs.tolist()))
    assert sorted(counting.asked) == sorted(wanted)
    cache(make_batch(pairs[:, 0].flip(0), pairs[:, 1].flip(0)))
    assert len(counting.asked) == len(wanted)


def test_remembered_plain_answers_are_never_asked_again(network):
    fresh = NetworkTeacher(network)
    counting = CountingTeacher(fresh)
    cache = CachedTeacher(counting, IMAGES, VIEWS, num_classes=CLASSES)
    everything = plain_batch(torch.arange(COUNT))
    cache.remember_plain(fresh(everything))
    shuffled = plain_batch(torch.arange(COUNT).flip(0))
    torch.testing.assert_close(cache(shuffled), fresh(shuffled), **HALF_ROUNDING)
    assert counting.asked == []
    augmented = make_batch(torch.arange(COUNT), torch.full((COUNT,), 5))
    torch.testing.assert_close(cache(augmented), fresh(augmented), **HALF_ROUNDING)
    assert counting.asked == [(i, 5) for i in range(COUNT)]


def test_remembering_the_wrong_number_of_answers_is_refused(network):
    cache = CachedTeacher(NetworkTeacher(network), IMAGES, PLAIN, num_classes=CLASSES)
    with pytest.raises(ValueError, match=f"got answers to 3 images; expected {COUNT}"):
        cache.remember_plain(torch.zeros(3, CLASSES))


def test_the_cache_answers_in_float32_without_gradient(network):
    cache = CachedTeacher(NetworkTeacher(network), IMAGES, VIEWS, num_classes=CLASSES)
    for _ in range(2):
        logits = cache(plain_batch(torch.arange(4)))
        assert logits.dtype == torch.float32 and not logits.requires_grad
