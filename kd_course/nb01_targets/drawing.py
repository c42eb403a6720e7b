"""Draw a garment, and three networks answer at every stroke; they are computed in the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from kd_course.nb01_targets.in_page import layers_of
from kd_course.nb01_targets.polygon import soft_targets
from kd_helpers.data.splits import Split
from kd_helpers.experiments.run import Run
from kd_helpers.methods.targets import entropy_bits
from kd_helpers.runtime.palette import BLUE, GREY, RED
from kd_helpers.training.loop import predict
from kd_helpers.widgets.alive import Alive, thumbnails
from kd_helpers.widgets.figures import described

COLOURS = (BLUE, GREY, RED)  # of the networks


def build_drawing(split: Split, runs: Mapping[str, Run], classes: Sequence[str]) -> Alive:
    """The live picture.

    Args:
        split: grey images; the first one of each class is offered to begin with.
        runs: three networks of the plain ladder by their names; the first is to be made unsure.
    """
    images = split.images[[int((split.labels == k).nonzero()[0]) for k in range(len(classes))]]
    models = {name: run.model() for name, run in runs.items()}
    data = {
        "classes": list(classes),
        "images": thumbnails(images[:, 0].numpy(), images.shape[-1], lossless=True),
        "networks": [
            {
                "name": name,
                "facts": f"{run.recipe.student}, {run.accuracy:.1f} % of the test images right",
                "colour": colour,
                "layers": layers_of(models[name]),
            }
            for (name, run), colour in zip(runs.items(), COLOURS, strict=True)
        ],
    }
    logits = {name: predict(model, images).numpy() for name, model in models.items()}
    still = draw_answers(images[:, 0].numpy(), logits, classes)
    script = Path(__file__).with_name("drawing.js")
    return Alive(script, data, still, str(still.get_label()))


def draw_answers(
    images: np.ndarray, logits: Mapping[str, np.ndarray], classes: Sequence[str]
) -> Figure:
    """The image of which the first network is least sure, and what each one says of it."""
    soft = {name: soft_targets(z, 1.0) for name, z in logits.items()}
    doubt = entropy_bits(torch.from_numpy(next(iter(soft.values()))))
    chosen = int(doubt.argmax())
    figure = Figure(figsize=(9, 2.4), layout="constrained")
    picture, *panels = figure.subplots(1, 1 + len(soft))
    picture.imshow(images[chosen], cmap="gray")
    picture.axis("off")
    for axes, (name, p), colour in zip(panels, soft.items(), COLOURS, strict=True):
        axes.barh(range(len(classes)), p[chosen], color=colour)
        axes.set(title=name, xlim=(0, 1), xlabel="probability", yticks=[])
        axes.invert_yaxis()
    panels[0].set_yticks(range(len(classes)), classes, fontsize=8)
    alt = f"A garment drawn on 28×28 pixels, and the probabilities of {', '.join(soft)}."
    return described(figure, alt)
