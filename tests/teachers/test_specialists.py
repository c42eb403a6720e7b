"""Specialists: groups of classes, the dustbin and the joint answer, against other computations."""

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


def test_classes_that_are_predicted_together_are_found_whatever_the_order_of_images():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2000, K))
    for row, answer in enumerate(rng.integers(3, size=2000)):
        logits[row, list(PLANTED[answer])] += 5
    logits = torch.tensor(logits, dtype=torch.float32)
    expected = np.cov(softmax(logits.double().numpy(), axis=1), rowvar=False)
    np.testing.assert_allclose(class_covariance(logits), expected, atol=1e-12)
    assert cluster_classes(logits, 3) == cluster_classes(logits.flip(0), 3) == PLANTED
    for count in (2, 5, 10):
        groups = cluster_classes(logits, count, seed=3)
        assert sorted(k for group in groups for k in group) == list(range(K))
        assert len(groups) == count and list(groups) == sorted(groups)
        torch.rand(7), np.random.rand(7)  # noqa: NPY002 - what others draw does not matter
        assert cluster_classes(logits, count, seed=3) == groups


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_predictions_that_do_not_tell_the_classes_apart_are_refused():
    logits = torch.randn(100, 1, generator=torch.Generator().manual_seed(0))
    logits = torch.cat([logits, -logits] * 5, dim=1)  # two different columns only
    assert cluster_classes(logits, 2) == ((0, 2, 4, 6, 8), (1, 3, 5, 7, 9))
    with pytest.raises(ValueError, match="got 2 different groups, expected 3"):
        cluster_classes(logits, 3)


def test_a_specialist_sees_places_in_its_group_and_half_special_images():
    labels = torch.tensor([7, 0, 3, 5, -100, 9, -1])
    assert special_labels(labels, (3, 0, 7), K).tolist() == [2, 1, 0, 3, -100, 3, -1]
    for group in GROUPS:
        expected = np.eye(len(group) + 1)[special_labels(torch.arange(K), group, K)]
        np.testing.assert_array_equal(membership(group, K), expected)
    split = Split(torch.zeros(K, 1, 4, 4, dtype=torch.uint8), torch.arange(K))
    whole = Dataset(name="any", classes=tuple("abcdefghij"), train=split, val=split, test=split)
    found = special_dataset(whole, (3, 0, 7))
    assert found.classes == ("d", "a", "h", DUSTBIN)
    for part in (found.train, found.val, found.test):
        assert part.labels.tolist() == [1, 3, 3, 0, 3, 3, 3, 2, 3, 3]
    generator = torch.Generator().manual_seed(0)
    labels = special_labels(torch.randint(K, (500,), generator=generator), (1, 2), K)
    rows = torch.randperm(500, generator=generator)[:300]
    special, others = (rows[(labels[rows] != 2) == kind].tolist() for kind in (True, False))
    chosen = {*special, *others[: len(special)]}
    assert half_special(labels, rows, 2).tolist() == [r for r in rows.tolist() if r in chosen]


def test_what_over_sampling_added_is_taken_back_exactly():
    """Four Gaussians in closed form: the posterior under the priors of the training."""
    x = np.linspace(-4, 4, 50)[:, None]
    likelihood = np.exp(-((x - np.array([-1.0, 0.0, 0.7, 2.0])) ** 2) / 2)  # (50, 4)
    prior = np.array([0.05, 0.1, 0.25, 0.6])  # classes 0 and 1 are special
    over = np.concatenate([0.7 * prior[:2] / 0.15, 0.3 * prior[2:] / 0.85])

    def seen(priors: np.ndarray) -> np.ndarray:
        joint = likelihood * priors
        three = np.column_stack([joint[:, :2], joint[:, 2:].sum(1)])
        return three / three.sum(1, keepdims=True)

    logits = torch.tensor(np.log(seen(over)) + 3 * x)  # a shift of all is none
    before = logits.clone()
    found = softmax(correct_dustbin(logits, 0.7, 0.15).numpy(), axis=1)
    np.testing.assert_allclose(found, seen(prior), rtol=1e-6)
    assert logits.equal(before) and correct_dustbin(logits, 0.4, 0.4).equal(logits)


# The joint answer


def sum_of_divergences(q: np.ndarray, p, answers, groups) -> float:
    """KL(p ‖ q) + Σ KL(p_m ‖ q seen by m) for one image and its active specialists, in loops."""
    total = rel_entr(p, q).sum()
    for answer, group in zip(answers, groups, strict=True):
        rest = sum(q[k] for k in range(len(q)) if k not in group)
        total += rel_entr(answer, np.array([*(q[k] for k in group), rest])).sum()
    return total


def drawn(seed: int, images: int = 3, sharpness: float = 2.0, groups=GROUPS, active: float = 0.7):
    """Answers of generalist and specialists, their groups, and who is active."""
    rng = np.random.default_rng(seed)
    sizes = (K, *(len(g) + 1 for g in groups))
    general, *answers = (
        torch.tensor(softmax(sharpness * rng.normal(size=(images, n)), axis=1)) for n in sizes
    )
    if seed % 2:  # some zeros
        for p in (general[:1], answers[0]):
            p[:, 0] = 0
            p /= p.sum(1, keepdim=True)
    return general, answers, groups, torch.tensor(rng.random((len(groups), images)) < active)


def cases(general, answers, groups, active):
    """(p, answers, groups) of the active ones, image by image."""
    for b, p in enumerate(general.numpy()):
        on = [m for m in range(len(groups)) if active[m, b]]
        yield p, [answers[m][b].numpy() for m in on], [groups[m] for m in on]


def test_the_joint_answer_is_the_one_that_minimises_the_sum():
    for seed in range(3):
        *case, active = drawn(seed, sharpness=(1.0, 2.0, 4.0)[seed % 3], groups=GROUPS[seed % 3 :])
        found = join_specialists(*case, active=active).numpy()
        for q, one in zip(found, cases(*case, active), strict=True):

            def total(z, one=one):
                return sum_of_divergences(softmax(z), *one)

            how = {"jac": "3-point", "method": "BFGS", "options": {"gtol": 1e-9, "maxiter": 2000}}
            best = softmax(minimize(total, np.log(one[0] + 1e-3), **how).x)
            np.testing.assert_allclose(q, best, atol=1e-4)
            assert sum_of_divergences(q, *one) <= sum_of_divergences(best, *one) + 1e-7


def test_confident_answers_that_disagree_are_joined_too():
    """No answer near it is better, though many probabilities are next to nothing."""
    rng = np.random.default_rng(0)
    for sharpness in (5.0, 10.0, 30.0):
        *case, on = drawn(2, 20, sharpness, active=1.0)
        found = join_specialists(*case, active=on).numpy()
        for q, one in zip(found, cases(*case, on), strict=True):
            value = sum_of_divergences(q, *one)
            for size in (1e-3, 0.05, 0.5):
                for other in (*np.eye(K), *rng.dirichlet(np.ones(K), size=5), one[0]):
                    moved = (1 - size) * q + size * other
                    assert value <= sum_of_divergences(moved, *one) + 1e-7


def test_who_is_asked_who_agrees_and_who_else_is_in_the_batch():
    general, answers, groups, _ = drawn(3, 40)
    active = active_specialists(general, groups)
    assert active.tolist() == [[k in g for k in general.argmax(1).tolist()] for g in groups]
    found = join_specialists(general, answers, groups)
    assert found.equal(join_specialists(general, answers, groups, active=active))
    assert (found.sum(1) - 1).abs().max() < 1e-12 and found.dtype == torch.float64
    alone = [
        join_specialists(general[b : b + 1], [a[b : b + 1] for a in answers], groups)
        for b in range(6)
    ]
    torch.testing.assert_close(torch.cat(alone), found[:6], rtol=0, atol=1e-8)
    none, on = torch.zeros_like(active), torch.ones_like(active)
    same = [general @ membership(group, K) for group in groups]
    for unmoved in (
        join_specialists(general, answers, groups, active=none),
        join_specialists(general, same, groups, active=on),
        mean_of_specialists(general, same, groups),
    ):
        torch.testing.assert_close(unmoved, general, rtol=0, atol=1e-8)


def test_the_cheap_joint_answer_in_a_plain_loop():
    *case, active = drawn(0, 200)
    found, asked = mean_of_specialists(*case), set()
    for q, (p, answers, groups) in zip(found, cases(*case, torch.ones_like(active)), strict=True):
        proposals = []
        for answer, group in zip(answers, groups, strict=True):
            if p.argmax() in group:
                mine, own = p.copy(), answer[:-1] / answer[:-1].sum()
                mine[list(group)] = own * p[list(group)].sum()
                proposals.append(mine)
        asked.add(len(proposals))
        np.testing.assert_allclose(q, np.mean(proposals or [p], axis=0), atol=1e-12)
    assert {0, 1, 2} <= asked
    sure = torch.tensor([[0.0, 1.0]])  # of its dustbin, in float32: no mass may be lost
    found = mean_of_specialists(torch.tensor([[0.1, 0.6, 0.3]]), [sure], [(1,)])
    assert found.sum().item() == pytest.approx(1)


def test_bad_input_is_refused_in_words():
    fair, logits = torch.full((2, K), 1 / K), torch.randn(9, K)
    one, wide = ([torch.full((2, n), 1 / n)] for n in (2, K + 1))
    groups = ((), range(K), (1, K), (-1, 1), (1, 1))
    bad = [lambda n=n: cluster_classes(logits, n) for n in (1, K + 1)]
    bad += [lambda g=g: special_labels(torch.arange(3), g, K) for g in groups]
    for shares in ((0.0, 0.5), (1.0, 0.5), (0.5, 0.0), (0.5, 1.5)):
        bad.append(lambda s=shares: correct_dustbin(fair, *s))
    for answers, groups in (
        (one, [(1,), (2,)]),
        (one * 2, [(1,)]),
        (one, [()]),
        (wide, [range(K)]),
        (one, [(1, 2)]),
        (one, [(K,)]),
        (one * (K + 1), [(1,)] * (K + 1)),
    ):
        for join in (join_specialists, mean_of_specialists):
            bad.append(lambda j=join, a=answers, g=groups: j(fair, a, g))
    for make in bad:
        with pytest.raises(ValueError, match=r"got .*expected"):
            make()
