"""The class that the student never saw: raise its bias, and watch which images light up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from kd_helpers.data.splits import Dataset
from kd_helpers.runtime.palette import BLUE, GREY
from kd_helpers.widgets.alive import SIDE, Alive, thumbnails
from kd_helpers.widgets.figures import described

SHIFTS = np.linspace(0, 40, 161)  # added to the logit of the hidden class
PICTURES = 100  # of the hidden class, and of the others

Answers = tuple[torch.Tensor, torch.Tensor]  # logits of the validation and of the test images


def build_bias_slider(data: Dataset, answers: Mapping[str, Answers], hidden: int) -> Alive:
    """The live picture.

    Args:
        answers: of each student by its name, ((V, K), (N, K)).
        hidden: number of the class that no student saw.
    """
    labels, val_labels = (split.labels.cpu().numpy() for split in (data.test, data.val))
    some = {own: spread(labels, hidden, own) for own in (True, False)}
    shown = np.concatenate([some[True], some[False]])
    students = {}
    for name, (val, test) in answers.items():
        z, at_val = test.cpu().numpy(), val.cpu().numpy()
        students[name] = {
            "needed": np.round(needed(z, hidden)[shown], 2).tolist(),
            "right": right_before(z, labels, hidden)[shown].tolist(),
            "hidden": shares(z, labels, hidden, labels == hidden),
            "others": shares(z, labels, hidden, labels != hidden),
            "all": shares(z, labels, hidden, labels >= 0),
            "chosen": int(np.argmax(shares(at_val, val_labels, hidden, val_labels >= 0))),
        }
    facts: dict[str, Any] = {
        "class": data.classes[hidden],
        "names": [data.classes[label] for label in labels[shown]],
        "shifts": SHIFTS.tolist(),
        "thumbnails": thumbnails(data.test.images[shown, 0].cpu().numpy()),
        "side": SIDE,
        "count": PICTURES,
    }
    still = draw_shares(students, data.classes[hidden])
    script = Path(__file__).with_name("bias_slider.js")
    return Alive(script, facts | {"students": students}, still, str(still.get_label()))


def spread(labels: np.ndarray, hidden: int, own: bool) -> np.ndarray:
    """The numbers of 100 images of the hidden class, or of the others, evenly through the split."""
    rows = np.flatnonzero((labels == hidden) == own)
    return rows[np.linspace(0, len(rows) - 1, PICTURES).astype(int)]


def needed(logits: np.ndarray, hidden: int) -> np.ndarray:
    """(N, K) → (N,): by how much the hidden class's logit must grow to be the largest."""
    return np.delete(logits, hidden, axis=1).max(axis=1) - logits[:, hidden]


def right_before(logits: np.ndarray, labels: np.ndarray, hidden: int) -> np.ndarray:
    """(N,) bool: is the best of the other classes the label?"""
    best = np.where(np.arange(logits.shape[1]) == hidden, -np.inf, logits).argmax(axis=1)
    return best == labels


def shares(logits: np.ndarray, labels: np.ndarray, hidden: int, of: np.ndarray) -> list[float]:
    """Percent right of the images `of`, (N,) bool, at each shift."""
    called = needed(logits, hidden)[:, None] < SHIFTS
    right = np.where(
        labels[:, None] == hidden, called, ~called & right_before(logits, labels, hidden)[:, None]
    )
    return np.round(100 * right[of].mean(axis=0), 2).tolist()


def draw_shares(students: Mapping[str, Mapping[str, Any]], name: str) -> Figure:
    """Of each student: which share of the hidden class and of the others is right, by the shift."""
    figure = Figure(figsize=(9.5, 3), layout="constrained")
    for axes, (student, found) in zip(
        np.atleast_1d(figure.subplots(1, len(students), sharey=True)), students.items(), strict=True
    ):
        axes.plot(SHIFTS, found["hidden"], color=BLUE, label=name)
        axes.plot(SHIFTS, found["others"], color=GREY, label="other classes")
        axes.axvline(SHIFTS[found["chosen"]], color="black", linestyle=":", label="chosen")
        axes.set(title=student, xlabel="added to the logit", ylabel="right, %", ylim=(0, 100))
        axes.legend(fontsize=8)
    told = ", ".join(
        f"{student}: {found['hidden'][found['chosen']]:.0f} %"
        for student, found in students.items()
    )
    alt = f"Right of class {name} at the shift chosen on validation images: {told}; before it, few."
    return described(figure, alt)
