"""The students of "Be the teacher", as the page trains them, are those that PyTorch trains."""

import base64
import io

import numpy as np
import torch
from PIL import Image

from alive import use_own_targets
from kd_course.nb02_hinton.experiments import TEACHER
from kd_course.nb02_hinton.own_targets import build_own_targets
from kd_helpers import load_dataset, load_or_train

TWO_FRAMES = "() => new Promise(d => requestAnimationFrame(() => requestAnimationFrame(d)))"


def pictures(address: str, side: int, count: int) -> torch.Tensor:
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).convert("L"))
    cells = sheet.reshape(-1, side, 50, side).transpose(0, 2, 1, 3).reshape(-1, 1, side, side)
    return torch.tensor(cells[:count] / 255)


def accuracy(x: torch.Tensor, soft: torch.Tensor, asked: torch.Tensor, labels: list[int]) -> float:
    """Of softmax regression, trained by 200 steps on cross-entropy and a little weight decay."""
    layer = torch.nn.Linear(196, 10, dtype=torch.float64)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    decay = [{"params": layer.weight, "weight_decay": 1e-3}, {"params": layer.bias}]
    optimiser = torch.optim.SGD(decay, lr=0.1)
    for _ in range(200):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(layer(x), soft).backward()
        optimiser.step()
    right = layer(asked).argmax(dim=1) == torch.tensor(labels)
    return 100 * right.double().mean().item()


def test_each_student_is_right_as_often_as_pytorchs(page):
    data = load_dataset("fashion-mnist")
    alive = build_own_targets(data, load_or_train(TEACHER, quiet=True).logits("train"))
    page.set_content(alive.html())
    use_own_targets(page)
    told = alive.data
    images = pictures(told["images"], 28, 10 * len(told["sets"]))
    small = torch.nn.functional.avg_pool2d(images, 2).flatten(1)
    asked = pictures(told["asked"], 14, len(told["labels"])).flatten(1)
    labels, box = torch.eye(10, dtype=torch.float64), page.locator(".kd-own")
    for place, name in enumerate(told["sets"]):
        ten = slice(10 * place, 10 * place + 10)
        box.get_by_role("button", name=name).click()
        page.evaluate(TWO_FRAMES)
        shown = [
            float(text.removesuffix(" %")) for text in box.locator(".lane b").all_inner_texts()
        ]
        soft = torch.tensor(told["soft"][ten], dtype=torch.float64)
        for targets, share in ((labels, shown[0]), (soft, shown[2])):
            expected = accuracy(small[ten], targets, asked, told["labels"])
            assert abs(share - expected) <= 0.5, (name, share, expected)  # WebP is read in two ways
