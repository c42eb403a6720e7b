"""The exhibits of notebook 08: what each shows, the assertion that catches it, its page."""

import inspect
import itertools
import re
from dataclasses import replace

import numpy as np
import torch

from kd_course.nb02_hinton.experiments import SEEDS
from kd_course.nb08_faults import checks as exercises
from kd_course.nb08_faults.exhibits import EXHIBITS, outcome, recipes_of
from kd_course.nb08_faults.experiments import FAULTS
from kd_course.nb08_faults.explorer import GUESSES, NO_GUESS, build_museum_explorer
from kd_course.nb08_faults.faulty_losses import RIGHT, soft_term
from kd_course.nb08_faults.tables import Arm
from kd_helpers.experiments.run import load_run
from little_data import use_little_data

NAMES = [exhibit.fault for exhibit in EXHIBITS]
LINK = r"https://github\.com/[\w.-]+/[\w.-]+(/(issues|pull)/\d+)?"


def test_every_fault_has_one_exhibit_with_its_source_and_an_assertion_of_its_own():
    assert {*FAULTS} - {RIGHT} <= {*NAMES} and len({*NAMES}) == len(EXHIBITS) >= 10
    assert len({exhibit.check for exhibit in EXHIBITS}) == len(EXHIBITS)
    for exhibit in EXHIBITS:
        assert len(re.findall(r"^    assert ", inspect.getsource(exhibit.check), re.M)) == 1
        assert exhibit.links and all(re.fullmatch(LINK, link) for link in exhibit.links)
        assert exhibit.wrong != exhibit.right


def test_the_assertion_fails_with_the_fault_and_passes_without(monkeypatch):
    use_little_data(monkeypatch)
    for exhibit in EXHIBITS:
        assert outcome(exhibit, is_on=True).startswith("fails: "), exhibit.fault
        assert outcome(exhibit, is_on=False) == "passes", exhibit.fault


def test_the_two_arms_differ_in_nothing_but_the_fault_and_are_stored():
    for exhibit, seed in itertools.product(EXHIBITS, SEEDS):
        wrong, right = recipes_of(exhibit, seed)
        assert wrong != right and load_run(wrong) and load_run(right)
        if exhibit.baseline == RIGHT:
            assert replace(wrong, method=right.method, teacher=right.teacher) == right
        else:
            rate = right.schedule.learning_rate
            assert replace(wrong, schedule=replace(wrong.schedule, learning_rate=rate)) == right
        assert wrong.seed == right.seed == seed


# The page


def made_up(exhibit) -> tuple[Arm, Arm]:
    """Exhibits that cost 0.12, 1.12, … points."""
    steps, place = (50, 100, 150), NAMES.index(exhibit.fault)
    ratio = None if exhibit.fault.startswith("labels, ") else np.array([3.0, 2.0, 1.0])
    with_fault = tuple(80.0 - place + i / 10 for i in range(5))
    wrong = Arm(steps, np.array([3.0, 2.0, 1.0]), ratio, with_fault)
    return wrong, Arm(steps, np.array([4.0, 2.0, 1.5]), ratio, (80.1, 80.2, 80.3, 80.4, 80.6))


def test_the_page_tells_nothing_before_the_guess_then_shows_both_arms():
    page = build_museum_explorer(
        EXHIBITS, made_up, lambda exhibit, is_on: "fails: so" if is_on else "passes"
    )
    controls = page.controls
    controls["fault"].value = True
    assert "Guess what it costs" in page.view.value
    assert "<svg" not in page.view.value and "assert " not in page.view.value
    for place, exhibit in enumerate(EXHIBITS):
        controls["exhibit"].value = controls["exhibit"].options[place]
        controls["guess"].value, controls["fault"].value = GUESSES[1], False
        without = page.view.value
        controls["fault"].value = True
        shown = page.view.value
        assert all(link in shown for link in exhibit.links)
        assert without.count("<circle") == 5 and shown.count("<circle") == 10
        assert "passes" in without and "fails: so" in shown and exhibit.check.__name__ in shown
    for place, right in ((0, GUESSES[2]), (1, GUESSES[1])):
        controls["exhibit"].value = controls["exhibit"].options[place]
        for guess in GUESSES[1:]:
            controls["guess"].value, controls["fault"].value = guess, True
            assert f"{guess}”: {'right' if guess == right else 'not so'}" in page.view.value
    page.reset()
    assert page.state["guess"] == NO_GUESS and not page.state["fault"]


def by_value(soft):
    generator = torch.Generator().manual_seed(3)
    z, v = (3 * torch.randn(8, 10, generator=generator) for _ in range(2))
    expected = soft_term(z, v, 4.0, RIGHT)
    assert abs(soft(z, v, 4.0) - expected) < 1e-4


def test_the_detector_of_the_exercise_is_tried_on_the_right_term_and_on_every_fault():
    told = []
    assert "refuses the right" in exercises.check_detector(lambda soft: False)
    everything = exercises.check_detector(lambda soft: True)
    assert all(fault in everything for fault in exercises.TO_FIND)
    assert exercises.check_detector(lambda soft: ...).startswith("[todo]")
    assert exercises.check_detector(lambda soft: told.append(soft)).startswith("[wrong]")
    assert len(told) == 2 + len(exercises.TO_FIND)
    assert exercises.check_detector(lambda soft: 1 / 0).startswith("[error]")
    assert exercises.check_detector(by_value).startswith("[ok] right")
