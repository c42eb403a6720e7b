"""Wrong labels on purpose: how many, which, and of what they do and do not depend."""

import math

import pytest
import torch

from kd_helpers.data.datasets import Split
from kd_helpers.data.splits import UNLABELLED
from kd_helpers.data.transfer_set import TransferSet, noisy_labels, select

N, K = 20_000, 10
SIGMAS = 5.0  # of a binomial count: the seeds are fixed, so a test that passes goes on passing
CLEAN = torch.arange(N) % K
SOURCE = Split(torch.zeros(N, 1, 1, 1, dtype=torch.uint8), CLEAN.clone())


def noisy(share: float, seed: int = 0, noise: str = "symmetric") -> torch.Tensor:
    return noisy_labels(CLEAN, TransferSet(label_noise=share, noise=noise), seed)


def close(count: int, of: int, share: float) -> bool:
    return abs(count - share * of) <= SIGMAS * math.sqrt(of * share * (1 - share))


def test_about_the_share_that_is_asked_for_is_wrong_in_every_class():
    assert noisy(0.0).equal(CLEAN)
    for noise in ("symmetric", "pair"):
        all_wrong = noisy(1.0, noise=noise)
        assert (all_wrong != CLEAN).all() and all_wrong.unique().tolist() == list(range(K))
        for share in (0.05, 0.5, 0.8):
            for seed in range(3):
                wrong = noisy(share, seed, noise) != CLEAN
                for label in range(K):
                    assert close(wrong[label == CLEAN].sum().item(), N // K, share)


def test_symmetric_noise_is_even_over_the_other_classes():
    """Pearson's statistic: 9 classes, so 8 degrees of freedom; above 40 once in 300,000."""
    found = noisy(0.9)
    for label in range(K):
        counts = torch.bincount(found[(label == CLEAN) & (found != CLEAN)], minlength=K)
        others = counts[torch.arange(K) != label].double()
        assert ((others - others.mean()) ** 2 / others.mean()).sum() < 40


def test_pair_noise_is_always_the_next_class_and_after_the_last_the_first():
    found = noisy(0.4, noise="pair")
    wrong = found != CLEAN
    assert found[wrong].equal((CLEAN[wrong] + 1) % K)
    assert (CLEAN[wrong] == K - 1).any()
    assert wrong.equal(noisy(0.4) != CLEAN)  # the same images as with symmetric noise


def test_the_seed_decides_and_nothing_else():
    torch.manual_seed(1)
    first = noisy(0.3, seed=4)
    torch.manual_seed(2)
    assert first.equal(noisy(0.3, seed=4)) and not first.equal(noisy(0.3, seed=5))
    little, much = noisy(0.2), noisy(0.6)  # what little noise makes wrong stays so with more
    assert little[little != CLEAN].equal(much[little != CLEAN])
    # Written down once: stored runs were trained with these.
    steps = "5 0 0 0 7 8 0 0 0 0 0 9 0 0 2 0 0 5 8 0 0 7 6 0"
    assert ((noisy(0.4) - CLEAN) % K)[:24].tolist() == [int(step) for step in steps.split()]


# As a student is shown them


def test_a_run_has_the_wrong_labels_of_its_own_seed_whatever_part_of_them_it_sees():
    for part in ({"images": 300}, {"images": 9000, "labelled": 300}):
        labels = select(SOURCE, TransferSet(label_noise=0.3, **part), 2)[0].labels
        shown = labels != UNLABELLED
        assert shown.sum() == 300 and labels[shown].equal(noisy(0.3, 2)[shown])
    assert SOURCE.labels.equal(CLEAN)  # those of the data set are left alone


def test_hidden_labels_stay_hidden_and_noise_does_not_change_the_choice():
    how = {"images": 900, "labelled": 200}
    noisy_split, noisy_rows = select(SOURCE, TransferSet(**how, label_noise=0.5), seed=1)
    clean_split, clean_rows = select(SOURCE, TransferSet(**how), seed=1)
    assert noisy_rows.equal(clean_rows)
    assert (noisy_split.labels == UNLABELLED).equal(clean_split.labels == UNLABELLED)
    assert close((noisy_split.labels != clean_split.labels).sum().item(), 200, 0.5)


def test_bad_input_is_refused():
    for bad, words in (
        *(({"label_noise": n}, f"got label_noise={n}; expected") for n in (-0.1, 1.1, math.nan)),
        ({"noise": "cats"}, "unknown noise 'cats'; known: symmetric, pair"),
        ({"label_noise": 0.2, "source": "digits"}, "got label_noise and digits.*no labels"),
        ({"label_noise": 0.2, "hidden_classes": (7,)}, "hidden classes"),
        ({"label_noise": 0.2, "source": "moon"}, "unknown source"),
    ):
        with pytest.raises(ValueError, match=words):
            TransferSet(**bad)
