"""Metrics against loops and counts by hand."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.metrics import precision_recall_fscore_support

from kd_course.nb06_assistants.transformer import vit
from kd_helpers.experiments.metrics import (
    accuracy,
    calibration_error,
    classification_metrics,
    count_multiply_adds,
    count_parameters,
    measure_latency,
)
from kd_helpers.models.zoo import make_model

COUNT, CLASSES = 500, 6
GENERATOR = torch.Generator().manual_seed(0)
LOGITS = 2 * torch.randn(COUNT, CLASSES, generator=GENERATOR)
LABELS = torch.where(  # about half right
    torch.rand(COUNT, generator=GENERATOR) < 0.5,
    LOGITS.argmax(dim=1),
    torch.randint(CLASSES, (COUNT,), generator=GENERATOR),
)
# Three classes; answers: class 0 twice right and once taken for 1; class 1 right once, taken for 0
# once; class 2 never answered.
TOY_LABELS = torch.tensor([0, 0, 0, 1, 1, 2])
TOY_ANSWERS = torch.tensor([0, 0, 1, 1, 0, 1])
TOY_LOGITS = 4.0 * torch.eye(3)[TOY_ANSWERS]


def test_scores_of_random_answers_against_loops():
    p, y = softmax(LOGITS.double().numpy(), axis=1), LABELS.numpy()
    told, sure = p.argmax(axis=1), p.max(axis=1)
    for bins in (5, 15):
        expected = 0.0
        for k in range(bins):
            inside = (k / bins < sure) & (sure <= (k + 1) / bins)
            if inside.any():
                gap = np.mean(told[inside] == y[inside]) - np.mean(sure[inside])
                expected += inside.mean() * abs(gap)
        assert calibration_error(LOGITS, LABELS, bins) == pytest.approx(expected, abs=1e-9)
    found, counts = classification_metrics(LOGITS, LABELS), np.zeros((CLASSES, CLASSES), int)
    np.add.at(counts, (y, told), 1)
    assert found["confusion"] == counts.tolist()
    assert accuracy(LOGITS, LABELS) == pytest.approx(np.trace(counts) / COUNT)
    assert found["nll"] == pytest.approx(-np.log(p[np.arange(COUNT), y]).mean(), rel=1e-9)


def test_macro_scores_by_hand():
    found = classification_metrics(TOY_LOGITS, TOY_LABELS)
    precision, recall = (2 / 3, 1 / 3, 0.0), (2 / 3, 1 / 2, 0.0)
    f1 = (2 / 3, 2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2), 0.0)
    for name, values in {"precision": precision, "recall": recall, "f1": f1}.items():
        assert found["per_class"][name] == pytest.approx(values, abs=1e-6)
        assert found["macro"][name] == pytest.approx(sum(values) / 3, abs=1e-6)
    assert found["confusion"] == [[2, 1, 0], [1, 1, 0], [0, 1, 0]]
    found = classification_metrics(TOY_LOGITS[:5], TOY_LABELS[:5])  # a class without images
    assert found["confusion"][2] == [0, 0, 0]
    assert found["macro"]["recall"] == pytest.approx((2 / 3 + 1 / 2) / 2, abs=1e-6)


def test_scores_of_the_classes_are_those_of_scikit_learn():
    found = classification_metrics(LOGITS, LABELS)
    truth, answers = LABELS.numpy(), LOGITS.argmax(dim=1).numpy()
    *expected, _ = precision_recall_fscore_support(truth, answers)
    for values, name in zip(expected, ("precision", "recall", "f1"), strict=True):
        np.testing.assert_allclose(found["per_class"][name], values, atol=1e-6)
        assert found["macro"][name] == pytest.approx(values.mean(), abs=1e-6)


def test_parameters_and_multiply_adds_of_cnn_2_by_hand():
    model = make_model("cnn-2", num_classes=10, in_channels=3, image_size=32)
    convolutions = 32 * 32 * 16 * (3 * 9) + 16 * 16 * 16 * (16 * 9)
    linear = (8 * 8 * 16) * 10
    assert count_multiply_adds(model, (3, 32, 32)) == convolutions + linear
    weights = 16 * 3 * 9 + 16 * 16 * 9 + (8 * 8 * 16) * 10
    biases, norms = 16 + 16 + 10, 2 * 16 + 2 * 16
    assert count_parameters(model) == weights + biases + norms


def test_multiply_adds_of_a_transformer_by_hand():
    """Attention's too, which PyTorch takes by a short cut where no gradient is needed."""
    places, width, hidden, layers = 49 + 1, 64, 128, 4
    linear = places * width * (3 * width + width + 2 * hidden)
    looked = 2 * places * places * width  # queries with keys, then the weighted sum of values
    ends = 49 * 16 * width + width * 10
    for network in (vit(10, 1, 28), vit(10, 1, 28).requires_grad_(False)):
        assert count_multiply_adds(network, (1, 28, 28)) == layers * (linear + looked) + ends


def test_latency_is_measured_and_the_network_left_as_it_was():
    for training in (True, False):
        model = make_model("cnn-2", num_classes=10, in_channels=1, image_size=28).train(training)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        count_multiply_adds(model, (1, 28, 28))
        found = measure_latency(model, (1, 28, 28), batch_size=4, min_seconds=0.01)
        assert found["median_ms"] > 0 and found["iqr_ms"] >= 0 and found["repeats"] >= 1
        assert found["batch_size"] == 4 and "threads" in found["device"]
        assert model.training is training
        assert all(value.equal(before[name]) for name, value in model.state_dict().items())
