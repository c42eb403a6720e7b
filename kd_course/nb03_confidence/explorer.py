"""The explorers of notebook 03: how sure the teacher is, and what each treatment makes of a
target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets as widgets
import numpy as np
import torch

from kd_course.nb03_confidence.targets_shown import TREATMENTS, Case
from kd_helpers.methods.targets import soften
from kd_helpers.widgets import svg
from kd_helpers.widgets.explorer import Explorer, limit_to, slider, walker

BINS = 20
FILTERS = ("surest first", "least sure first", "teacher wrong")


def certainty_shares(
    logits: torch.Tensor, labels: torch.Tensor, temperature: float
) -> dict[str, np.ndarray]:
    """Of the right and of the wrong answers, the share in each of 20 bins of the top probability.

    Args:
        logits: (N, K). labels: (N,).
    """
    top, answers = soften(logits, temperature).max(dim=1)
    bins = (top * BINS).long().clamp(max=BINS - 1)
    groups = {"right answers": answers == labels, "wrong answers": answers != labels}
    return {
        name: (bins[chosen].bincount(minlength=BINS) / chosen.sum().clamp(min=1)).numpy()
        for name, chosen in groups.items()
    }


def build_certainty_explorer(answers: Mapping[str, tuple[torch.Tensor, torch.Tensor]]) -> Explorer:
    """Histograms of the teacher's top probability over several sets of images, at a temperature.

    Args:
        answers: name of the set → logits (N, K) and labels (N,), on the CPU.
    """
    plane = svg.Plane((0, 1), (0, 1), height=260)

    def render(temperature: float, images: str) -> str:
        logits, labels = answers[images]
        probabilities = soften(logits, temperature)
        top, answered = probabilities.max(dim=1)
        own = probabilities.gather(1, labels[:, None])[:, 0]
        return svg.histogram(
            certainty_shares(logits, labels, temperature),
            plane,
            title=f"How sure is the teacher at T = {temperature:.2f}? {images}",
            x="top probability",
            y="share of the group",
        ) + svg.sentence(
            f"{(answered != labels).sum().item()} of {len(labels)} answers are wrong. "
            f"Median top probability {top.median():.3f}; "
            f"{100 * (top > 0.9).float().mean():.1f} % of the answers are above 0.9. In plain KD, "
            f"what the teacher says of the other classes counts {(1 - own).mean():.3f} on average."
        )

    controls = {
        "temperature": slider("temperature T", 1.0, 0.5, 20.0, 0.5),
        "images": widgets.Dropdown(options=list(answers), description="images"),
    }
    hint = (
        "raise T until the wrong answers and the right ones overlap. Then compare the two sets of "
        "images at T = 1: where is the teacher surer?"
    )
    return Explorer(controls, render, hint=hint)


def order_images(which: str, teacher: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Rows of the images in one of the orders of FILTERS, by the top probability at T = 1."""
    top, answers = soften(teacher.float(), 1.0).max(dim=1)
    order = top.argsort(descending=which != FILTERS[1], stable=True)
    return order[(answers != labels)[order]] if which == FILTERS[2] else order


def build_treatment_explorer(
    images: np.ndarray,
    student: torch.Tensor,
    teacher: torch.Tensor,
    labels: torch.Tensor,
    classes: Sequence[str],
) -> Explorer:
    """The target of one image before and after each treatment.

    Args:
        images: (N, C, H, W) uint8, N of a few hundred; they are also the batch of the dynamic
            temperatures. student, teacher: (N, K) logits. labels: (N,).
    """
    rows: dict[str, torch.Tensor] = {}

    def choose(controls: Mapping[str, widgets.Widget]) -> None:
        rows["shown"] = order_images(controls["order"].value, teacher, labels)
        limit_to(controls["place"], len(rows["shown"]), "image")
        controls["count"].disabled = "top k" not in controls["treatment"].value

    def render(treatment: str, temperature: float, count: int, order: str, place: int) -> str:
        if len(rows["shown"]) == 0:
            return svg.sentence("The teacher is right on all of these images.")
        row = int(rows["shown"][place])
        case = Case(student, teacher, labels, row, temperature, count)
        return render_treatment(images[row], case, treatment, classes)

    kinds = {"options": list(TREATMENTS), "value": "standardised logits"}
    words = "k, entries kept or left out"
    controls = {
        "treatment": widgets.Dropdown(**kinds, description="treatment"),
        "temperature": slider("temperature T", 4.0, 0.5, 20.0, 0.5),
        "count": widgets.IntSlider(3, 1, teacher.shape[1], description=words),
        "order": widgets.Dropdown(options=FILTERS, description="images"),
        "place": walker("image", len(labels)),
    }
    hint = (
        "stay at the surest image and go through the treatments from top to bottom. Which of them "
        "bring the other classes forward, and which take the image out of the soft term?"
    )
    return Explorer(controls, render, hint=hint, before_render=choose)


def render_treatment(image: np.ndarray, case: Case, treatment: str, classes: Sequence[str]) -> str:
    """Picture, target before, target after, and what was done in words, as HTML."""
    label, answer = int(case.labels[case.row]), int(case.teacher[case.row].argmax())
    after, words = TREATMENTS[treatment](case)
    pair = {
        f"before: T = {case.temperature:.2f}": case.soft.tolist(),
        f"after: {treatment}": after.tolist(),
    }
    verdict = "right" if answer == label else f"wrong: {classes[answer]}"
    said = f"Label: {classes[label]}; the teacher is {verdict}. {treatment}: {words}."
    return svg.targets(pair, classes, label, image, width=360) + svg.sentence(said)
