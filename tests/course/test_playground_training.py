"""What the playground's page trains: in the background, what is shown, and what is missing."""

import re
import time
from html import unescape
from types import SimpleNamespace

import pytest

from kd_course.nb02_hinton.experiments import SEEDS
from kd_course.nb09_playground import find_or_train as playground_runs
from kd_course.nb09_playground import train_row
from kd_course.nb09_playground.page import build_playground
from kd_course.nb09_playground.setting import SCHEDULES, Setting, alone, recipe_of
from kd_helpers.experiments.run import load_run, lock_of, train_recipe
from kd_helpers.training.schedules import Schedule
from kd_helpers.widgets.background import ONE_AT_A_TIME

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
    return unescape(re.sub("<[^>]+>", "", board.verdict.value + " " + board.view.value))


def wait_until(condition, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def test_what_cannot_be_or_takes_too_long_is_said_and_not_trained(board, monkeypatch):
    board.text.value = "kd1;assistants=cnn-4;treatment=swap"
    board.controls["way"].value = "dense"
    assert "no treatment is defined for that" in words(board)
    assert board.training.start_button.disabled and board.setting.way == "chain"
    board.training.start()
    assert board.training.thread is None
    monkeypatch.setattr(playground_runs, "seconds_per_step", lambda student, batch: 0.3)
    board.text.value = "kd1;T=3;images=600"
    offered = unescape(board.training.offered.value)
    assert "6,000 steps in all, about 1820 s" in offered and "more than the 600 s" in offered
    assert "Seed 0 only: 2 trainings, 1,200 steps in all, about 364 s" in offered
    assert "This machine is busy or slow" in offered
    board.training.start()
    assert "Not started" in board.training.status.value and board.training.thread is None


def test_training_stores_what_the_loop_gives(board, short, tmp_path):
    board.text.value = "kd1;T=3"
    assert "10 trainings, 1,000 steps in all" in board.training.offered.value  # both students
    board.training.seed_button.click()
    board.training.thread.join(120)
    assert "Finished" in board.training.status.value and board.training.progress.value == 1
    own = Setting(temperature=3.0)
    for recipe in (alone(own), recipe_of(own)):
        again = train_recipe(recipe, folder=tmp_path / "again", keep=("weights",))
        run = load_run(recipe)
        assert run.record["test"] == again.record["test"]
        assert run.record["history"] == again.record["history"]
    assert f"{load_run(recipe_of(own)).accuracy:.2f} with seed 0" in words(board)
    assert "No verdict yet: 1 of the 5 seeds" in words(board)
    assert "8 trainings, 800 steps in all" in board.training.offered.value


def test_missing_seeds_appear_one_by_one_and_give_the_verdict(board, short, monkeypatch):
    done, seen = {}, []

    def quick(recipe, **hooks):
        seen.append(words(board))
        score = 80 + recipe.seed / 10 + (2 + recipe.seed / 100 if recipe.teacher else 0)
        done[recipe] = SimpleNamespace(accuracy=score, has_weights=True)
        return done[recipe]

    for name in ("load_run", "load_checked_run"):
        monkeypatch.setattr(playground_runs, name, lambda r: done.get(r) or load_run(r))
    monkeypatch.setattr(train_row, "train_stoppable", quick)
    board.text.value = "kd1;T=3"
    board.training.start_button.click()
    board.training.thread.join(120)
    told = re.findall(r"No verdict yet: (\d) of the 5 seeds", " ".join(seen))
    assert told == ["0", "0", "1", "1", "2", "2", "3", "3", "4", "4"]
    assert "BETTER: +2.02 points" in words(board) and f"{len(SEEDS)} paired seeds" in words(board)
    assert "nothing to train" in board.training.offered.value and not ONE_AT_A_TIME.locked()


def test_stop_keeps_its_summary_and_the_next_start_trains_what_is_shown(board, monkeypatch):
    monkeypatch.setitem(SCHEDULES, "600x64", Schedule(steps=100_000, batch_size=32))
    board.text.value = "kd1;T=3"
    board.training.start_button.click()
    assert board.training.thread is None  # 10,000 s, as estimated here
    monkeypatch.setattr(playground_runs, "BUDGET", 1e9)
    board.update()
    board.training.start_button.click()
    wait_until(lambda: "Step 50" in board.training.status.value)
    other = build_playground()
    other.put(Setting(temperature=3.0))
    other.training.start_button.click()
    assert "running already" in other.training.notice.value
    board.controls["temperature"].value = 4.0  # the controls are alive meanwhile
    board.training.stop_button.click()
    board.training.thread.join(30)
    stopped = board.training.status.value
    assert "Stopped" in stopped and not ONE_AT_A_TIME.locked()
    assert load_run(alone(Setting())) is None
    board.training.stop_button.click()
    assert "Nothing is running" in board.training.notice.value
    assert board.training.status.value == stopped
    monkeypatch.setitem(SCHEDULES, "600x64", SHORT)
    board.controls["temperature"].value = 5.0
    assert recipe_of(Setting(temperature=5.0)) in board.training.every.recipes
    assert recipe_of(Setting(temperature=3.0)) not in board.training.every.recipes


def test_stop_reaches_a_page_that_waits_for_another(board, short):
    board.text.value = "kd1;T=3"
    with lock_of(board.training.every.recipes[0]):  # as another page holds it
        board.training.start_button.click()
        wait_until(lambda: "waiting for another page" in board.training.status.value)
        board.training.stop_button.click()
        board.training.thread.join(30)
        assert not board.training.thread.is_alive()
    assert "Stopped" in board.training.status.value and not ONE_AT_A_TIME.locked()
