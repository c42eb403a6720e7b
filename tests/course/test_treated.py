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


def test_the_certainty_explorer_says_what_plain_kd_mutes(case):
    explorer = explorers_confidence.build_certainty_explorer({"some": (case.teacher, case.labels)})
    explorer.controls["temperature"].value = 2.0
    p = softmax(case.teacher.double().numpy() / 2, axis=1)
    own = p[np.arange(N), case.labels.numpy()]
    text = explorer.view.value
    assert f"counts {(1 - own).mean():.3f} on average" in text
    assert f"{(case.teacher.argmax(1) != case.labels).sum()} of {N} answers are wrong" in text
    assert f"{100 * (p.max(1) > 0.9).mean():.1f} % of the answers are above 0.9" in text


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
