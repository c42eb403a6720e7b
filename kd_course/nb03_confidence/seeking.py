"""The explorer of covering and seeking: one answer to two images, by the α-β-divergence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from kd_helpers.widgets import svg
from kd_helpers.widgets.explorer import Explorer, slider, walker

WIDTH = 300  # of a chart


def shared_answer(logits: torch.Tensor, beta: float) -> torch.Tensor:
    """The one answer (K,) to several images with the smallest mean divergence, α = 1 - β.

    Its α-th power is the mean of the targets' α-th powers: the arithmetic mean of the targets at
    β = 0, the geometric one at β = 1.

    Args:
        logits: (N, K) of the teacher. beta: 0 to 1.
    """
    alpha, logs = round(1 - beta, 6), logits.double().log_softmax(dim=1)
    powers = (alpha * logs).logsumexp(dim=0) / alpha if alpha else logs.mean(dim=0)
    return powers.softmax(dim=0)


def build_seeking_explorer(
    images: np.ndarray, teacher: torch.Tensor, labels: torch.Tensor, classes: Sequence[str]
) -> Explorer:
    """Two images, and the answer that suits both.

    Args:
        images: (N, C, H, W) uint8. teacher: (N, K) logits. labels: (N,).
    """

    def shown(row: int) -> str:
        label, chances = int(labels[row]), teacher[row].softmax(dim=0).tolist()
        title = f"the teacher on a {classes[label]}"
        chart = svg.bars(classes, chances, title=title, marked=label, width=WIDTH)
        return svg.picture(images[row], alt=f"a {classes[label]}", side=80) + chart

    def render(beta: float, one: int, other: int) -> str:
        answer = shared_answer(teacher[[one, other]], beta)
        top, second = (f"{classes[k]} {answer[k]:.2f}" for k in answer.topk(2).indices.tolist())
        bits = float(-(answer * answer.clamp(min=1e-30).log2()).sum())
        title = f"one answer to both, β = {beta:.2f}"
        chart = svg.bars(classes, answer.tolist(), title=title, width=WIDTH)
        said = f"One answer to both: {top}, then {second}; entropy {bits:.2f} bits."
        return svg.side_by_side(shown(one), shown(other), chart) + svg.sentence(said)

    controls = {
        "beta": slider("β, with α = 1 − β", 0.0, 0.0, 1.0, 0.05),
        "one": walker("image", len(labels)),
        "other": walker("image", len(labels)),
    }
    controls["other"].value = 1
    hint = (
        "move β from 0 to 1. Which classes are covered at 0, and where does the answer go at 1? "
        "Then take two images of which the teacher is sure."
    )
    return Explorer(controls, render, hint=hint)
