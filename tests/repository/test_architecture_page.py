"""The worked examples of docs/architecture.md do what the page says."""

import re
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from kd_course.nb02_hinton.experiments import TEACHER
from kd_helpers.experiments.recipe import Recipe

PAGE = Path(__file__).resolve().parents[2] / "docs" / "architecture.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def run(block: str) -> dict:
    names = {"__name__": "example"}
    exec(compile(block, PAGE.name, "exec"), names)
    return names


def test_examples_are_short_enough_to_be_read():
    assert len(BLOCKS) == 4
    for block in BLOCKS:
        assert len([line for line in block.splitlines() if line.strip()]) <= 20


def test_a_method_of_ones_own_has_a_loss_a_gradient_and_a_recipe_that_comes_back():
    recipe = run(BLOCKS[0])["recipe"]
    student = torch.randn(8, 10, requires_grad=True)
    teacher, labels = torch.randn(8, 10), torch.arange(8)
    terms = recipe.method(student, teacher, labels)
    soft = ((student - teacher) ** 2).sum(dim=1).mean() / 2
    expected = 0.5 * F.cross_entropy(student, labels) + 0.5 * soft
    assert terms["loss"].item() == pytest.approx(expected.item(), rel=1e-5)
    terms["loss"].backward()
    assert student.grad.abs().sum() > 0
    again = Recipe.from_record({"recipe": recipe.to_plain()})
    assert again == recipe and again.teachers == (TEACHER,)


def test_a_team_of_ones_own_answers_from_its_members():
    team = run(BLOCKS[1])["recipe"].teacher
    told = [torch.randn(4, 10) for _ in range(3)]
    answer = team.answer(None, [lambda _, t=t: t for t in told], None)
    middle = torch.stack(told).log_softmax(dim=2).sort(dim=0).values[1]
    assert torch.equal(answer, middle) and len(team.members) == 3


def test_a_data_set_of_ones_own_is_learnt(monkeypatch, tmp_path):
    monkeypatch.setenv("KD_OUT", str(tmp_path))
    trained = run(BLOCKS[2])["run"]
    assert trained.accuracy > 95 and trained.record["input"]["num_classes"] == 2


def test_the_arms_of_a_chapter_are_compared_with_its_baseline():
    table = run(BLOCKS[3])["table"]
    assert list(table.index) == ["labels", "KD", "swap"]
    assert table.loc["KD", "verdict"] == "BETTER"
