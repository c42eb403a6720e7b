"""Soft targets, smoothed labels and entropy against NumPy in float64 and known special cases."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

from kd_helpers.methods.targets import entropy_bits, smooth_labels, soften
from kd_helpers.runtime.plain import check_temperature

LOGITS = 3 * torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 3, 3, 1])


def test_soften_against_numpy_and_at_both_ends():
    for temperature in (0.1, 1.0, 4.0, 100.0):
        found = soften(LOGITS, temperature).numpy()
        np.testing.assert_allclose(
            found, softmax(LOGITS.double().numpy() / temperature, 1), atol=1e-6
        )
    torch.testing.assert_close(soften(LOGITS, 0.001).amax(dim=1), torch.ones(5))
    torch.testing.assert_close(soften(LOGITS, 1e6), torch.full((5, 4), 0.25), atol=1e-4, rtol=0)
    assert soften(torch.tensor([[1e4, -1e4, 0.0]]), 0.5).tolist() == [[1.0, 0.0, 0.0]]


def test_smooth_labels_by_hand():
    for smoothing in (0.0, 0.1, 1.0):
        found = smooth_labels(LABELS, 4, smoothing)
        assert found.dtype == torch.float32
        expected = smoothing / 4 + (1 - smoothing) * np.eye(4)[LABELS]
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-7)


def test_bad_settings_are_refused():
    for temperature in (0, -2.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"got temperature={temperature}; expected"):
            soften(LOGITS, temperature)
        with pytest.raises(ValueError, match="expected a finite number above 0"):
            check_temperature(temperature)
    for smoothing in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match=f"got smoothing={smoothing}; expected"):
            smooth_labels(LABELS, 4, smoothing)


def test_entropy_of_known_distributions():
    rows = torch.tensor([[1.0, 0, 0, 0], [0.25] * 4, [0.5, 0.5, 0, 0], [0.5, 0.25, 0.125, 0.125]])
    torch.testing.assert_close(entropy_bits(rows), torch.tensor([0.0, 2.0, 1.0, 1.75]))
