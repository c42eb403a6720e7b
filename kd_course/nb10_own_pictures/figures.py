"""Figures of notebook 10: how near the test pictures are to the training pictures."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure

from kd_course.nb10_own_pictures.checks import apart
from kd_helpers.data.splits import Dataset
from kd_helpers.widgets.figures import new_figure, tidy
from kd_helpers.widgets.svg import BLUE, ORANGE

PAIRS = 8


def draw_distances(before: torch.Tensor, after: torch.Tensor, limit: float) -> Figure:
    """Histograms of how far each test picture is from the nearest training picture, (N,) each."""
    figure, (ax,) = new_figure(7, 2.6)
    bins = np.linspace(0, max(before.max().item(), after.max().item()), 60)
    for distances, name, colour in ((before, "before", BLUE), (after, "with the delivery", ORANGE)):
        ax.hist(
            distances.numpy(), bins=bins.tolist(), histtype="step", color=colour, label=name, lw=1.8
        )
    ax.axvline(limit, color="black", linestyle=":", linewidth=1)
    ax.legend(frameon=False)
    near = [int((distances < limit).sum()) for distances in (before, after)]
    figure.set_label(
        f"Test pictures nearer than {limit:g} to a training picture: {near[0]} before, "
        f"{near[1]} with the delivery"
    )
    x = "mean difference of the pixels from the nearest training picture, 0 to 255"
    tidy(ax, x=x, y="test pictures")
    return figure


def draw_pairs(data: Dataset) -> Figure:
    """Test pictures above, the nearest training picture of each below: the nearest pairs."""
    distances = apart(data.test.images, data.train.images)  # (N, M)
    rows = distances.min(dim=1).values.argsort()[:: len(distances) // (2 * PAIRS)][:PAIRS]
    nearest = distances[rows].argmin(dim=1)
    figure = Figure(figsize=(PAIRS, 2.2), layout="constrained")
    axes = figure.subplots(2, PAIRS)
    for column, (row, other) in enumerate(zip(rows.tolist(), nearest.tolist(), strict=True)):
        pair = data.test.images[row], data.train.images[other]
        for ax, image in zip(axes[:, column], pair, strict=True):
            ax.imshow(image.permute(1, 2, 0).numpy())
            ax.set_axis_off()
        axes[0, column].set_title(f"{distances[row, other]:.1f}", fontsize=9)
    figure.set_label("Test pictures above, the training picture nearest to each below.")
    return figure
