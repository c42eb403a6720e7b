"""Soft targets, smoothed labels and entropy against NumPy in float64 and known special cases."""

import itertools
import math

import numpy as np
import pytest
import torch

from kd_helpers.methods.targets import entropy_bits, smooth_labels, soften
from kd_helpers.runtime.plain import check_temperature

LOGITS = 3 * torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 3, 3, 1])


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("temperature", (0.1, 1.0, 4.0, 100.0))
def test_soften_against_numpy(temperature):
    found = soften(LOGITS, temperature).numpy()
    np.testing.assert_allclose(found, softmax(LOGITS.double().numpy() / temperature), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_soften_at_both_ends():
    assert soften(LOGITS, 0.001).argmax(dim=1).equal(LOGITS.argmax(dim=1))
    torch.testing.assert_close(soften(LOGITS, 0.001).amax(dim=1), torch.ones(5))
    torch.testing.assert_close(soften(LOGITS, 1e6), torch.full((5, 4), 0.25), atol=1e-4, rtol=0)


def test_soften_stays_finite_for_large_logits():
    assert soften(torch.tensor([[1e4, -1e4, 0.0]]), 0.5).tolist() == [[1.0, 0.0, 0.0]]


@pytest.mark.parametrize("temperature", (0, -2.0, float("nan"), float("inf")))
def test_a_bad_temperature_is_refused(temperature):
    with pytest.raises(ValueError, match=f"got temperature={temperature}; expected"):
        soften(LOGITS, temperature)
    with pytest.raises(ValueError, match="expected a finite number above 0"):
        check_temperature(temperature)


@pytest.mark.parametrize("smoothing", (0.0, 0.1, 1.0))
def test_smooth_labels_by_hand(smoothing):
    expected = np.full((4, 4), smoothing / 4)
    for row, label in enumerate(LABELS.tolist()):
        expected[row, label] += 1 - smoothing
    found = smooth_labels(LABELS, 4, smoothing)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-7)
    np.testing.assert_allclose(found.sum(dim=1).numpy(), 1, atol=1e-6)


@pytest.mark.parametrize("smoothing", (-0.1, 1.5, float("nan")))
def test_a_bad_smoothing_is_refused(smoothing):
    with pytest.raises(ValueError, match=f"got smoothing={smoothing}; expected"):
        smooth_labels(LABELS, 4, smoothing)


def test_entropy_of_known_distributions():
    rows = torch.tensor([[1.0, 0, 0, 0], [0.25] * 4, [0.5, 0.5, 0, 0], [0.5, 0.25, 0.125, 0.125]])
    torch.testing.assert_close(entropy_bits(rows), torch.tensor([0.0, 2.0, 1.0, 1.75]))


def test_entropy_grows_with_the_temperature():
    entropies = [entropy_bits(soften(LOGITS, t)) for t in (0.5, 1.0, 4.0, 16.0)]
    assert all((low < high).all() for low, high in itertools.pairwise(entropies))
    assert (entropies[-1] <= math.log2(4) + 1e-5).all()
