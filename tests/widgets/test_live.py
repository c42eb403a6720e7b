"""The training panel: it really trains, draws both curves, stops, and refuses a second start."""

import re
import time

import pytest

from kd_course.nb02_hinton.experiments import TEACHER
from kd_helpers.widgets import train_live as live
from kd_helpers.widgets.train_live import TrainingPanel


@pytest.fixture
def panel():
    panel = TrainingPanel(TEACHER, steps=40)
    panel.controls["images"].value = 600
    yield panel
    panel.stop()
    if panel.thread:
        panel.thread.join(60)


def wait_until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def test_start_trains_both_students_to_the_end(panel):
    panel.start_button.click()
    panel.thread.join(120)
    assert "Finished" in panel.status.value
    steps = {name: curve[0] for name, curve in panel.curves.items()}
    assert steps == {"labels only": [20, 40], "with teacher": [20, 40]}
    assert all(30 < ys[-1] <= 100 for _, ys in panel.curves.values())  # far above guessing, 10 %
    assert panel.view.value.count("<polyline") == 2


def test_stop_ends_the_training_and_the_next_start_works(panel):
    panel.steps = 100_000
    panel.start_button.click()
    wait_until(lambda: len(panel.curves.get("with teacher", ([],))[0]) >= 1)
    panel.stop_button.click()
    panel.thread.join(30)
    assert not panel.thread.is_alive()
    assert "Stopped" in panel.status.value
    panel.steps = 20
    panel.start_button.click()
    panel.thread.join(60)
    assert "Finished" in panel.status.value


def test_a_second_start_is_refused_in_words(panel):
    panel.steps = 100_000
    panel.start_button.click()
    first = panel.thread
    wait_until(lambda: "Training" in panel.status.value)
    panel.start_button.click()
    assert "running already" in panel.notice.value
    assert panel.thread is first
    points = len(panel.curves["with teacher"][0])
    wait_until(lambda: len(panel.curves["with teacher"][0]) > points)
    assert "running already" in panel.notice.value  # a report must not wipe it out
    other = TrainingPanel(TEACHER, steps=20)
    other.start_button.click()
    assert "running already" in other.notice.value
    assert other.thread is None


def test_stop_without_a_training_says_so(panel):
    panel.stop_button.click()
    assert "Nothing is running" in panel.status.value


def test_an_error_is_shown_and_frees_the_panel(panel, monkeypatch):
    monkeypatch.setattr(live, "new_student", lambda *_: 1 / 0)
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    panel.start_button.click()
    panel.thread.join(60)
    assert "ZeroDivisionError" in panel.status.value
    assert not live.ONE_AT_A_TIME.locked()


@pytest.mark.parametrize("name", ["student", "temperature", "kd_weight", "images", "seed"])
def test_every_control_changes_the_recipe_of_the_taught_student(panel, name):
    control, before = panel.controls[name], panel.recipes()
    options = getattr(control, "options", None) or [control.min, control.max]
    for value in options:
        if value != control.value:
            control.value = value
            assert panel.recipes()["with teacher"] != before["with teacher"]
            break
    panel.reset_button.click()
    assert {key: c.value for key, c in panel.controls.items()} == panel.defaults


def test_both_students_start_equal_and_only_one_has_a_teacher(panel):
    plain, taught = panel.recipes().values()
    assert (plain.student, plain.seed, plain.schedule) == (
        taught.student,
        taught.seed,
        taught.schedule,
    )
    assert plain.teacher is None and taught.teacher == TEACHER
    assert plain.transfer.images == taught.transfer.labelled == 600


def test_kd_weight_at_both_ends_trains(panel):
    panel.steps = 20
    for value in (0.0, 1.0):
        panel.controls["kd_weight"].value = value
        panel.start_button.click()
        panel.thread.join(60)
        assert re.search(r"with teacher \d+\.\d %", panel.status.value)
