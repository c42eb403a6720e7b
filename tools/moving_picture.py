"""Draw README's moving picture, docs/polygon.gif: soft targets as the temperature rises."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from kd_course.nb01_targets import polygon
from kd_course.nb02_hinton.experiments import minds
from kd_helpers import load_dataset, load_or_train
from notebook_io import ROOT

TEMPERATURES = np.geomspace(1.0, 8.0, 22)


def main() -> None:
    data = load_dataset("fashion-mnist")
    logits = load_or_train(minds()["teacher"], quiet=True).logits("test").numpy()
    logits, labels = logits[: polygon.SHOWN], data.test.labels[: polygon.SHOWN].numpy()
    order, frames = polygon.neighbours(logits), []
    for temperature in TEMPERATURES:
        written = io.BytesIO()
        figure = polygon.draw_polygon(logits, labels, data.classes, order, [temperature])
        figure.savefig(written, format="png", dpi=100)
        frames.append(Image.open(written).convert("RGB").quantize(32, dither=Image.Dither.NONE))
    pauses = [1200, *[90] * (len(frames) - 2), 1200]
    there_and_back = [*frames, *frames[-2:0:-1]]
    times = [*pauses, *pauses[-2:0:-1]]
    path = ROOT / "docs" / "polygon.gif"
    frames[0].save(
        path, save_all=True, append_images=there_and_back[1:], duration=times, loop=0, optimize=True
    )
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
