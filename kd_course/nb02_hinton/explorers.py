"""The explorers of notebooks 00 to 02: controls over pure functions, no training in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets as widgets
import numpy as np
import torch
from scipy.special import softmax
from scipy.stats import entropy

from kd_helpers.data.augment import ViewSet, make_views
from kd_helpers.experiments.compare import paired_verdict
from kd_helpers.widgets import svg
from kd_helpers.widgets.explorer import ALPHA, Explorer, limit_to, slider, walker

ORDERS = ("most ambiguous first", "teacher wrong", "one pair of classes")


def build_view_explorer(images: torch.Tensor, view_set: ViewSet) -> Explorer:
    """Look at the numbered views of images (N, C, H, W) uint8."""

    def render(place: int, view: int) -> str:
        number = torch.tensor([view])
        shown = make_views(images[place : place + 1], number, view_set)[0]
        mirrored, down, right = (int(part) for part in view_set.decode(number))
        words = f"view {view}: {'mirrored, ' if mirrored else ''}shifted {down} down, {right} right"
        plain = svg.picture(images[place].numpy(), alt="the plain image")
        return svg.side_by_side(plain, svg.picture(shown.numpy(), alt=words)) + svg.sentence(words)

    last = len(view_set) - 1
    controls = {
        "place": widgets.IntSlider(0, 0, len(images) - 1, description="image"),
        "view": widgets.IntSlider(min(1, last), 0, last, description="view"),
    }
    hint = "which views are mirrored? Which one is shifted furthest?"
    return Explorer(controls, render, hint=hint)


def render_soft_target(
    image: np.ndarray, logits: np.ndarray, label: int, classes: Sequence[str], temperature: float
) -> str:
    """One image, its label and the teacher's answer at a temperature, as HTML.

    Args:
        image: (C, H, W) uint8. logits: (K,). label: the true class.
    """
    p = softmax(logits.astype(float) / temperature)
    hard = np.eye(len(p), dtype=int)[label]
    answer = int(np.argmax(logits))
    verdict = "right" if answer == label else "wrong"
    if (logits == logits[answer]).sum() > 1:
        verdict = "two classes are equally likely"
    numbers = (
        f"label: {classes[label]}; teacher's answer: {classes[answer]} ({verdict}). "
        f"T = {temperature:.2f}; top probability {p.max():.3f}; "
        f"entropy {entropy(p, base=2):.2f} bits of {np.log2(len(p)):.2f}."
    )
    return svg.side_by_side(
        svg.picture(image, alt=f"the image, a {classes[label]}"),
        svg.bars(classes, p, marked=label, title=f"soft target at T = {temperature:.2f}"),
        svg.bars(classes, hard, marked=label, title="hard target", labels=[f"{v}" for v in hard]),
    ) + svg.sentence(numbers)


def choose_images(
    order: str, first: int, second: int, probabilities: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Rows of the images that a filter of the temperature explorer shows, the most ambiguous first.

    Args:
        order: one of ORDERS. first, second: the pair of classes, for the last order.
        probabilities: (N, K) at T = 1. labels: (N,).
    """
    ranked = np.argsort(probabilities, axis=1)
    chosen = {
        ORDERS[0]: np.ones(len(labels), bool),
        ORDERS[1]: probabilities.argmax(axis=1) != labels,
        ORDERS[2]: (np.sort(ranked[:, -2:], axis=1) == sorted((first, second))).all(axis=1),
    }
    rows = np.flatnonzero(chosen[order])
    gap = np.diff(np.sort(probabilities[rows], axis=1)[:, -2:], axis=1)[:, 0]
    return rows[np.argsort(gap, kind="stable")]


def build_temperature_explorer(
    images: np.ndarray, logits: np.ndarray, labels: np.ndarray, classes: Sequence[str]
) -> Explorer:
    """Walk through real images and soften a teacher's answers.

    Args:
        images: (N, C, H, W) uint8. logits: (N, K), the teacher's. labels: (N,).
    """
    probabilities = softmax(logits.astype(float), axis=1)
    names = [(name, i) for i, name in enumerate(classes)]
    rows: dict[str, np.ndarray] = {}

    def filter_images(controls: Mapping[str, widgets.Widget]) -> None:
        order, first, second = (controls[name].value for name in ("order", "first", "second"))
        rows["shown"] = choose_images(order, first, second, probabilities, labels)
        for name in ("first", "second"):
            controls[name].disabled = order != ORDERS[2]
        limit_to(controls["place"], len(rows["shown"]), "image")

    def render(temperature: float, order: str, first: int, second: int, place: int) -> str:
        if len(rows["shown"]) == 0:
            return svg.sentence("No test image has these two classes on top. Choose another pair.")
        row = rows["shown"][place]
        return render_soft_target(images[row], logits[row], labels[row], classes, temperature)

    controls = {
        "temperature": slider("temperature T", 4.0, 0.25, 20.0, 0.25),
        "order": widgets.Dropdown(options=ORDERS, description="images"),
        "first": widgets.Dropdown(options=names, value=2, description="class A", disabled=True),
        "second": widgets.Dropdown(options=names, value=6, description="class B", disabled=True),
        "place": walker("image", len(labels)),
    }
    hint = (
        "lower T to 1, then raise it to 20. Which classes appear first? "
        "Then look at the teacher's mistakes."
    )
    return Explorer(controls, render, hint=hint, before_render=filter_images)


def gradient_sizes(
    student: np.ndarray,
    teacher: np.ndarray,
    labels: np.ndarray,
    temperature: float,
    kd_weight: float,
    t_squared: bool,
) -> tuple[float, float]:
    """Mean size (Euclidean) of both gradients with respect to the student's logits.

    Closed forms: hard (1 - w)·(softmax(z) - y); soft w·T·(q - p), or w·(q - p)/T without T²; q and
    p are the student's and the teacher's distributions at T. student, teacher: (B, K); labels:
    (B,).
    """
    q, p = (softmax(z.astype(float) / temperature, axis=1) for z in (student, teacher))
    hard = softmax(student.astype(float), axis=1) - np.eye(student.shape[1])[labels]
    scale = temperature if t_squared else 1 / temperature
    sizes = [float(np.linalg.norm(g, axis=1).mean()) for g in (hard, scale * (q - p))]
    return (1 - kd_weight) * sizes[0], kd_weight * sizes[1]


def build_gradient_explorer(
    student: np.ndarray, teacher: np.ndarray, labels: np.ndarray
) -> Explorer:
    """How strongly do the label and the teacher pull? With and without the factor T².

    Args:
        student, teacher: (B, K) logits on one batch of real images. labels: (B,).
    """

    def render(temperature: float, kd_weight: float, t_squared: bool) -> str:
        sizes = gradient_sizes(student, teacher, labels, temperature, kd_weight, t_squared)
        share = sizes[1] / max(sum(sizes), 1e-12)
        return svg.bars(
            ["label pulls", "teacher pulls"],
            sizes,
            labels=[f"{size:.4f}" for size in sizes],
            largest=max(0.8, *sizes),
            width=560,
            title=f"gradient on the student's logits at T = {temperature:g}, α = {kd_weight:g}",
        ) + svg.sentence(f"The teacher has {100 * share:.1f} % of the pull.")

    controls = {
        "temperature": slider("temperature T", 4.0, 1.0, 20.0, 0.5),
        "kd_weight": slider(ALPHA, 0.5, 0.0, 1.0, 0.05),
        "t_squared": widgets.Checkbox(True, description="multiply the soft loss by T²"),
    }
    return Explorer(controls, render, hint="switch T² off, then raise T to 20. Who teaches now?")


def build_settings_explorer(
    scores: Mapping[tuple[float, float], Sequence[float]], baseline: Sequence[float]
) -> Explorer:
    """Look up stored runs by temperature and kd_weight.

    Args:
        scores: (temperature, kd_weight) → test accuracy in percent, one a seed.
        baseline: the same seeds without a teacher.
    """
    known = np.concatenate([*scores.values(), baseline])
    floor = np.floor(known.min()) - 1

    def render(temperature: float, kd_weight: float) -> str:
        arms = {"no teacher": baseline, "distilled": scores[temperature, kd_weight]}
        seeds = len(arms["distilled"])
        return svg.bars(
            list(arms),
            [float(np.mean(values)) - floor for values in arms.values()],
            labels=[f"{np.mean(v):.2f} ± {np.std(v, ddof=1):.2f}" for v in arms.values()],
            largest=known.max() - floor,
            marked=1,
            width=560,
            title=f"test accuracy in %, mean ± sd of {seeds} seeds (bars start at {floor:g} %)",
        ) + svg.sentence(str(paired_verdict(arms["distilled"], baseline)))

    temperatures, weights = (sorted({key[i] for key in scores}) for i in (0, 1))
    controls = {
        "temperature": widgets.SelectionSlider(
            options=temperatures, value=4.0, description="temperature T"
        ),
        "kd_weight": widgets.SelectionSlider(options=weights, value=0.9, description=ALPHA),
    }
    hint = "find a setting that is worse than no teacher, if there is one."
    return Explorer(controls, render, hint=hint)
