"""The explorer of notebook 04: walk through the images that a teacher has wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets as widgets
import numpy as np
import torch

from kd_helpers.methods.targets import soften
from kd_helpers.methods.teacher_mistakes import (
    mistaken,
    replace_mistakes,
    swap_mistakes,
    trust_weights,
)
from kd_helpers.widgets import svg
from kd_helpers.widgets.explorer import Explorer, limit_to, slider, walker

ORDERS = ("surest mistakes first", "least sure mistakes first")


def mistaken_rows(teacher: torch.Tensor, labels: torch.Tensor, order: str) -> torch.Tensor:
    """Rows of the images that the teacher has wrong, by its top probability at T = 1.

    Args:
        teacher: (N, K) logits. labels: (N,). order: one of ORDERS.
    """
    wrong = torch.where(mistaken(teacher, labels))[0]
    sure = soften(teacher[wrong].float(), 1.0).max(dim=1).values
    return wrong[sure.argsort(descending=order == ORDERS[0], stable=True)]


def build_mistake_explorer(
    images: np.ndarray,
    teachers: Mapping[str, torch.Tensor],
    labels: torch.Tensor,
    classes: Sequence[str],
) -> Explorer:
    """The target of one mistaken image before and after each correction, teacher by teacher.

    Args:
        images: (N, C, H, W) uint8. teachers: name → logits (N, K). labels: (N,).
    """
    rows: dict[str, torch.Tensor] = {}

    def choose(controls: Mapping[str, widgets.Widget]) -> None:
        logits = teachers[controls["teacher"].value]
        rows["shown"] = mistaken_rows(logits, labels, controls["order"].value)
        limit_to(controls["place"], len(rows["shown"]), "mistake")

    def render(teacher: str, temperature: float, smoothing: float, order: str, place: int) -> str:
        if len(rows["shown"]) == 0:
            return svg.sentence("This teacher is right on all of these images.")
        row = rows["shown"][place : place + 1]
        return render_corrections(
            images[int(row.item())],
            teachers[teacher][row],
            labels[row],
            classes,
            temperature,
            smoothing,
        )

    controls = {
        "teacher": widgets.Dropdown(options=list(teachers), description="teacher"),
        "temperature": slider("temperature T", 4.0, 1.0, 20.0, 0.5),
        "smoothing": slider("ε of the replacing label", 0.1, 0.05, 1.0, 0.05),
        "order": widgets.Dropdown(options=ORDERS, description="order"),
        "place": walker("mistake", len(labels)),
    }
    hint = (
        "is the label right? Look at ten of the surest mistakes and count. Then choose another "
        "teacher: how many mistakes does it make, and how sure is it of them?"
    )
    return Explorer(controls, render, hint=hint, before_render=choose)


def render_corrections(
    image: np.ndarray,
    logits: torch.Tensor,
    label: torch.Tensor,
    classes: Sequence[str],
    temperature: float,
    smoothing: float,
) -> str:
    """Picture and bars: the teacher's target, swapped, replaced; the two weights in words.

    Args:
        image: (C, H, W) uint8. logits: (1, K), a wrong answer. label: (1,).
    """
    targets = {
        f"uncorrected, T = {temperature:.1f}": logits,
        "swap": swap_mistakes(logits, label),
        f"replace, ε = {smoothing:.2f}": replace_mistakes(
            logits, label, smoothing=smoothing, temperature=temperature
        ),
    }
    shown = {title: soften(z, temperature)[0].tolist() for title, z in targets.items()}
    true, answer = int(label), int(logits.argmax())
    top = soften(logits.float(), 1.0).max().item()
    words = (
        f"Label: {classes[true]}. Teacher: {classes[answer]}, with probability {top:.3f} at T = 1. "
        f"Mask: this image is left out of the soft term. Trust: it counts "
        f"{trust_weights(logits, label).item():.3f}, the teacher's probability of the label."
    )
    return svg.targets(shown, classes, true, image, width=330) + svg.sentence(words)
