"""The training panel: it really trains, draws both curves, stops, and refuses a second start."""

import pytest

from kd_course.nb02_hinton import train_panel
from kd_course.nb02_hinton.experiments import TEACHER
from kd_course.nb02_hinton.train_panel import PLAIN, TAUGHT, TrainingPanel
from kd_helpers.widgets.background import ONE_AT_A_TIME, Background
from lives import wait_until


@pytest.fixture
def panel():
    panel = TrainingPanel(TEACHER, steps=40)
    panel.controls["images"].value = 600
    yield panel
    panel.stop()
    if panel.thread:
        panel.thread.join(60)


def test_start_trains_both_students_to_the_end_with_the_weight_at_both_ends(panel):
    for weight in (0.0, 1.0):
        panel.controls["kd_weight"].value = weight
        panel.start_button.click()
        panel.thread.join(120)
        assert "Finished" in panel.status.value
        steps = {name: curve[0] for name, curve in panel.curves.items()}
        assert steps == {PLAIN: [20, 40], TAUGHT: [20, 40]}
        ends = {name: ys[-1] for name, (_, ys) in panel.curves.items()}
        assert all(30 < end <= 100 for end in ends.values())  # far above guessing, 10 %
        assert all(f"{name} {end:.1f} %" in panel.status.value for name, end in ends.items())
        assert (ends[PLAIN] == ends[TAUGHT]) == (weight == 0)
        assert panel.view.value.count("<polyline") == 2


def test_a_second_start_is_refused_and_stop_ends_the_training(panel):
    panel.steps = 100_000
    panel.start_button.click()
    first = panel.thread
    wait_until(lambda: "Training" in panel.status.value, "the training")
    other = TrainingPanel(TEACHER, steps=20)
    for waiting in (panel, other):
        waiting.start_button.click()
        assert "running already" in waiting.notice.value
    assert panel.thread is first and other.thread is None
    points = len(panel.curves[TAUGHT][0])
    wait_until(lambda: len(panel.curves[TAUGHT][0]) > points, "the training")
    assert "running already" in panel.notice.value  # a report must not wipe it out
    other.stop_button.click()  # a reader ran the cell again, and the first panel is gone
    panel.thread.join(30)
    assert "Stopped" in panel.status.value and not ONE_AT_A_TIME.locked()
    panel.steps = 20
    panel.start_button.click()  # the next one works
    panel.thread.join(60)
    assert "Finished" in panel.status.value
    panel.stop_button.click()
    assert "Nothing is running" in panel.notice.value


def test_an_error_is_shown_and_frees_the_kernel(monkeypatch):
    monkeypatch.setattr("threading.excepthook", lambda _: None)

    class Broken(Background):
        def job(self):
            return lambda: 1 / 0

    row = Broken()
    row.start_button.click()
    row.thread.join(60)
    assert "ZeroDivisionError" in row.status.value and not ONE_AT_A_TIME.locked()


def test_every_control_changes_the_recipe_of_the_taught_student_and_reset_goes_back(panel):
    for name, control in panel.controls.items():
        before = panel.recipes()
        options = getattr(control, "options", None) or [control.min, control.max]
        control.value = next(value for value in options if value != control.value)
        assert panel.recipes()[TAUGHT] != before[TAUGHT], name
    panel.reset_button.click()
    assert {key: c.value for key, c in panel.controls.items()} == panel.defaults
    plain, taught = panel.recipes().values()
    for field in ("student", "seed", "schedule"):
        assert getattr(plain, field) == getattr(taught, field)
    assert plain.teacher is None and taught.teacher == TEACHER
    assert plain.transfer.images == taught.transfer.labelled == 600
    assert train_panel.COLOURS.keys() == panel.recipes().keys()
