"""Few bits: the fake-quantised network is integer arithmetic; ternary by hand; what is lowered."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from kd_helpers import Recipe
from kd_helpers.models.low_precision import (
    Activations,
    calibrate,
    lowered,
    plain_twin,
    rounded,
    ternary,
)
from kd_helpers.models.zoo import make_model, take_over
from small_exports import GIVEN

ENDINGS = {"-int8": 255, "-int4": 15, "-ternary": 3}


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    return make_model(name, **GIVEN)


def whole_numbers(values: np.ndarray, scale: float, low: int, high: int) -> np.ndarray:
    return np.clip(np.rint(values / scale), low, high).astype(np.int64)


def test_a_lowered_layer_is_integer_arithmetic():
    """Whole numbers times whole numbers, summed as whole numbers, scaled once at the end."""
    torch.manual_seed(1)
    for bits, largest in ((8, 127), (4, 7)):
        layer = lowered(nn.Sequential(nn.Linear(50, 6)), lambda w, bits=bits: rounded(w, bits))
        x = 3 * torch.rand(9, 50) - float(bits == 4)  # with and without negative ones
        calibrate(layer, x)
        told = layer(2 * x).detach().numpy()  # some are beyond the range, and are clipped
        weight, bias = (p.detach().double().numpy() for p in (layer[0].weight, layer[0].bias))
        low, high = min(0.0, float(x.min())), float(x.max())
        step = (high - low) / 255
        zero = round(-low / step)
        codes = whole_numbers(2 * x.double().numpy(), step, -zero, 255 - zero)
        assert codes.max() == 255 - zero and (zero > 0) == (bits == 4)
        for k in range(6):
            scale = np.abs(weight[k]).max() / largest
            sums = codes @ whole_numbers(weight[k], scale, -largest, largest)
            assert sums.dtype == np.int64
            expected = sums * scale * step + bias[k]
            np.testing.assert_allclose(told[:, k], expected, rtol=1e-4, atol=1e-4)


def test_ternary_weights_by_hand():
    """Li et al.: below 0.7 of the mean |w| of the channel 0, else the mean |w| of what is left."""
    weight = torch.tensor([[0.1, -0.37, 0.4, -1.33], [8.0, 0.0, 0.0, 0.0]])  # thresholds 0.385, 1.4
    expected = torch.tensor([[0.0, 0.0, 0.865, -0.865], [8.0, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(ternary(weight), expected)
    assert (ternary(torch.zeros(2, 3)) == 0).all()


def test_the_gradient_passes_straight_through():
    for rounding in (ternary, lambda w: rounded(w, 4), lambda w: rounded(w, 8)):
        weight = torch.randn(3, 4, 2, 2, requires_grad=True)
        up = torch.randn(3, 4, 2, 2)
        rounding(weight).backward(up)
        torch.testing.assert_close(weight.grad, up)


def test_a_lowered_network_starts_as_its_float_twin_on_few_levels():
    for ending, levels in ENDINGS.items():
        whole, low = network("resnet-8"), network(f"resnet-8{ending}")
        assert whole.state_dict().keys() <= low.state_dict().keys()
        for name, weight in whole.named_parameters():
            assert torch.equal(weight, low.get_parameter(name)), name
        for layer in plain_twin(low).modules():
            assert type(layer).__name__ not in ("LowConv2d", "LowLinear", "Activations")
            if isinstance(layer, nn.Conv2d):
                assert max(len(channel.unique()) for channel in layer.weight) <= levels
    assert str(plain_twin(whole)) == str(whole)


def test_batch_normalisation_folds_into_the_scales():
    """Rounding what was folded is folding what was rounded, also for a negative factor."""
    weight, factor = torch.randn(8, 3, 3, 3), torch.randn(8, 1, 1, 1)
    for rounding in (ternary, lambda w: rounded(w, 4)):
        torch.testing.assert_close(rounding(weight * factor), rounding(weight) * factor)


def test_only_calibration_and_training_move_the_range():
    low = network("cnn-2-int8")
    ranges = [m for m in low.modules() if isinstance(m, Activations)]
    assert len(ranges) == 3
    low.eval()(torch.rand(4, 1, 28, 28))
    assert [m.largest.item() for m in ranges] == [1.0] * 3
    calibrate(low, torch.rand(4, 1, 28, 28) / 2)
    assert ranges[0].largest.item() == pytest.approx(0.5, abs=0.01) and not low.training
    kept = copy.deepcopy(low.state_dict())
    take_over(low, network("cnn-2"))
    assert torch.equal(
        low.state_dict()["body.0.activations.largest"], kept["body.0.activations.largest"]
    )


def test_a_student_in_few_bits_may_start_from_its_float_twin_and_no_other():
    first = Recipe(student="cnn-2")
    assert Recipe(student="cnn-2-int4", start=first).start == first
    with pytest.raises(ValueError, match="expected weights of cnn-4-int4"):
        Recipe(student="cnn-4-int4", start=first)
