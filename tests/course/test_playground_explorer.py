"""The page of the playground: every control, what it shows, runs on images of one's own."""

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from kd_course.nb02_hinton.experiments import SEEDS
from kd_course.nb06_assistants.experiments import ladder as stored_ladder
from kd_course.nb09_playground import find_or_train as playground_runs
from kd_course.nb09_playground.find_or_train import BARE, LABELS_ONLY, THIS, errors_of, scores_of
from kd_course.nb09_playground.page import COURSE, build_playground
from kd_course.nb09_playground.pareto import COSTS, cost_of
from kd_course.nb09_playground.setting import ASSISTANTS, CHOICES, Setting, alone, parse
from kd_course.nb09_playground.words import EXAMPLES
from kd_helpers.data import own
from kd_helpers.data.datasets import load_dataset
from kd_helpers.data.splits import Dataset
from kd_helpers.experiments.compare import paired_verdict
from kd_helpers.experiments.distill import TRIAL_SEED
from kd_helpers.experiments.ladders import error_overlap
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import load_run, train_recipe
from kd_helpers.methods import CrossEntropy, HintonKD
from kd_helpers.training.schedules import Schedule

ENDS = {
    **{name: (values[0], values[-1]) for name, values in CHOICES.items()},
    **{f"assistant_{i}": (False, True) for i in range(len(ASSISTANTS))},
    "temperature": (1.0, 20.0),
    "kd_weight": (0.0, 1.0),
    "seed": (0, 99),
    "cost": (COSTS[0], COSTS[-1]),
    "errors": (False, True),
}


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    monkeypatch.setattr(playground_runs, "seconds_per_step", lambda student, batch: 0.01)
    return tmp_path / "out"


@pytest.fixture
def board():
    return build_playground()


def words(board) -> str:
    return unescape(re.sub("<[^>]+>", "", board.verdict.value + " " + board.view.value))


def axes(board) -> list[str]:
    """The numbers at the axes of both pictures."""
    return re.findall(r">(-?[\d.]+(?: [kM])?)</text>", board.view.value)


def test_every_control_at_both_ends(board):
    """Nothing fails, all is told, and the axes of accuracy, gain and cost stay where they are."""
    assert board.controls.keys() == ENDS.keys() | {"dataset", "stored"}
    assert board.controls["dataset"].disabled and board.controls["stored"].disabled
    first, scale = board.view.value, axes(board)
    for name, (low, high) in ENDS.items():
        control, shown = board.controls[name], set()
        if hasattr(control, "min"):
            assert (control.min, control.max) == (low, high)
        for value in (low, high):
            control.value = value
            if not board.problem and name not in ("cost", "errors"):
                assert parse(board.text.value) == board.setting and axes(board) == scale
                box = name.startswith("assistant_")
                told = board.setting.assistants if box else getattr(board.setting, name)
                assert (control.description in told) == value if box else told == value
            shown.add((board.view.value, board.text.value, len(board.errors.children)))
        assert len(shown) == 2 and "Error" not in board.view.value, name
        board.reset_button.click()
        assert (board.view.value, board.text.value) == (first, "kd1"), name


def test_the_numbers_are_those_of_the_stored_runs(board, monkeypatch):
    board.text.value = "kd1;assistants=cnn-8+cnn-4;way=stochastic;seed=2"
    recipes = [stored_ladder(s, ("cnn-8", "cnn-4"), "stochastic")[-1] for s in SEEDS]
    own = [load_run(r).accuracy for r in recipes]
    bare = [load_run(alone(Setting(seed=s))).accuracy for s in SEEDS]
    assert f"{THIS}: {own[2]:.2f} with seed 2, mean of five {np.mean(own):.2f}" in words(board)
    assert f"{BARE}: {bare[2]:.2f} with seed 2, mean of five {np.mean(bare):.2f}" in words(board)
    assert str(paired_verdict(own, bare)) in words(board)
    assert board.view.value.count("class='marked'") == 1  # among the networks by cost
    record = load_run(recipes[2]).record
    costs = [cost_of("cnn-2", cost) for cost in COSTS]
    assert costs[:2] == [record["parameters"], record["multiply_adds"]] and 0 < costs[2] < 1000
    board.text.value = "kd1"
    found = scores_of(Setting())
    found[THIS] = {s: found[THIS][s] for s in (0, 1, 3, 4)}
    monkeypatch.setattr("kd_course.nb09_playground.page.scores_of", lambda _: found)
    board.update()
    assert "No verdict yet: 4 of the 5 seeds" in words(board)
    assert not re.search("BETTER|WORSE|NO CLEAR", words(board))


def test_lines_examples_and_controls_say_the_same_and_garbage_changes_nothing(board):
    text = "kd1;images=600;schedule=600x128;assistants=cnn-6;way=dense;T=16;alpha=0.25;seed=4"
    board.text.value = text
    told = [board.controls[n].value for n in ("images", "temperature", "kd_weight", "seed")]
    assert told == [600, 16.0, 0.25, 4] and board.example.value == ""
    assert [board.controls[f"assistant_{i}"].value for i in range(3)] == [False, True, False]
    state = board.state
    board.text.value = "kd1;T=<b>hot</b>"
    assert board.state == state and board.setting == parse(text)
    assert 'got T="<b>hot</b>"; expected a number' in unescape(board.notice.value)
    assert "<b>" not in board.notice.value
    board.controls["temperature"].value = 3.5000000000000004  # as the arrow keys make it
    assert board.setting.temperature == 3.5 and board.text.value.endswith("T=3.5;alpha=0.25;seed=4")
    for line in EXAMPLES:
        board.example.value = line
        assert board.text.value == line == str(board.setting) and "paired seeds" in words(board)
    board.controls["temperature"].value = 5.5
    assert board.example.value == "" and "Stored, with one difference: T = 4" in words(board)
    board.text.value = "kd1"
    assert board.notice.value == "" and board.state == build_playground().state


def test_errors_are_compared_with_and_without_the_teacher(board):
    own = Setting(assistants=("cnn-6",), way="dense")
    found = errors_of(own)
    labels = load_dataset("fashion-mnist").test.labels
    shared = {THIS: [], LABELS_ONLY: []}
    for seed in SEEDS:
        rungs = [load_run(r).answers() for r in stored_ladder(seed, ("cnn-6",), "dense")]
        bare = load_run(alone(Setting(seed=seed))).answers()
        shared[THIS].append(error_overlap(rungs[1], rungs[2], labels))
        shared[LABELS_ONLY].append(error_overlap(rungs[1], bare, labels))
    for name, values in shared.items():
        assert found.overlap[name][2, 1] == pytest.approx(np.mean(values))
    board.put(own)
    board.controls["errors"].value = True
    [explorer] = board.errors.children
    assert explorer.controls["pair"].cells[2, 1].description == f"{np.mean(shared[THIS]):.3f}"
    board.text.value = "kd1;teacher=none"
    assert "nobody teaches" in board.errors.children[0].value


def test_runs_on_images_of_ones_own_are_a_choice_with_their_verdict(own_folder):
    course = load_dataset("fashion-mnist")
    few = (split.subset(np.arange(60)) for split in (course.train, course.val, course.test))
    kept = own.keep(Dataset("my shoes", course.classes, *few))
    bare = Recipe(student="cnn-2", dataset=kept.key, schedule=Schedule(steps=3, batch_size=8))
    teacher = replace(bare, seed=50)
    arms = [bare, replace(bare, method=CrossEntropy(label_smoothing=0.1))]
    arms += [replace(bare, teacher=teacher, method=HintonKD(temperature=t)) for t in (2.0, 8.0)]
    runs = {
        (arm, seed): train_recipe(replace(arm, seed=seed), folder=own_folder / "runs")
        for arm in arms
        for seed in (0, 1, 2, TRIAL_SEED)
    }
    (own_folder / "runs" / "0123456789ab.json").write_text('{"recipe": {"dataset": "own:cut sh')
    board = build_playground()
    [_, (name, key)] = board.controls["dataset"].options
    assert name.startswith("my shoes") and key == kept.key
    board.controls["dataset"].value = key
    stored = board.controls["stored"]
    assert len(stored.options) == 2 and not stored.disabled
    for words_of_run, place in stored.options:
        stored.value = place
        taught = arms[2 if "T=2" in words_of_run else 3]
        scores = [[runs[arm, s].accuracy for s in (0, 1, 2)] for arm in (taught, bare)]
        assert str(paired_verdict(*scores, fewest=3)) in words(board)
        assert f"{THIS}: mean of 3 seeds {np.mean(scores[0]):.2f}" in words(board)
    assert board.controls["teacher"].layout.display == "none"  # the course's alone
    board.reset_button.click()
    assert board.controls["dataset"].value == COURSE and "+2.68 points" in words(board)
