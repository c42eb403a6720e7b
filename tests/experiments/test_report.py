"""The report of `distill`: its numbers are those of the runs, and it needs nothing else."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from PIL import Image
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score
from torch import nn

from kd_helpers.data.splits import Dataset, Split
from kd_helpers.experiments.arms import LABELS, SMOOTHED, TAUGHT, Trial
from kd_helpers.experiments.distill import Distilled
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import load_or_train
from kd_helpers.methods import CrossEntropy, HintonKD
from kd_helpers.teachers.outside import outside
from kd_helpers.training.schedules import Schedule

HOSTILE = ("<script>alert(1)</script>", "\"'><img src=http://evil.example>", "Käfer & co")


@pytest.fixture(autouse=True, scope="module")
def own_folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KD_OUT", str(tmp_path_factory.mktemp("out")))
        yield


def linear(num_classes, in_channels):
    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * 64, num_classes))


def noisy_dots(k: int, images: int, channels: int) -> Split:
    """One bright pixel tells the class, in five of six images."""
    generator, labels = torch.Generator().manual_seed(images), torch.arange(images) % k
    seen = (labels + (torch.rand(images, generator=generator) < 1 / 6)) % k
    shape = images, channels, 8, 8
    pixels = torch.randint(0, 150, shape, generator=generator, dtype=torch.uint8)
    pixels.flatten(2)[torch.arange(images), :, seen] = 255
    return Split(pixels, labels)


def distilled(classes: tuple[str, ...], *, seeds=3, untested=-1, channels=1) -> Distilled:
    """Short trainings of a linear student with a teacher that looks at the bright pixel."""
    k = len(classes)
    train, val, test = (noisy_dots(k, images, channels) for images in (120, 60, 240))
    test = test.subset(torch.where(test.labels != untested)[0])
    data, teacher = Dataset("<b>dots</b>", classes, train, val, test), linear(k, channels)
    with torch.no_grad():
        teacher[1].weight.zero_().fill_diagonal_(9.0)
        logits = teacher(test.images.float() / 255)
    base = Recipe(student=linear, dataset=data, schedule=Schedule(steps=6, batch_size=32))
    arms = {
        LABELS: base,
        SMOOTHED: replace(base, method=CrossEntropy(label_smoothing=0.1)),
        TAUGHT: replace(base, teacher=outside(teacher), method=HintonKD()),
    }
    runs = {
        name: [load_or_train(replace(arm, seed=seed), quiet=True) for seed in range(seeds)]
        for name, arm in arms.items()
    }
    return Distilled(data, teacher, logits, runs, (Trial("T = 4", 71.5),), "distill('<i>')")


@pytest.fixture(scope="module")
def result() -> Distilled:
    return distilled((*HOSTILE, "no test image"), untested=3)


@pytest.fixture(scope="module")
def html(result, tmp_path_factory) -> BeautifulSoup:
    return page_of(result, tmp_path_factory.mktemp("report"))


def page_of(result: Distilled, folder) -> BeautifulSoup:
    content = result.report(folder / "new" / "report.html").read_text("utf-8")
    return BeautifulSoup(content, "html.parser")


def table_under(html: BeautifulSoup, heading: str, which: int = 0) -> list[list[str]]:
    """The rows of a table below the heading with this id."""
    rows = html.find(id=heading).find_all_next("table")[which].tbody.find_all("tr")
    return [[cell.text for cell in row.find_all(["th", "td"])] for row in rows]


def answers(result: Distilled) -> dict[str, list[np.ndarray]]:
    told = {name: [run.answers().numpy() for run in runs] for name, runs in result.runs.items()}
    return {"teacher": [result.teacher_logits.argmax(dim=1).numpy()], **told}


def test_numbers_are_those_of_the_runs(result, html):
    truth, how = result.data.test.labels.numpy(), {"labels": [0, 1, 2], "average": "macro"}
    scores = (
        lambda said: (said == truth).mean(),
        lambda said: recall_score(truth, said, **how, zero_division=0),
        lambda said: precision_score(truth, said, **how, zero_division=0),
        lambda said: f1_score(truth, said, **how, zero_division=0),
    )
    for row, score in zip(table_under(html, "measures"), scores, strict=False):
        wanted = [100 * np.mean([*map(score, of_arm)]) for of_arm in answers(result).values()]
        assert row[1:] == [f"{value:.2f}" for value in wanted], row[0]
    found, words = result.verdict(), " ".join(html.find(class_="answer").text.split())
    interval = f"{found.mean:+.2f} points, 95 % interval {found.low:+.2f} to {found.high:+.2f}"
    both = "{:+.2f} to {:+.2f}".format(*found.with_images)
    assert found.said in words
    assert f"{interval}, 3 seeds; with other test images too {both}" in words
    assert "wide interval" in html.text
    hashes = {run.recipe.hash for runs in result.runs.values() for run in runs}
    assert hashes <= set(html.text.split())


def test_classes_and_confusions_are_told_by_name(result, html):
    truth, rows = result.data.test.labels.numpy(), table_under(html, "classes")
    assert [row[0] for row in rows] == list(result.data.classes)
    assert rows[3][1:] == ["0", *["–"] * 10]
    told = answers(result)[TAUGHT]
    recalls = [recall_score(truth, said, labels=[2], average=None)[0] for said in told]
    assert rows[2][1] == str((truth == 2).sum())
    assert rows[2][8] == f"{100 * np.mean(recalls):.1f}"
    best = confusion_matrix(truth, result.best.answers(), labels=range(4))
    matrix = [[int(n or 0) for n in row[1:]] for row in table_under(html, "confusions", 1)]
    assert matrix == best.tolist()


def test_the_page_needs_nothing_else_and_runs_nobody_elses_code(html):
    for tag in html.find_all(True):
        for name in ("src", "href", "xlink:href", "srcset", "action", "data"):
            assert tag.get(name, "#").startswith(("#", "data:")), tag
    assert not re.search(r"url\((?!['\"]?#)|@import", str(html))
    assert len(html.find_all("script")) == 1 and not html.find_all(["b", "i"])
    assert set(HOSTILE) <= {cell.text for cell in html.find_all("th")}
    assert "<b>dots</b>" in html.h1.text and "distill('<i>')" in html.text


def test_images_where_the_networks_differ(result, html):
    truth, best = result.data.test.labels.numpy(), result.best
    hits = {name: told[0] == truth for name, told in answers(result).items()}
    hits |= {TAUGHT: best.answers().numpy() == truth}
    hits |= {LABELS: result.runs[LABELS][best.recipe.seed].answers().numpy() == truth}
    for right, wrong in ((TAUGHT, LABELS), (LABELS, TAUGHT), ("teacher", TAUGHT)):
        count = (hits[right] & ~hits[wrong]).sum()
        words = f"{right} right, {wrong} wrong: {count} of 180 test images"
        heading = html.find("h3", string=words)
        assert len(heading.find_next_sibling(class_="pictures").find_all("img")) == min(count, 12)
    pictures = html.find_all("img")
    assert len(pictures) > 3
    for picture in pictures:
        assert "distilled: " in picture["alt"]
        content = base64.b64decode(picture["src"].partition("base64,")[2])
        assert Image.open(io.BytesIO(content)).size == (8, 8)


class Without(nn.Module):
    """A teacher without weights."""

    def forward(self, images):
        return 9 * images.flatten(1)[:, :2]


def test_two_classes_in_colour_one_seed_and_a_rule_as_teacher(tmp_path):
    result = distilled(("no", "yes"), seeds=1, channels=3)
    html = page_of(replace(result, teacher=Without()), tmp_path)
    assert "NO VERDICT" in html.find(class_="answer").text
    assert len(table_under(html, "classes")) == 2


def test_of_many_classes_those_that_changed_most_come_first(tmp_path):
    result = distilled(tuple(f"class {k}" for k in range(30)))
    html, names = page_of(result, tmp_path), result.data.classes
    first, rest = ([abs(float(r[5])) for r in table_under(html, "classes", i)] for i in (0, 1))
    assert (len(first), len(rest)) == (20, 10) and min(first) >= max(rest)
    matrix = confusion_matrix(result.data.test.labels, result.best.answers(), labels=range(30))
    rows = table_under(html, "confusions")
    assert len(rows) == 20 and not html.find(class_="matrix")
    for truth, taken_for, _, count in rows:
        assert int(count) == matrix[names.index(truth), names.index(taken_for)]
