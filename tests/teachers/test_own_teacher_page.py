"""The code of docs/own-teacher.md, run in its order on a small folder of pictures."""

import re
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.models import resnet18

from kd_helpers.teachers.named import teacher_named
from kd_helpers.training.fit_head import fit_head

PAGE = Path(__file__).resolve().parents[2] / "docs" / "own-teacher.md"


def draw_pictures(folder: Path) -> None:
    """Two classes that a network tells apart by their colour."""
    random = np.random.default_rng(0)
    for name, colour in (("lemon", (200, 190, 40)), ("plum", (90, 40, 120))):
        (folder / name).mkdir(parents=True)
        for number in range(12):
            noise = random.integers(-40, 41, (70, 80, 3))
            picture = Image.fromarray((np.array(colour) + noise).clip(0, 255).astype(np.uint8))
            picture.save(folder / name / f"{number}.png")


def test_the_page_does_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    draw_pictures(tmp_path / "pictures")
    Path("my_project.py").write_text(
        "from kd_helpers import make_model\ndef make_network():\n"
        "    return make_model('cnn-2', num_classes=2, in_channels=3, image_size=96)\n"
    )
    torch.manual_seed(0)
    torch.save(resnet18(num_classes=2).state_dict(), "mine.pth")
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    first, own, order, examine, fit = blocks
    told: dict = {}
    exec(first, told)
    told["teacher"] = fit_head(told["teacher"], told["data"])  # stands for a trained checkpoint
    for block in (own, order, examine, fit):
        exec(block, told)
    assert told["own"](torch.rand(2, 3, 64, 64)).shape == (2, 2)
    again = teacher_named("torchvision:resnet18", weights="teacher.safetensors")
    images = told["data"].val.images / 255
    assert again.classes == ("lemon", "plum") and again(images).equal(told["teacher"](images))
    assert "102 of 102 tensors" in capsys.readouterr().out
