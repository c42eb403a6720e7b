"""Figures of notebooks 00 and 01. Arrays in, a described figure out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from kd_helpers.widgets.figures import (
    described,
    draw_distributions,
    draw_images,
    draw_matrix,
    draw_targets,
    drawn,
)


def draw_samples(images: np.ndarray, titles: Sequence[str]) -> Figure:
    """Twenty images (20, C, H, W) uint8."""
    figure = draw_images(Figure(figsize=(10, 2.8), layout="constrained"), images, titles)
    return described(figure, "Twenty test images with their class names above them.")


def draw_views(images: np.ndarray, numbers: Sequence[int]) -> Figure:
    """Six views of one image, (6, C, H, W) uint8, with their numbers."""
    figure = draw_images(Figure(figsize=(8, 1.5)), images, [f"view {n}" for n in numbers], 6)
    alt = "Six views of an ankle boot: plain, mirrored, and shifted by up to two pixels."
    return described(figure, alt)


def draw_ambiguous(images: np.ndarray, titles: Sequence[str]) -> Figure:
    """Eight images (8, C, H, W) uint8 in a row."""
    figure = draw_images(Figure(figsize=(9, 1.5)), images, titles, columns=8)
    return described(figure, "Eight ambiguous test images, labelled: " + ", ".join(titles))


def draw_hard_and_soft(
    hard: np.ndarray, soft: np.ndarray, classes: Sequence[str], label: int
) -> Figure:
    alt = "The hard target has one bar; the soft target shares the probability among few classes."
    return draw_targets({"hard target": hard, "soft target": soft}, classes, label, alt=alt)


def draw_smoothed_and_soft(
    smoothed: np.ndarray, soft: np.ndarray, classes: Sequence[str], label: int
) -> Figure:
    pair = {"smoothed label": smoothed, "soft target, T = 4": soft}
    alt = "Same entropy: the smoothed label treats nine classes alike, the soft target does not."
    return draw_targets(pair, classes, label, alt=alt)


def draw_certainty(top: np.ndarray, right: np.ndarray) -> Figure:
    """Largest probabilities (N,), of the right answers and of the wrong ones."""
    alt = "Right answers crowd at 1; wrong answers are spread widely below it."
    words = {"title": "How sure is the teacher?", "x": "largest probability at T = 1"}
    return drawn(draw_distributions, by_answer(top, right), size=(6, 2.8), alt=alt, **words)


def draw_entropies(entropies: np.ndarray, right: np.ndarray) -> Figure:
    """Entropies (N,) in bits, of the right answers and of the wrong ones."""
    alt = (
        "Entropies of soft targets spread widely; "
        "images that the teacher gets wrong have larger ones."
    )
    words = {"title": "Doubt differs from image to image"}
    words["x"] = "entropy of the soft target at T = 4, bits"
    return drawn(draw_distributions, by_answer(entropies, right), size=(6, 2.8), alt=alt, **words)


def by_answer(values: np.ndarray, right: np.ndarray) -> dict[str, np.ndarray]:
    return {"right": values[right], "wrong": values[~right]}


def draw_logits(own: np.ndarray, others: np.ndarray) -> Figure:
    """Logits of the labels' classes (N,) and of all others (N·(K - 1),)."""
    alt = (
        "Logits of the label's class lie well above those of the nine other classes, "
        "which spread widely."
    )
    words = {"title": "The teacher's logits on the test images", "x": "logit"}
    groups = {"the label's class": own, "the nine others": others}
    return drawn(draw_distributions, groups, size=(6, 2.8), alt=alt, **words)


def draw_similarity(similarity: np.ndarray, classes: Sequence[str]) -> Figure:
    """Mean soft targets (K, K), row: true class."""
    alt = (
        "Heat map: large on the diagonal, among shirts, pullovers, coats and T-shirts, "
        "and among shoes."
    )
    words = {"x": "class", "y": "label", "unit": "mean probability"}
    words["title"] = "Mean soft target at T = 4"
    return drawn(draw_matrix, similarity, classes, classes, size=(7.5, 5.2), alt=alt, **words)
