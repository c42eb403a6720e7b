"""What the explorers of notebooks 03 and 04 show, against NumPy and against the lessons
themselves."""

import re

import numpy as np
import pytest
import torch
from scipy.special import softmax

from kd_course.nb03_confidence import explorer as explorers_confidence
from kd_course.nb03_confidence.targets_shown import TREATMENTS, Case
from kd_course.nb04_mistakes import explorer as explorers_mistakes

N, K, T, COUNT = 24, 10, 4.0, 3
CLASSES = tuple("ABCDEFGHIJ")


@pytest.fixture
def case() -> Case:
    """Row 5 of a batch; the teacher is right on it."""
    generator = torch.Generator().manual_seed(3)
    student, teacher = 3 * torch.randn(2, N, K, generator=generator)
    labels = torch.where(torch.arange(N) % 4 == 0, (teacher.argmax(1) + 1) % K, teacher.argmax(1))
    return Case(student, teacher, labels, 5, T, COUNT)


def after(case: Case, treatment: str) -> np.ndarray:
    return TREATMENTS[treatment](case)[0].double().numpy()


def arrays(case: Case) -> tuple[np.ndarray, np.ndarray, int]:
    """Student and teacher logits of the image in double precision, and its label."""
    rows = (z[case.row].double().numpy() for z in (case.student, case.teacher))
    return *rows, int(case.labels[case.row])


def test_targets_and_weights_of_single_images(case):
    z, v, label = arrays(case)
    order, p, own = np.argsort(-v), softmax(v / T), np.eye(K)[label]
    largest = np.isin(np.arange(K), order[:COUNT])
    kept = largest | (np.arange(K) == label)
    others, rest = np.where(own, 0, p), np.where(largest, 0, p)
    weight = 1 - np.exp(np.log(softmax(z)[label]) / -np.log(softmax(v)[label]))
    rated = (own * 0.9 + (1 - own) * 0.1 / 9) ** (1 / T)
    expected = {
        "plain KD": p,
        "standardised logits": softmax((v - v.mean()) / v.std(ddof=1) / T),
        "decoupled: the other classes": others / others.sum(),
        "top k + true class, rest in one bin": np.append(np.where(kept, p, 0), p[~kept].sum()),
        "top k + true class, rest dropped": np.append(np.where(kept, p, 0) / p[kept].sum(), 0),
        "all but the top k": np.append(rest / rest.sum(), 0),
        "weighted soft labels": weight * p,
        "only sure answers (above 0.9)": (softmax(v).max() >= 0.9) * p,
        "only unsure answers (below 0.9)": (softmax(v).max() < 0.9) * p,
        "smoothed label, 0.1": 0.9 * own + 0.01,
        "virtual teacher, 0.9": rated / rated.sum(),
    }
    assert set(TREATMENTS) - set(expected) == {
        "dynamic temperature, FLSW",
        "dynamic temperature, CWSM",
    }
    for treatment, target in expected.items():
        np.testing.assert_allclose(
            after(case, treatment), target, rtol=1e-4, atol=1e-9, err_msg=treatment
        )


def test_own_temperatures_are_those_of_the_batch(case):
    z, v = case.student.double().numpy(), case.teacher.double().numpy()
    top = softmax(z, axis=1).max(1)
    own = T + (1 / top).mean() - 1 / top
    assert own.min() > T / 4  # the limit is not touched here
    target, words = TREATMENTS["dynamic temperature, CWSM"](case)
    np.testing.assert_allclose(target.numpy(), softmax(v[case.row] / own[case.row]), rtol=1e-4)
    assert f"its own temperature is {own[case.row]:.2f}" in words
    cosine = (z * v).sum(1) / np.linalg.norm(z, axis=1) / np.linalg.norm(v, axis=1)
    own = T + ((1 - cosine) ** 2).mean() - (1 - cosine) ** 2
    assert own.min() > T / 4
    found = after(case, "dynamic temperature, FLSW")
    np.testing.assert_allclose(found, softmax(v[case.row] / own[case.row]), rtol=1e-4)


def test_images_come_in_the_order_that_is_asked(case):
    top = softmax(case.teacher.double().numpy(), axis=1).max(1)
    wrong = case.teacher.argmax(1).numpy() != case.labels.numpy()
    surest = np.argsort(-top, kind="stable")
    orders = surest, np.argsort(top, kind="stable"), surest[wrong[surest]]
    for which, expected in zip(explorers_confidence.FILTERS, orders, strict=True):
        rows = explorers_confidence.order_images(which, case.teacher, case.labels)
        assert rows.tolist() == expected.tolist()


def test_the_certainty_explorer_says_what_plain_kd_mutes(case):
    explorer = explorers_confidence.build_certainty_explorer({"some": (case.teacher, case.labels)})
    explorer.controls["temperature"].value = 2.0
    p = softmax(case.teacher.double().numpy() / 2, axis=1)
    own = p[np.arange(N), case.labels.numpy()]
    text = explorer.view.value
    assert f"counts {(1 - own).mean():.3f} on average" in text
    assert f"{(case.teacher.argmax(1) != case.labels).sum()} of {N} answers are wrong" in text
    assert f"{100 * (p.max(1) > 0.9).mean():.1f} % of the answers are above 0.9" in text
    shares = explorers_confidence.certainty_shares(case.teacher, case.labels, 2.0)
    right = case.teacher.argmax(1).numpy() == case.labels.numpy()
    for name, chosen in (("right answers", right), ("wrong answers", ~right)):
        expected = np.histogram(p.max(1)[chosen], bins=20, range=(0, 1))[0] / chosen.sum()
        np.testing.assert_allclose(shares[name], expected, rtol=1e-6)


def test_the_mistake_explorer_walks_through_mistakes_only(case):
    images = np.zeros((N, 1, 28, 28), np.uint8)
    teachers = {"one": case.teacher, "never wrong": 5.0 * torch.eye(K)[case.labels]}
    explorer = explorers_mistakes.build_mistake_explorer(images, teachers, case.labels, CLASSES)
    wrong = (case.teacher.argmax(1) != case.labels).sum().item()
    assert explorer.controls["place"].max == wrong - 1
    top = softmax(case.teacher.double().numpy(), axis=1).max(1)
    rows = explorers_mistakes.mistaken_rows(case.teacher, case.labels, "surest mistakes first")
    assert (np.diff(top[rows.numpy()]) <= 0).all()
    v, label = case.teacher[rows[0]].double().numpy(), int(case.labels[rows[0]])
    charts = explorer.view.value.split("</svg>")
    drawn = [[float(n) for n in re.findall(r">(\d\.\d{3})<", chart)] for chart in charts[:3]]
    p = softmax(v / T)
    swapped = p.copy()
    swapped[[label, p.argmax()]] = p[[p.argmax(), label]]
    expected = p, swapped, 0.9 * np.eye(K)[label] + 0.01
    np.testing.assert_allclose(drawn, expected, atol=6e-4)
    assert f"it counts {softmax(v)[label]:.3f}" in explorer.view.value
    explorer.controls["teacher"].value = "never wrong"
    assert "right on all of these images" in explorer.view.value


def test_k_can_be_moved_only_where_it_counts(case):
    images = np.zeros((N, 1, 28, 28), np.uint8)
    explorer = explorers_confidence.build_treatment_explorer(
        images, case.student, case.teacher, case.labels, CLASSES
    )
    assert explorer.controls["count"].disabled
    explorer.controls["treatment"].value = "all but the top k"
    assert not explorer.controls["count"].disabled
    assert "7 smallest entries" in explorer.view.value
    explorer.controls["count"].value = K  # at least one entry stays
    assert "1 smallest entries" in explorer.view.value
