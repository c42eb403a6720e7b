"""Every control of every explorer, over its ends and its middle, without a browser."""

import re

import numpy as np
import pytest
import torch
from scipy.special import softmax

from kd_course.nb02_hinton import explorers
from kd_course.nb03_confidence import explorer as explorers_confidence
from kd_course.nb04_mistakes import explorer as explorers_mistakes
from kd_helpers.data.augment import ViewSet
from kd_helpers.widgets.explorer import Explorer

IMAGES, CLASSES = 40, tuple("ABCDEFGHIJ")


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (IMAGES, 1, 28, 28), dtype=np.uint8)
    logits = rng.normal(scale=3, size=(IMAGES, 10))
    labels = np.where(np.arange(IMAGES) % 4, logits.argmax(1), (logits.argmax(1) + 1) % 10)
    return images, logits, labels


def build_all(case) -> dict[str, Explorer]:
    images, logits, labels = case
    student, teacher = torch.from_numpy(logits[::-1].copy()), torch.from_numpy(logits)
    truth = torch.from_numpy(labels)
    scores = {(t, w): [80.0 + t + w + s for s in range(5)] for t in (1.0, 4.0) for w in (0.5, 0.9)}
    return {
        "view": explorers.build_view_explorer(torch.from_numpy(images), ViewSet(True, 2)),
        "temperature": explorers.build_temperature_explorer(images, logits, labels, CLASSES),
        "gradient": explorers.build_gradient_explorer(logits, logits[::-1].copy(), labels),
        "settings": explorers.build_settings_explorer(scores, [80.0, 81, 82, 83, 84]),
        "certainty": explorers_confidence.build_certainty_explorer(
            {"one set": (teacher, truth), "all right": (teacher, teacher.argmax(1))}
        ),
        "lesson": explorers_confidence.build_treatment_explorer(
            images, student, teacher, truth, CLASSES
        ),
        "mistakes": explorers_mistakes.build_mistake_explorer(
            images, {"one": teacher, "another": student}, truth, CLASSES
        ),
    }


def values_of(control) -> list:
    """Both ends and the middle of a control, or all its options."""
    if hasattr(control, "options"):
        return [option[1] if isinstance(option, tuple) else option for option in control.options]
    if isinstance(control.value, bool):
        return [True, False]
    middle = control.min + (control.max - control.min) / 2
    return [control.min, type(control.value)(middle), control.max]


def test_every_control_redraws_and_reset_goes_back(case):
    for name, explorer in build_all(case).items():
        first, start = explorer.view.value, explorer.state
        for control in explorer.controls.values():
            assert control.description, name
            for value in values_of(control):
                control.value = value
                assert re.search("<svg|Choose another pair|<img", explorer.view.value), name
                assert not re.search(r"\bnan\b|Error", explorer.view.value), name
        alts = re.findall("(?:<svg|<img)[^>]*(?:alt|aria-label)='([^']+)'", explorer.view.value)
        assert len(alts) == len(re.findall("<svg|<img", explorer.view.value)), name
        explorer.reset_button.click()
        assert explorer.state == start and explorer.view.value == first


def drawn_values(explorer) -> list[float]:
    """The numbers beside the bars of the first chart."""
    chart = explorer.view.value.split("</svg>")[0]
    return [float(number) for number in re.findall(r">(\d\.\d{3})<", chart)]


def test_temperature_explorer_draws_the_right_numbers(case):
    images, logits, labels = case
    explorer = explorers.build_temperature_explorer(images, logits, labels, CLASSES)
    explorer.set(order="teacher wrong", temperature=5.0, place=3)
    p = softmax(logits, axis=1)
    wrong = np.flatnonzero(logits.argmax(1) != labels)
    row = sorted(wrong, key=lambda i: np.diff(np.sort(p[i])[-2:])[0])[3]
    expected = softmax(logits[row] / 5.0)
    np.testing.assert_allclose(drawn_values(explorer), expected, atol=5e-4)
    assert f"top probability {expected.max():.3f}" in explorer.view.value
    assert f"entropy {-(expected * np.log2(expected)).sum():.2f} bits" in explorer.view.value


def test_filter_by_pair_shows_only_images_between_the_two(case):
    images, logits, labels = case
    p = softmax(logits, axis=1)
    pair = tuple(int(k) for k in np.argsort(p[7])[-2:])
    rows = explorers.choose_images(explorers.ORDERS[2], *pair, p, labels)
    assert 7 in rows and all(set(np.argsort(p[row])[-2:]) == set(pair) for row in rows)
    names = ("<script>", *CLASSES[1:])
    explorer = explorers.build_temperature_explorer(images, logits, labels, names)
    assert "<script>" not in explorer.view.value
    explorer.set(order=explorers.ORDERS[2], first=2, second=2)  # no image has one class twice
    assert "Choose another pair" in explorer.view.value


def test_gradient_sizes_agree_with_autograd(case):
    _, logits, labels = case
    teacher, z = logits[::-1].copy(), torch.tensor(logits, requires_grad=True)
    log_q, p = torch.log_softmax(z / 3.0, 1), torch.softmax(torch.tensor(teacher) / 3.0, 1)
    (soft,) = torch.autograd.grad(9 * (p * (p.log() - log_q)).sum(), z)
    loss = torch.nn.functional.cross_entropy(z, torch.tensor(labels), reduction="sum")
    (hard,) = torch.autograd.grad(loss, z)
    expected = 0.3 * hard.norm(dim=1).mean().item(), 0.7 * soft.norm(dim=1).mean().item()
    found = explorers.gradient_sizes(logits, teacher, labels, 3.0, 0.7, True)
    assert found == pytest.approx(expected)
    without = explorers.gradient_sizes(logits, teacher, labels, 3.0, 0.7, False)
    assert without[1] == pytest.approx(expected[1] / 9)


def test_an_error_is_shown_and_raised(case):
    explorer = explorers.build_view_explorer(torch.from_numpy(case[0]), ViewSet(True, 2))
    explorer.render = lambda **_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        explorer.controls["view"].value = 3
    assert "ZeroDivisionError" in explorer.view.value
