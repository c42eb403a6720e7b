"""Be the teacher: ten images, the reader's soft targets for them, and a student that learns in the
page from these, beside one that learns from the labels and one from the network's soft targets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from kd_helpers.data.splits import Dataset
from kd_helpers.methods.targets import soften
from kd_helpers.widgets.alive import Alive, thumbnails
from kd_helpers.widgets.figures import described

SETS, POOL = 3, 2000  # sets of ten images of each kind, each from that many training images
ASKED = 1000  # validation images on which the students are measured
TEMPERATURE = 4.0  # of the network's soft targets


def build_own_targets(data: Dataset, logits: torch.Tensor) -> Alive:
    """The live picture.

    Args:
        logits: (N, K) the network's of the training images.
    """
    sets = {
        f"{kind} {n + 1}": ten_images(data.train.labels, logits, n * POOL, hard=kind == "hard")
        for kind in ("hard", "ordinary")
        for n in range(SETS)
    }
    rows = torch.cat(list(sets.values()))
    images, asked = (split.images.cpu() for split in (data.train, data.val))
    halves = torch.nn.functional.avg_pool2d(asked[:ASKED].float(), 2).round().to(torch.uint8)
    facts = {
        "classes": list(data.classes),
        "sets": list(sets),
        "images": thumbnails(images[rows, 0].numpy(), images.shape[-1], lossless=True),
        "soft": np.round(soften(logits[rows].float(), TEMPERATURE).numpy(), 4).tolist(),
        "temperature": TEMPERATURE,
        "asked": thumbnails(halves[:, 0].numpy(), halves.shape[-1]),
        "labels": data.val.labels[:ASKED].tolist(),
    }
    still = draw_ten(images[rows[: len(data.classes)], 0].numpy(), data.classes)
    return Alive(Path(__file__).with_name("own_targets.js"), facts, still, str(still.get_label()))


def ten_images(labels: torch.Tensor, logits: torch.Tensor, start: int, hard: bool) -> torch.Tensor:
    """(K,) rows: of each class one image among 2,000; hard: the one that the network has right and
    is least sure of, else the first."""
    some, found = logits[start : start + POOL].float(), labels[start : start + POOL].cpu()
    top = soften(some, TEMPERATURE).topk(2, dim=1)
    lead = top.values[:, 0] - top.values[:, 1]  # of the best class over the second
    score = torch.where(top.indices[:, 0] == found, lead, 2.0) if hard else torch.arange(POOL)
    return torch.stack(
        [start + torch.where(found == k, score, POOL).argmin() for k in range(logits.shape[1])]
    )


def draw_ten(images: np.ndarray, classes: tuple[str, ...] | list[str]) -> Figure:
    """The first ten, each under its label."""
    figure = Figure(figsize=(9.5, 1.3), layout="constrained")
    for axes, image, name in zip(figure.subplots(1, len(images)), images, classes, strict=True):
        axes.imshow(image, cmap="gray")
        axes.set_title(name, fontsize=8)
        axes.axis("off")
    return described(figure, "Ten training images, one of each class, that the network finds hard.")
