"""Specialists: groups of classes, the dustbin and the joint answer, against independent
references."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import rel_entr, softmax

from kd_helpers.data.class_groups import DUSTBIN, half_special, special_dataset, special_labels
from kd_helpers.data.splits import Dataset, Split
from kd_helpers.teachers.specialists import class_covariance, cluster_classes, correct_dustbin
from kd_helpers.teachers.specialists_joint import (
    active_specialists,
    join_specialists,
    mean_of_specialists,
    membership,
)

K = 10
GROUPS = ((0, 3, 7), (1, 2), (3, 4, 5), (9,))  # overlapping, and 6 and 8 belong to nobody
PLANTED = ((0, 5, 9), (1, 3), (2, 4, 6, 7, 8))


def probabilities(rng: np.random.Generator, *shape: int, sharpness: float = 2.0) -> torch.Tensor:
    return torch.tensor(softmax(sharpness * rng.normal(size=shape), axis=-1))


# Groups of classes


def confused_logits(groups=PLANTED, count: int = 2000, seed: int = 0) -> torch.Tensor:
    """Answers of a generalist that tells the groups apart, and hardly the classes within them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(count, K))
    for row, answer in enumerate(rng.integers(len(groups), size=count)):
        logits[row, list(groups[answer])] += 5
    return torch.tensor(logits, dtype=torch.float32)


def test_covariance_is_that_of_the_probabilities():
    logits = confused_logits()
    expected = np.cov(softmax(logits.double().numpy(), axis=1), rowvar=False)
    np.testing.assert_allclose(class_covariance(logits), expected, atol=1e-12)


def test_planted_groups_are_found():
    assert cluster_classes(confused_logits(), 3) == PLANTED


@pytest.mark.parametrize("count", (2, 5, 10))
def test_groups_are_disjoint_complete_sorted_and_the_same_each_time(count):
    logits = torch.randn(500, K, generator=torch.Generator().manual_seed(0))
    groups = cluster_classes(logits, count, seed=3)
    assert len(groups) == count and all(groups)
    assert sorted(k for group in groups for k in group) == list(range(K))
    assert all(list(group) == sorted(group) for group in groups)
    assert [group[0] for group in groups] == sorted(group[0] for group in groups)
    torch.rand(7), np.random.rand(7)  # noqa: NPY002 - what others draw does not matter
    assert cluster_classes(logits, count, seed=3) == groups


def test_the_order_of_the_images_does_not_matter():
    logits = confused_logits()
    turned = logits[torch.randperm(len(logits), generator=torch.Generator().manual_seed(0))]
    assert cluster_classes(turned, 3) == cluster_classes(logits, 3)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_predictions_that_do_not_tell_the_classes_apart_are_refused():
    """Two different columns only: those of the even and of the odd classes."""
    logits = torch.randn(100, 1, generator=torch.Generator().manual_seed(0))
    logits = torch.cat([logits, -logits] * 5, dim=1)
    assert cluster_classes(logits, 2) == ((0, 2, 4, 6, 8), (1, 3, 5, 7, 9))
    with pytest.raises(ValueError, match=r"got 2 different groups, expected 3"):
        cluster_classes(logits, 3)


# What a specialist learns


def test_labels_become_places_in_the_group():
    labels = torch.tensor([7, 0, 3, 5, -100, 9, -1])
    assert special_labels(labels, (3, 0, 7), K).tolist() == [2, 1, 0, 3, -100, 3, -1]
    assert labels.tolist() == [7, 0, 3, 5, -100, 9, -1]


@pytest.mark.parametrize("group", GROUPS)
def test_membership_says_the_same_as_the_labels(group):
    found = membership(group, K)
    assert found.dtype == torch.float64 and found.shape == (K, len(group) + 1)
    for k in range(K):
        row = [0.0] * (len(group) + 1)
        row[group.index(k) if k in group else -1] = 1.0
        assert found[k].tolist() == row


def test_a_data_set_for_a_specialist():
    generator = torch.Generator().manual_seed(0)
    parts = {
        name: Split(
            torch.randint(256, (n, 1, 4, 4), dtype=torch.uint8, generator=generator),
            torch.randint(K, (n,), generator=generator),
        )
        for name, n in (("train", 30), ("val", 20), ("test", 25))
    }
    whole = Dataset(name="any", classes=tuple("abcdefghij"), **parts)
    found = special_dataset(whole, (3, 0, 7))
    assert found.classes == ("d", "a", "h", DUSTBIN) and found.name == "any"
    for name, split in parts.items():
        part = getattr(found, name)
        assert part.images.equal(split.images)
        old = [whole.classes[k] for k in split.labels]
        new = [found.classes[k] for k in part.labels]
        assert new == [c if c in "dah" else DUSTBIN for c in old]


def test_half_special_keeps_all_special_images_and_as_many_others():
    generator = torch.Generator().manual_seed(0)
    labels = special_labels(torch.randint(K, (500,), generator=generator), (1, 2), K)
    rows = torch.randperm(500, generator=generator)[:300]
    found = half_special(labels, rows, 2)
    special = [r for r in rows.tolist() if labels[r] != 2]
    others = [r for r in rows.tolist() if labels[r] == 2][: len(special)]
    chosen = {*special, *others}
    assert found.tolist() == [r for r in rows.tolist() if r in chosen]
    assert len(found) == 2 * len(special) and len(others) == len(special)


def test_what_over_sampling_added_is_taken_back_exactly():
    """Two Gaussians a class, in closed form: the posterior under the priors of the training."""
    x = np.linspace(-4, 4, 50)[:, None]
    likelihood = np.exp(-((x - np.array([-1.0, 0.0, 0.7, 2.0])) ** 2) / 2)  # (50, 4)
    prior = np.array([0.05, 0.1, 0.25, 0.6])  # classes 0 and 1 are special
    over = np.concatenate([0.7 * prior[:2] / 0.15, 0.3 * prior[2:] / 0.85])

    def seen(priors: np.ndarray) -> np.ndarray:
        """Posterior of 0, 1 and the dustbin."""
        joint = likelihood * priors
        three = np.column_stack([joint[:, :2], joint[:, 2:].sum(1)])
        return three / three.sum(1, keepdims=True)

    logits = torch.tensor(np.log(seen(over)) + 3 * x)  # a shift of all is none
    before = logits.clone()
    corrected = correct_dustbin(logits, 0.7, 0.15)
    np.testing.assert_allclose(softmax(corrected.numpy(), axis=1), seen(prior), rtol=1e-6)
    assert logits.equal(before)
    assert correct_dustbin(logits, 0.4, 0.4).equal(logits)


def test_counts_in_an_over_sampled_set_become_those_of_the_whole():
    """A specialist that has counted: 6 kinds of picture, the special classes are a sixth."""
    rng = np.random.default_rng(0)
    kinds, images, group = 6, 200_000, (0, 1)
    prior = np.array([0.06, 0.1, 0.3, 0.54])
    likelihood = rng.dirichlet(np.full(kinds, 3.0), size=4)  # (classes, kinds)
    labels = rng.choice(4, size=images, p=prior)
    drawn = rng.random((images, 1)) > likelihood.cumsum(1)[labels]
    kind = drawn.sum(1).clip(max=kinds - 1)
    special = special_labels(torch.tensor(labels), group, 4)
    rows = half_special(special, torch.arange(images), 2).numpy()
    counts = np.zeros((kinds, 3))
    np.add.at(counts, (kind[rows], special.numpy()[rows]), 1)
    share = (special.numpy()[rows] != 2).mean()
    assert share == 0.5
    logits = torch.tensor(np.log(counts / counts.sum(1, keepdims=True)))
    joint = (likelihood * prior[:, None]).T  # (kinds, classes)
    true = np.column_stack([joint[:, :2], joint[:, 2:].sum(1)])
    true /= true.sum(1, keepdims=True)
    found = softmax(correct_dustbin(logits, share, 0.16).numpy(), axis=1)
    np.testing.assert_allclose(found, true, atol=0.01)
    assert np.abs(softmax(logits.numpy(), axis=1) - true).max() > 0.2


# The joint answer


def sum_of_divergences(q: np.ndarray, p, answers, groups) -> float:
    """KL(p ‖ q) + Σ KL(p_m ‖ q seen by m) for one image and its active specialists, in loops."""
    total = rel_entr(p, q).sum()
    for answer, group in zip(answers, groups, strict=True):
        rest = sum(q[k] for k in range(len(q)) if k not in group)
        total += rel_entr(answer, np.array([*(q[k] for k in group), rest])).sum()
    return total


def best_answer(p, answers, groups) -> np.ndarray:
    """By descent on the logits of q."""
    found = minimize(
        lambda z: sum_of_divergences(softmax(z), p, answers, groups),
        np.log(p + 1e-3),
        jac="3-point",
        method="BFGS",
        options={"gtol": 1e-9, "maxiter": 2000},
    )
    return softmax(found.x)


def random_case(seed: int, images: int = 3):
    """Random groups (overlapping), answers with some zeros, and who is active."""
    rng = np.random.default_rng(seed)
    count, sharpness = int(rng.integers(1, 5)), (1.0, 2.0, 4.0)[seed % 3]
    groups = [
        tuple(rng.choice(K, rng.integers(1, 5), replace=False).tolist()) for _ in range(count)
    ]
    generalist = probabilities(rng, images, K, sharpness=sharpness)
    answers = [probabilities(rng, images, len(g) + 1, sharpness=sharpness) for g in groups]
    if seed % 2:
        generalist[0, rng.integers(K)] = 0
        generalist /= generalist.sum(1, keepdim=True)
        answers[0][:, rng.integers(len(groups[0]) + 1)] = 0
        answers[0] /= answers[0].sum(1, keepdim=True)
    return generalist, answers, groups, torch.tensor(rng.random((count, images)) < 0.7)


@pytest.mark.parametrize("seed", range(20))
def test_the_joint_answer_is_the_one_that_minimises_the_sum(seed):
    generalist, answers, groups, active = random_case(seed)
    found = join_specialists(generalist, answers, groups, active=active).numpy()
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-12)
    for b, p in enumerate(generalist.numpy()):
        on = [m for m in range(len(groups)) if active[m, b]]
        case = p, [answers[m][b].numpy() for m in on], [groups[m] for m in on]
        best = best_answer(*case)
        np.testing.assert_allclose(found[b], best, atol=1e-4)
        assert sum_of_divergences(found[b], *case) <= sum_of_divergences(best, *case) + 1e-7


@pytest.mark.parametrize("sharpness", (5.0, 10.0, 30.0))
def test_confident_answers_that_disagree_are_joined_too(sharpness):
    """No other answer near it is better, though many probabilities are next to nothing."""
    rng = np.random.default_rng(int(sharpness))
    generalist = probabilities(rng, 30, K, sharpness=sharpness)
    answers = [probabilities(rng, 30, len(g) + 1, sharpness=sharpness) for g in GROUPS]
    on = torch.ones(len(GROUPS), 30, dtype=torch.bool)
    found = join_specialists(generalist, answers, GROUPS, active=on).numpy()
    for b, q in enumerate(found):
        case = generalist[b].numpy(), [a[b].numpy() for a in answers], GROUPS
        value = sum_of_divergences(q, *case)
        for size in (1e-3, 0.05, 0.5):
            for other in (*np.eye(K), *rng.dirichlet(np.ones(K), size=5), generalist[b].numpy()):
                moved = sum_of_divergences((1 - size) * q + size * other, *case)
                assert value <= moved + 1e-7


def test_forty_steps_are_enough_for_a_generalist_who_is_all_but_certain():
    """Expectation maximisation alone would be far from done."""
    rng, on = np.random.default_rng(0), torch.ones(len(GROUPS), 60, dtype=torch.bool)
    generalist = probabilities(rng, 60, K, sharpness=30.0)
    answers = [probabilities(rng, 60, len(g) + 1) for g in GROUPS]
    values = [
        [
            sum_of_divergences(q, generalist[b].numpy(), [a[b].numpy() for a in answers], GROUPS)
            for b, q in enumerate(
                join_specialists(generalist, answers, GROUPS, active=on, steps=steps).numpy()
            )
        ]
        for steps in (40, 400)
    ]
    assert np.subtract(*values).max() < 2e-5


def test_the_paper_asks_the_specialists_of_the_generalists_answer():
    generalist, answers, groups, _ = random_case(3, images=40)
    active = active_specialists(generalist, groups)
    top = generalist.argmax(1).tolist()
    assert active.tolist() == [[k in group for k in top] for group in groups]
    assert active.any() and not active.all()
    found = join_specialists(generalist, answers, groups)
    assert found.equal(join_specialists(generalist, answers, groups, active=active))


def test_without_an_active_specialist_the_generalist_answers():
    generalist, answers, groups, active = random_case(4)
    none = torch.zeros_like(active)
    found = join_specialists(generalist, answers, groups, active=none)
    torch.testing.assert_close(found, generalist, rtol=0, atol=1e-8)


def test_specialists_who_agree_change_nothing():
    generalist = probabilities(np.random.default_rng(0), 5, K)
    answers = [generalist @ membership(group, K) for group in GROUPS]
    on = torch.ones(len(GROUPS), 5, dtype=torch.bool)
    found = join_specialists(generalist, answers, GROUPS, active=on)
    torch.testing.assert_close(found, generalist, rtol=0, atol=1e-8)
    torch.testing.assert_close(
        mean_of_specialists(generalist, answers, GROUPS), generalist, rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("seed", range(6))
def test_every_step_lowers_the_sum(seed):
    generalist, answers, groups, active = random_case(seed, images=4)
    sums = []
    for steps in range(12):
        found = join_specialists(generalist, answers, groups, active=active, steps=steps).numpy()
        sums.append(
            [
                sum_of_divergences(
                    q,
                    generalist[b].numpy(),
                    [a[b].numpy() for a, on in zip(answers, active, strict=True) if on[b]],
                    [g for g, on in zip(groups, active, strict=True) if on[b]],
                )
                for b, q in enumerate(found)
            ]
        )
    assert (np.diff(sums, axis=0) <= 1e-12).all()
    assert (np.array(sums[0]) - sums[-1]).max() > 1e-3


def test_an_image_is_joined_alone_as_among_others():
    generalist, answers, groups, active = random_case(5, images=6)
    together = join_specialists(generalist, answers, groups, active=active)
    for b in range(6):
        one = slice(b, b + 1)
        alone = join_specialists(
            generalist[one], [a[one] for a in answers], groups, active=active[:, one]
        )
        torch.testing.assert_close(alone, together[one], rtol=0, atol=1e-8)


def test_a_whole_test_set_at_once():
    rng = np.random.default_rng(0)
    generalist = probabilities(rng, 10_000, K).float()
    answers = [probabilities(rng, 10_000, len(g) + 1).float() for g in GROUPS]
    found = join_specialists(generalist, answers, GROUPS)
    assert found.dtype == torch.float64 and (found >= 0).all()
    torch.testing.assert_close(found.sum(1), torch.ones(10_000, dtype=torch.float64))


def test_the_cheap_joint_answer_in_a_plain_loop():
    rng = np.random.default_rng(0)
    generalist = probabilities(rng, 200, K)
    answers = [probabilities(rng, 200, len(g) + 1) for g in GROUPS]
    found, asked = mean_of_specialists(generalist, answers, GROUPS), []
    for b, p in enumerate(generalist.numpy()):
        proposals = []
        for answer, group in zip(answers, GROUPS, strict=True):
            if p.argmax() in group:
                own, mine = answer[b].numpy()[:-1], p.copy()
                for place, k in enumerate(group):
                    mine[k] = own[place] / own.sum() * sum(p[j] for j in group)
                proposals.append(mine)
        asked.append(len(proposals))
        expected = np.mean(proposals, axis=0) if proposals else p
        np.testing.assert_allclose(found[b], expected, atol=1e-12)
    assert {0, 1, 2} <= set(asked)
    assert (found.sum(1) - 1).abs().max() < 1e-12


def test_the_cheap_answer_loses_no_mass_to_a_specialist_who_is_sure_of_the_dustbin():
    """Its own classes all got probability 0 in float32."""
    generalist = torch.tensor([[0.1, 0.6, 0.3]])
    sure = torch.tensor([[0.0, 200.0]]).softmax(1)
    assert sure[0, 0] == 0
    found = mean_of_specialists(generalist, [sure], [(1,)])
    assert found.sum().item() == pytest.approx(1)


# Bad input

FAIR = torch.full((2, K), 1 / K)


def dustbins(*groups) -> list[torch.Tensor]:
    """Answers of the right width for each group."""
    return [torch.full((2, len(g) + 1), 1 / (len(g) + 1)) for g in groups]


def join(*groups) -> torch.Tensor:
    return join_specialists(FAIR, dustbins(*groups), groups)


def mean(*groups) -> torch.Tensor:
    return mean_of_specialists(FAIR, dustbins(*groups), groups)


LABELS = torch.tensor([0, 1, 1, 2])
ROWS = torch.arange(4)
BAD = {
    "one group": lambda: cluster_classes(confused_logits(), 1),
    "more groups than classes": lambda: cluster_classes(confused_logits(), K + 1),
    "empty group": lambda: special_labels(LABELS, (), K),
    "all classes": lambda: special_labels(LABELS, range(K), K),
    "unknown class": lambda: special_labels(LABELS, (1, K), K),
    "negative class": lambda: special_labels(LABELS, (-1, 1), K),
    "class twice": lambda: special_labels(LABELS, (1, 1), K),
    "no special images": lambda: half_special(LABELS, ROWS[1:3], 1),
    "no others": lambda: half_special(LABELS, ROWS[1:], 0),
    "share of 0": lambda: correct_dustbin(FAIR, 0.0, 0.5),
    "share of 1": lambda: correct_dustbin(FAIR, 1.0, 0.5),
    "true share of 0": lambda: correct_dustbin(FAIR, 0.5, 0.0),
    "true share above 1": lambda: correct_dustbin(FAIR, 0.5, 1.5),
    "more specialists than classes": lambda: join(*[(k % K,) for k in range(K + 1)]),
    "specialist of nothing": lambda: join((1,), ()),
    "specialist of everything": lambda: join((1,), range(K)),
    "specialist of an unknown class": lambda: join((1, K)),
    "a group too many": lambda: join_specialists(FAIR, dustbins((1,)), [(1,), (2,)]),
    "a specialist too many": lambda: join_specialists(FAIR, dustbins((1,), (2,)), [(1,)]),
    "mean: specialist of nothing": lambda: mean((1,), ()),
    "mean: specialist of everything": lambda: mean((1,), range(K)),
    "mean: specialist of an unknown class": lambda: mean((1, K)),
    "mean: a group too many": lambda: mean_of_specialists(FAIR, dustbins((1,)), [(1,), (2,)]),
    "mean: a specialist too many": lambda: mean_of_specialists(FAIR, dustbins((1,), (2,)), [(1,)]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_got_and_expected(name):
    with pytest.raises(ValueError, match=r"got .*expected"):
        BAD[name]()
