"""The pictures of a report as parts of its page: SVG that follows the page's theme, thumbnails."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from kd_helpers.experiments.arms import LABELS, SMOOTHED, TAUGHT
from kd_helpers.experiments.compare import Verdict, mean_interval
from kd_helpers.runtime.palette import BLUE, GREEN, GREY, ORANGE

COLOURS = {"teacher": GREY, LABELS: BLUE, SMOOTHED: GREEN, TAUGHT: ORANGE}
INK = "#010203"  # stands for the colour of the page's text
BINS = 15  # of confidence, as in the calibration error
THUMBNAIL = 128  # pixels, at most
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "report",
    "text.parse_math": False,
    "font.size": 10,
    **{f"{part}.color": INK for part in ("text", "xtick", "ytick")},
    **{f"axes.{part}": INK for part in ("edgecolor", "labelcolor", "titlecolor")},
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GREY,
    "grid.alpha": 0.3,
}


def svg(draw: Callable[..., object], *given: object, size: tuple[float, float], alt: str) -> Markup:
    """What `draw(figure, *given)` draws, as SVG for a page, with `alt` for who cannot see it."""
    file = io.StringIO()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure, *given)
        unknown = dict.fromkeys(("Date", "Creator", "Format", "Type"))  # would name addresses
        figure.savefig(file, format="svg", transparent=True, metadata=unknown)
    told = file.getvalue()
    told = told[told.index("<svg") :].replace(INK, "currentColor")
    told = re.sub(
        r' id="(?:figure|axes|patch|text|line2d|matplotlib\.axis|[A-Za-z]+)_\d+"', "", told
    )
    return Markup(told.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1))


def draw_answer(
    figure: Figure, scores: Mapping[str, Sequence[float]], verdicts: Mapping[str, Verdict]
) -> None:
    """Accuracy of every seed, and below the paired differences with their intervals: thick over
    seeds, thin over seeds and test images.

    Args:
        scores: network → test accuracies in percent, the teacher's first.
        verdicts: what the distilled student was compared with → the verdict; may be empty.
    """
    heights = [len(scores) + 0.8, len(verdicts) + 0.8][: 1 + bool(verdicts)]
    axes = np.atleast_1d(figure.subplots(len(heights), 1, height_ratios=heights))
    for i, (name, values) in enumerate(scores.items()):
        colour = COLOURS[name]
        ends = np.clip(mean_interval(values), 0, 100) if len(values) > 1 else np.empty(0)
        row(axes[0], i, f"{name}: {np.mean(values):.2f} %", float(np.mean(values)), ends, colour)
        axes[0].plot(values, [i] * len(values), "o", color=colour, alpha=0.6, markersize=6)
    finish(axes[0], len(scores), "test accuracy, %")
    for i, (name, found) in enumerate(verdicts.items()):
        words = f"distilled − {name}: {found.mean:+.2f} points"
        row(axes[1], i, words, found.mean, np.array([found.low, found.high]), COLOURS[TAUGHT])
        if found.with_images:
            axes[1].plot(found.with_images, [i, i], "|-", color=COLOURS[TAUGHT], linewidth=0.7)
        axes[1].plot([0, 0], [i - 0.3, i + 0.3], color=INK, linewidth=1)
    if verdicts:
        finish(axes[1], len(verdicts), "difference in test accuracy, points")


def row(ax: Axes, at: int, words: str, mean: float, ends: np.ndarray, colour: str) -> None:
    """A mean as a bar, its 95 % interval as a line with ends, and what it is above them."""
    ax.plot(ends, [at] * len(ends), "|-", color=colour, linewidth=1.5, markersize=9)
    ax.plot(mean, at, "|", color=colour, markersize=18, markeredgewidth=3)
    ax.text(0, at - 0.34, words, transform=ax.get_yaxis_transform(), va="bottom")


def finish(ax: Axes, rows: int, x: str) -> None:
    ax.set_ylim(rows - 0.5, -0.9)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x")
    ax.set_xlabel(x)


def confidence_bins(logits: torch.Tensor, labels: torch.Tensor) -> pd.DataFrame:
    """Answers (N, K) by their confidence: a row for each bin that has images, with the mean
    "confidence" and the share that is "right", both 0..1, and how many "images" they are."""
    confidence, answer = logits.double().softmax(dim=1).max(dim=1)
    told = pd.DataFrame({"confidence": confidence.numpy(), "right": (answer == labels).numpy()})
    bins = told.groupby(pd.cut(told["confidence"], np.linspace(0, 1, BINS + 1)), observed=True)
    return bins.agg(
        confidence=("confidence", "mean"), right=("right", "mean"), images=("right", "size")
    )


def draw_reliability(figure: Figure, bins: pd.DataFrame, name: str, colour: str) -> None:
    """Accuracy over confidence, a dot for each bin, its area the share of images."""
    ax = figure.subplots()
    ax.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1)
    ax.plot(bins["confidence"], bins["right"], "-", color=colour, linewidth=1)
    area = 15 + 300 * bins["images"] / bins["images"].sum()
    ax.scatter(bins["confidence"], bins["right"], s=area, color=colour, alpha=0.8, clip_on=False)
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="mean confidence", ylabel="share right", aspect="equal")
    ax.set_title(name, loc="left", fontsize=9)
    ax.grid()


def thumbnail(image: np.ndarray) -> str:
    """An image (C, H, W) uint8 as the address of an <img>, made smaller where it is large."""
    pixels = image[:3].transpose(1, 2, 0) if len(image) >= 3 else image[0]
    picture, file = Image.fromarray(np.ascontiguousarray(pixels)), io.BytesIO()
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    picture.save(file, format="png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
