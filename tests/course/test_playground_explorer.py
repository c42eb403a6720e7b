"""The page of the playground: every control, what it shows, training in the background."""

import re
import time
from html import unescape

import numpy as np
import pytest

from kd_course.nb02_hinton.experiments import SEEDS
from kd_course.nb06_assistants.experiments import ladder as stored_ladder
from kd_course.nb09_playground import find_or_train as playground_runs
from kd_course.nb09_playground.find_or_train import BARE, LABELS_ONLY, THIS, errors_of, scores_of
from kd_course.nb09_playground.page import build_playground
from kd_course.nb09_playground.pareto import COSTS, cost_of
from kd_course.nb09_playground.setting import (
    ASSISTANTS,
    CHOICES,
    SCHEDULES,
    Setting,
    alone,
    parse,
    recipe_of,
)
from kd_helpers.data.datasets import load_dataset
from kd_helpers.experiments.compare import paired_verdict
from kd_helpers.experiments.ladders import error_overlap
from kd_helpers.experiments.run import load_run, lock_of, train_recipe
from kd_helpers.training.schedules import Schedule
from kd_helpers.widgets.background import ONE_AT_A_TIME

ENDS = {
    **{name: (values[0], values[-1]) for name, values in CHOICES.items()},
    **{f"assistant_{i}": (False, True) for i in range(len(ASSISTANTS))},
    "temperature": (1.0, 20.0),
    "kd_weight": (0.0, 1.0),
    "seed": (0, 99),
    "cost": (COSTS[0], COSTS[-1]),
    "errors": (False, True),
}
SHORT = Schedule(steps=100, batch_size=32, learning_rate=0.03)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    monkeypatch.setattr(playground_runs, "seconds_per_step", lambda student, batch: 0.01)
    return tmp_path / "out"


@pytest.fixture
def board():
    board = build_playground()
    yield board
    board.training.stop()
    if board.training.thread:
        board.training.thread.join(60)


@pytest.fixture
def short(monkeypatch):
    """A student's training of two seconds, of which nothing is stored."""
    monkeypatch.setitem(SCHEDULES, "600x64", SHORT)


def words(board) -> str:
    return unescape(re.sub("<[^>]+>", " ", board.view.value))


def wait_until(condition, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def test_every_control_at_both_ends(board):
    assert board.controls.keys() == ENDS.keys()
    first = board.view.value
    for name, (low, high) in ENDS.items():
        control, shown = board.controls[name], set()
        if hasattr(control, "min"):
            assert (control.min, control.max) == (low, high)
        for value in (low, high):
            control.value = value
            if not board.problem and name not in ("cost", "errors"):
                assert parse(board.text.value) == board.setting
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
    assert f"{own[2] - bare[2]:+.2f} points against the same student" in words(board)
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
    assert "4 of the seeds 0 to 4 are stored: no verdict" in words(board)
    assert not re.search("BETTER|WORSE|NO CLEAR", words(board))


def test_a_pasted_string_moves_the_controls_and_garbage_changes_nothing_and_says_why(board):
    text = "kd1;images=600;schedule=600x128;assistants=cnn-6;way=dense;T=16;alpha=0.25;seed=4"
    board.text.value = text
    told = [board.controls[n].value for n in ("images", "temperature", "kd_weight", "seed")]
    assert told == [600, 16.0, 0.25, 4]
    assert [board.controls[f"assistant_{i}"].value for i in range(3)] == [False, True, False]
    state = board.state
    board.text.value = "kd1;T=<b>hot</b>"
    assert board.state == state and board.setting == parse(text)
    assert 'got T="<b>hot</b>"; expected a number' in unescape(board.notice.value)
    assert "<b>" not in board.notice.value
    board.text.value = "kd1"
    assert board.notice.value == "" and board.state == build_playground().state


def test_what_cannot_be_or_takes_too_long_is_said_and_not_trained(board, monkeypatch):
    board.text.value = "kd1;assistants=cnn-4;treatment=swap"
    board.controls["way"].value = "dense"
    assert "no treatment is defined for that" in words(board)
    assert board.training.start_button.disabled and board.setting.way == "chain"
    board.training.start()
    assert board.training.thread is None
    monkeypatch.setattr(playground_runs, "seconds_per_step", lambda student, batch: 0.2)
    board.text.value = "kd1;T=3"
    offered = unescape(board.training.offered.value)
    assert "600 steps in all, about 122 s" in offered and "more than the 60 s" in offered
    assert "Take the schedule 600x64, or the student cnn-2" in offered
    board.training.start()
    assert "Not started" in board.training.status.value and board.training.thread is None


def test_training_stores_what_the_loop_gives(board, short, own_folder, tmp_path):
    board.text.value = "kd1;T=3"
    offered = unescape(board.training.offered.value)
    assert "2 trainings, 200 steps in all, about" in offered  # both students
    board.training.start_button.click()
    board.training.thread.join(120)
    assert "Finished" in board.training.status.value
    own = Setting(temperature=3.0)
    for recipe in (alone(own), recipe_of(own)):
        again = train_recipe(recipe, folder=tmp_path / "again", keep=("weights",))
        run = load_run(recipe)
        assert run.folder == own_folder / "runs" and run.record["test"] == again.record["test"]
        assert run.record["history"] == again.record["history"]
    assert f"{load_run(recipe_of(own)).accuracy:.2f} with seed 0" in words(board)
    assert "nothing to train" in board.training.offered.value and not ONE_AT_A_TIME.locked()


def test_stop_stops_and_the_next_start_goes_on(board, monkeypatch):
    monkeypatch.setitem(SCHEDULES, "600x64", Schedule(steps=100_000, batch_size=32))
    board.text.value = "kd1;T=3"
    board.training.start_button.click()
    assert board.training.thread is None  # 1,000 s, as estimated here
    monkeypatch.setattr(playground_runs, "BUDGET", 1e9)
    board.training.start_button.click()
    wait_until(lambda: "Step 50" in board.training.status.value)
    other = build_playground()
    other.training.offer(board.training.plan)
    other.training.start_button.click()
    assert "running already" in other.training.notice.value
    board.controls["temperature"].value = 4.0  # the controls are alive meanwhile
    board.training.stop_button.click()
    board.training.thread.join(30)
    assert "Stopped" in board.training.status.value and not ONE_AT_A_TIME.locked()
    assert load_run(alone(Setting())) is None
    board.training.stop_button.click()
    assert "Nothing is running" in board.training.status.value


def test_stop_reaches_a_page_that_waits_for_another(board, short):
    board.text.value = "kd1;T=3"
    with lock_of(board.training.plan.recipes[0]):  # as another page holds it
        board.training.start_button.click()
        wait_until(lambda: "waiting for another page" in board.training.status.value)
        board.training.stop_button.click()
        board.training.thread.join(30)
        assert not board.training.thread.is_alive()
    assert "Stopped" in board.training.status.value and not ONE_AT_A_TIME.locked()


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
