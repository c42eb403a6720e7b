"""Several teachers as one: means and weights against NumPy, turns against real batches."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from kd_helpers.data.augment import PLAIN
from kd_helpers.data.splits import Split
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.runtime import distributed
from kd_helpers.teachers import Batch, Mean, OnceEach, Switching, Unified, WeightedByConfidence
from kd_helpers.teachers.ensemble import MEANS, confidence_weights, joined_logits, stack_members
from kd_helpers.teachers.teacher import Teacher
from kd_helpers.teachers.team import Joined, Team
from kd_helpers.training.batches import batches
from kd_helpers.training.loop import random_numbers_of
from kd_helpers.training.schedules import Schedule

M, B, K, T = 3, 7, 5, 4.0
UNEQUAL = torch.tensor([1.0, 2.0, 5.0])
LOGITS = 5 * torch.randn(M, B, K, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(B) % K


def joined(mean: str, weights=None, logits=LOGITS, temperature: float = T) -> np.ndarray:
    """The joint distribution at T."""
    found = joined_logits(logits, mean=mean, temperature=temperature, weights=weights)
    assert found.dtype == torch.float32 and torch.isfinite(found).all()
    return softmax(found.double().numpy() / temperature, axis=1)


def test_each_mean_is_that_of_the_softened_answers():
    share = (UNEQUAL / UNEQUAL.sum()).double().numpy()[:, None, None]
    for temperature in (1.0, T):
        p = softmax(LOGITS.double().numpy() / temperature, axis=2)
        products = (p**share).prod(axis=0)
        expected = {
            "arithmetic": (share * p).sum(axis=0),
            "geometric": products / products.sum(axis=1, keepdims=True),
        }
        for mean in MEANS:
            found = joined(mean, UNEQUAL, temperature=temperature)
            np.testing.assert_allclose(found, expected[mean], atol=1e-5)


def test_weights_count_by_their_shares_and_each_image_may_have_its_own():
    own = torch.rand(M, B, generator=torch.Generator().manual_seed(1))
    loud = LOGITS * torch.tensor([1.0, 2000.0, 1.0])[:, None, None]  # about 1e4
    rest = torch.tensor([1.0, 2.0])
    for mean in MEANS:
        together = joined(mean, own)
        for b in range(B):
            alone = joined(mean, own[:, b], LOGITS[:, b : b + 1])
            np.testing.assert_allclose(together[b : b + 1], alone, rtol=1e-5)
        np.testing.assert_allclose(joined(mean, UNEQUAL), joined(mean, 10 * UNEQUAL), rtol=1e-5)
        np.testing.assert_array_equal(joined(mean), joined(mean, torch.full((M,), 7)))
        # A weight of 0 removes a member exactly, even one with extreme logits.
        without = joined(mean, torch.tensor([1.0, 0.0, 2.0]), loud)
        np.testing.assert_array_equal(without, joined(mean, rest, LOGITS[[0, 2]]))
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            joined(mean, UNEQUAL, (1e4 * LOGITS.sign()).to(dtype), 1.0)


def test_confidence_weights_are_those_of_the_paper():
    losses = -log_softmax(LOGITS.double().numpy(), axis=2)[:, np.arange(B), LABELS.numpy()]
    found = confidence_weights(LOGITS, LABELS)
    np.testing.assert_allclose(found, (1 - softmax(losses, axis=0)) / (M - 1), atol=1e-6)
    torch.testing.assert_close(found.sum(0), torch.ones(B))
    assert (found.argmax(0).numpy() == losses.argmin(0)).all()


# Teams


class Told(Teacher):
    """A member that answers from a table (N, K), by default with its number, and counts."""

    def __init__(self, number: int = 0, table: torch.Tensor | None = None) -> None:
        self.table = torch.full((50, K), float(number)) if table is None else table
        self.asked = 0

    def __call__(self, batch: Batch) -> torch.Tensor:
        self.asked += 1
        return self.table[batch.index]


class Room:
    temperature = T

    def __init__(self, members, images: int = B) -> None:
        self.members, self.images = members, images

    def cached(self, recipe: Recipe, *, apart: bool = False) -> Teacher:
        return self.members[recipe.seed]


def built(kind, members=None, images: int = B, **given) -> Joined:
    members = [Told(m) for m in range(M)] if members is None else members
    team: Team = kind(tuple(Recipe(seed=m) for m in range(len(members))), **given)
    return team.build(Room(members, images))


def batch_at(step: int = 0) -> Batch:
    index = torch.arange(B)
    return Batch(torch.zeros(B, 1, 28, 28), LABELS, index, torch.zeros_like(index), step=step)


def test_a_mean_knows_the_weights_of_its_members():
    members, weights = [Told(table=z) for z in LOGITS], tuple(UNEQUAL.tolist())
    for mean in MEANS:
        found = built(Mean, members, mean=mean, weights=weights)(batch_at())
        how = {"mean": mean, "temperature": T, "weights": UNEQUAL}
        assert found.equal(joined_logits(LOGITS, **how))


def test_switching_asks_one_member_for_a_batch_and_draws_the_same_one_for_the_same_step():
    def drawn(seed: int) -> list[float]:
        team, answers = built(Switching), []
        for step in range(300):
            with random_numbers_of(seed, step, torch.device("cpu")):
                found = team(batch_at(step))
            assert (found == found[0, 0]).all()
            answers.append(found[0, 0].item())
        assert [m.asked for m in team.members] == [answers.count(m) for m in range(M)]
        return answers

    first = drawn(0)
    assert first == drawn(0) and first != drawn(1)
    assert len(Counter(first)) == M and min(Counter(first).values()) > 70


def meetings(members: int, rows: torch.Tensor, size: int, split: Split, rank: int = 0, of: int = 1):
    """(place in the training, image, member) for three times as many passes as members."""
    told, wanted = [Told(m) for m in range(members)], 3 * members * len(rows)
    steps = -(-wanted // size)
    for first in (0, steps // 2):  # in one go, and again from the middle on
        team = built(OnceEach, told, len(rows))
        for batch in batches(
            split, rows, Schedule(steps=steps, batch_size=size), PLAIN, 5, first=first
        ):
            answers = team(batch)[:, 0].tolist()
            places = batch.step * size + rank * size // of + np.arange(len(answers))
            yield from zip(places.tolist(), batch.index.tolist(), answers, strict=True)


def test_once_each_every_image_meets_every_member_once_in_m_passes(monkeypatch):
    """Batches lie across the ends of the passes; processes have their shares of every batch; a
    training that was cut off goes on with the same meetings."""
    split = Split(torch.zeros(50, 1, 28, 28, dtype=torch.uint8), torch.zeros(50).long())
    for members, count, size, of in (
        (1, 50, 16, 1),
        (2, 23, 8, 1),
        (3, 7, 16, 1),
        (4, 20, 7, 1),
        (3, 50, 12, 2),
        (3, 50, 12, 4),
    ):
        rows = torch.randperm(50, generator=torch.Generator().manual_seed(2))[:count]
        met: set[tuple] = set()
        monkeypatch.setattr(distributed, "size", lambda of=of: of)
        for rank in range(of):
            monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
            met |= set(meetings(members, rows, size, split, rank, of))
        by_place = {place: (image, member) for place, image, member in met}
        assert len(by_place) == len(met)  # the second half is the same when it is resumed
        one_round = members * count
        for start in range(0, 3 * one_round, one_round):
            pairs = {by_place[place] for place in range(start, start + one_round)}
            assert pairs == {(i, float(m)) for i in rows.tolist() for m in range(members)}


def test_bad_input_is_refused_in_words():
    z, one = LOGITS, torch.ones(M)
    odd = [Told(0), Told(table=torch.zeros(B, 4))]
    weights = one * torch.tensor([1, -0.1, 1]), one * float("nan"), one * float("inf"), 0 * one
    for make in (
        lambda: stack_members([]),
        lambda: joined("geometric", logits=z[:0]),
        lambda: joined("geometric", logits=z[0]),
        lambda: joined("switch"),
        lambda: built(Mean, odd)(batch_at()),
        lambda: built(OnceEach, odd)(batch_at()),
        *(lambda w=w: joined("geometric", w) for w in weights),
        *(lambda w=w: joined("arithmetic", w) for w in (torch.eye(M, B), torch.ones(M + 1))),
        *(lambda t=t: joined("arithmetic", temperature=t) for t in (0.0, -1.0)),
        lambda: confidence_weights(z[:1], LABELS),
        lambda: built(Mean, weights=(1.0, 2.0)),
    ):
        with pytest.raises(ValueError, match=r"got .*expected"):
            make()


def test_a_team_that_needs_whole_networks_refuses_specialists():
    """All but the teams of specialists, and those that check more, too."""
    member = Recipe(student="cnn-2", dataset="fashion-mnist")
    special = replace(member, special=(0, 1), start=member)
    for make in (Mean, WeightedByConfidence, Switching, OnceEach, Unified):
        with pytest.raises(ValueError, match="members that know all classes"):
            make((special, replace(special, seed=1)))
    with pytest.raises(ValueError, match="without towers"):
        Unified((member, replace(member, seed=1)))
    with pytest.raises(ValueError, match="at least two"):
        WeightedByConfidence((member,))
