"""The code of docs/deploy.md runs an exported file where neither this package nor PyTorch is."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from kd_helpers.data.augment import to_float
from kd_helpers.data.pictures import Shape, read_picture
from kd_helpers.export import export
from small_exports import few_images, network, without_timing  # noqa: F401

PAGE = Path(__file__).resolve().parents[2] / "docs" / "deploy.md"
WITHOUT = """
import sys


class Blocked:
    def find_spec(name, *_):
        if name.partition(".")[0] in ("kd_course", "kd_helpers", "torch", "torchvision"):
            raise ModuleNotFoundError(f"{name} is not here")


sys.meta_path.insert(0, Blocked)
"""


def pictures(folder: Path, images: torch.Tensor) -> list[Path]:
    """Grey as it is; wide, RGB; upright by its EXIF data only; transparent nowhere, with a name."""
    grey = [Image.fromarray(image[0].numpy()) for image in images]
    wide = Image.merge("RGB", [grey[1]] * 3).resize((75, 42))
    turned, exif = grey[2].resize((57, 90)).rotate(90, expand=True), Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    grey[0].save(folder / "grey.png")
    wide.save(folder / "wide.bmp")
    turned.save(folder / "turned.png", exif=exif)
    grey[3].convert("RGBA").save(folder / "ein Bild, größer.png")
    return [folder / n for n in ("grey.png", "wide.bmp", "turned.png", "ein Bild, größer.png")]


def test_the_page_runs_an_exported_file_without_us(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= 20
    script, data = tmp_path / "run_student.py", few_images()
    script.write_text(WITHOUT + code, encoding="utf-8")
    model, file = network("resnet-8").eval(), tmp_path / "student.onnx"
    with torch.no_grad():  # untrained, it would answer the same to all pictures
        model.body[-1].weight.mul_(30)
    export(model, file, data=data)
    paths = pictures(tmp_path, data.test.images)
    command = [sys.executable, script, file, *paths]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shape = Shape(28, channels=1, fit="crop")
    images = torch.from_numpy(np.stack([read_picture(path, shape) for path in paths]))
    with torch.no_grad():
        odds = model(to_float(images)).softmax(dim=1)
    expected = [
        f"{path}: {data.classes[row.argmax()]}, {row.max():.1%}"
        for path, row in zip(paths, odds, strict=True)
    ]
    assert done.stdout.splitlines() == expected and len({row[-6:] for row in expected}) > 2
