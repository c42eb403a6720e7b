"""Wrong labels on purpose: how many, which, and of what they do and do not depend."""

import math

import pytest
import torch

from kd_helpers.data.datasets import Split
from kd_helpers.data.splits import UNLABELLED
from kd_helpers.data.transfer_set import TransferSet, noisy_labels, select

N, K = 20_000, 10
SHARES = (0.05, 0.2, 0.5, 0.8)
SEEDS = range(5)
SIGMAS = 5.0  # of a binomial count: the seeds are fixed, so a test that passes goes on passing


@pytest.fixture(scope="module")
def clean() -> torch.Tensor:
    return torch.arange(N) % K


@pytest.fixture
def source(clean) -> Split:
    return Split(torch.zeros(N, 1, 1, 1, dtype=torch.uint8), clean.clone())


def noisy(clean: torch.Tensor, share: float, seed: int = 0, noise: str = "symmetric"):
    return noisy_labels(clean, TransferSet(label_noise=share, noise=noise), seed)


def close(count: int, of: int, share: float) -> bool:
    return abs(count - share * of) <= SIGMAS * math.sqrt(of * share * (1 - share))


@pytest.mark.parametrize("noise", ("symmetric", "pair"))
@pytest.mark.parametrize("share", SHARES)
def test_about_the_share_that_is_asked_for_is_wrong(share, noise, clean):
    for seed in SEEDS:
        wrong = noisy(clean, share, seed, noise) != clean
        assert close(wrong.sum().item(), N, share)
        for label in range(K):
            assert close(wrong[clean == label].sum().item(), N // K, share)


@pytest.mark.parametrize("noise", ("symmetric", "pair"))
def test_at_1_every_label_is_wrong_and_is_still_a_class(noise, clean):
    found = noisy(clean, 1.0, noise=noise)
    assert (found != clean).all() and found.dtype == clean.dtype
    assert found.unique().tolist() == list(range(K))


def test_symmetric_noise_is_even_over_the_other_classes(clean):
    """Pearson's statistic: 9 classes, so 8 degrees of freedom; above 40 once in 300,000."""
    for seed in SEEDS:
        found = noisy(clean, 0.9, seed)
        for label in range(K):
            counts = torch.bincount(found[(clean == label) & (found != clean)], minlength=K)
            others = counts[torch.arange(K) != label].double()
            mean = others.mean()
            assert ((others - mean) ** 2 / mean).sum() < 40
            assert counts[label] == 0


def test_pair_noise_is_always_the_next_class_and_after_the_last_the_first(clean):
    found = noisy(clean, 0.4, noise="pair")
    wrong = found != clean
    assert found[wrong].equal((clean[wrong] + 1) % K)
    assert (clean[wrong] == K - 1).any()
    assert wrong.equal(noisy(clean, 0.4) != clean)  # the same images as with symmetric noise


def test_no_noise_changes_nothing(clean):
    assert noisy(clean, 0.0).equal(clean)


def test_the_seed_decides(clean):
    torch.manual_seed(1)
    first = noisy(clean, 0.3, seed=4)
    torch.manual_seed(2)
    assert first.equal(noisy(clean, 0.3, seed=4))
    assert not first.equal(noisy(clean, 0.3, seed=5))


def test_the_wrong_labels_stay_what_they_were(clean):
    """Written down once: stored runs were trained with these."""
    steps = (noisy(clean, 0.4) - clean) % K
    assert steps[:24].tolist() == [
        5,
        0,
        0,
        0,
        7,
        8,
        0,
        0,
        0,
        0,
        0,
        9,
        0,
        0,
        2,
        0,
        0,
        5,
        8,
        0,
        0,
        7,
        6,
        0,
    ]


def test_more_noise_leaves_the_wrong_labels_wrong(clean):
    little, much = noisy(clean, 0.2), noisy(clean, 0.6)
    assert little[little != clean].equal(much[little != clean])


# As a student is shown them


@pytest.mark.parametrize("transfer", ({"images": 300}, {"images": 9000, "labelled": 300}), ids=str)
def test_a_smaller_transfer_set_has_the_same_wrong_labels(transfer, source):
    whole, _ = select(source, TransferSet(label_noise=0.3), seed=2)
    part, _ = select(source, TransferSet(label_noise=0.3, **transfer), seed=2)
    shown = part.labels != UNLABELLED
    assert shown.sum() == 300
    assert part.labels[shown].equal(whole.labels[shown])


def test_a_run_has_the_wrong_labels_of_its_own_seed(source, clean):
    transfer = TransferSet(label_noise=0.5)
    seen = [select(source, transfer, seed)[0].labels for seed in (3, 4)]
    for labels, seed in zip(seen, (3, 4), strict=True):
        assert torch.equal(labels, noisy_labels(clean, transfer, seed))
    assert not torch.equal(*seen)


def test_hidden_labels_stay_hidden_and_noise_does_not_change_the_choice(source):
    how = {"images": 900, "labelled": 200}
    noisy_split, noisy_rows = select(source, TransferSet(**how, label_noise=0.5), seed=1)
    clean_split, clean_rows = select(source, TransferSet(**how), seed=1)
    assert noisy_rows.equal(clean_rows)
    assert (noisy_split.labels == UNLABELLED).equal(clean_split.labels == UNLABELLED)
    assert close((noisy_split.labels != clean_split.labels).sum().item(), 200, 0.5)


def test_the_clean_labels_of_the_data_set_are_left_alone(source, clean):
    for share in (0.0, 0.7):
        split, rows = select(source, TransferSet(label_noise=share, images=N // 2), seed=0)
        split.labels[rows] = 0
        assert source.labels.equal(clean)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("count", (200, 2000))
def test_noise_and_choice_of_images_are_independent(count, share, source):
    """The images that are drawn first have no more and no fewer wrong labels than the others."""
    total, seeds = 0, range(20)
    for seed in seeds:
        split, rows = select(source, TransferSet(images=count, label_noise=share), seed)
        wrong = (split.labels[rows] != source.labels[rows]).sum().item()
        assert close(wrong, count, share)
        total += wrong
    assert close(total, count * len(seeds), share)


@pytest.mark.parametrize(
    ("bad", "words"),
    (
        ({"label_noise": -0.1}, "got label_noise=-0.1; expected a number from 0 to 1"),
        ({"label_noise": 1.1}, "got label_noise=1.1; expected a number from 0 to 1"),
        ({"label_noise": float("nan")}, "got label_noise=nan; expected a number from 0 to 1"),
        ({"noise": "cats"}, "unknown noise 'cats'; known: symmetric, pair"),
        ({"label_noise": 0.2, "source": "digits"}, "got label_noise and digits.*no labels"),
        ({"label_noise": 0.2, "source": "noise"}, "got label_noise and noise.*no labels"),
    ),
)
def test_bad_input_is_refused(bad, words):
    with pytest.raises(ValueError, match=words):
        TransferSet(**bad)


def test_what_noise_cannot_be_combined_with_is_said_in_the_right_words():
    with pytest.raises(ValueError, match="hidden classes"):
        TransferSet(label_noise=0.2, hidden_classes=(7,))
    with pytest.raises(ValueError, match="unknown source"):
        TransferSet(label_noise=0.2, source="moon")
    with pytest.raises(ValueError, match="no labels"):
        TransferSet(label_noise=0.2, source="noise")
