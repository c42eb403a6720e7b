"""The exhibits of notebook 08: what each shows, the assertion that catches it, its page."""

import inspect
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from kd_course.nb02_hinton.experiments import SEEDS
from kd_course.nb06_assistants.experiments import gap_arms
from kd_course.nb08_faults import assertions as museum_checks
from kd_course.nb08_faults import checks as exercises
from kd_course.nb08_faults.exhibits import EXHIBITS, outcome, recipes_of
from kd_course.nb08_faults.experiments import fault_arms
from kd_course.nb08_faults.explorer import GUESSES, NO_GUESS, build_museum_explorer
from kd_course.nb08_faults.faulty_losses import FAULTS, RIGHT, soft_term
from kd_course.nb08_faults.tables import Arm, arms_of
from kd_helpers.experiments.labs import collect
from kd_helpers.experiments.run import load_run

NAMES = [exhibit.fault for exhibit in EXHIBITS]


def test_every_fault_has_an_exhibit_and_there_are_ten_at_least():
    assert {*FAULTS} - {RIGHT} <= {*NAMES} and len({*NAMES}) == len(EXHIBITS) >= 10


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=NAMES)
def test_the_assertion_fails_with_the_fault_and_passes_without(exhibit):
    assert outcome(exhibit, is_on=True).startswith("fails: ")
    assert outcome(exhibit, is_on=False) == "passes"


def test_every_exhibit_has_an_assertion_of_its_own():
    assert len({exhibit.check for exhibit in EXHIBITS}) == len(EXHIBITS)
    for exhibit in EXHIBITS:
        assert len(re.findall(r"^    assert ", inspect.getsource(exhibit.check), re.M)) == 1


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=NAMES)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_two_arms_differ_in_nothing_but_the_fault_and_are_stored(exhibit, seed):
    wrong, right = recipes_of(exhibit, seed)
    if wrong.fault:
        assert replace(wrong, fault=RIGHT) == right
    else:
        rate = right.schedule.learning_rate
        assert replace(wrong, schedule=replace(wrong.schedule, learning_rate=rate)) == right
    assert wrong.seed == right.seed == seed and load_run(wrong) and load_run(right)


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=NAMES)
def test_every_exhibit_says_where_it_was_found_and_shows_both_lines(exhibit):
    assert exhibit.links and exhibit.wrong != exhibit.right
    for link in exhibit.links:
        assert re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+(/(issues|pull)/\d+)?", link)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_watched_run_is_the_run_of_notebook_06(seed):
    watched, plain = load_run(fault_arms(seed)[RIGHT]), load_run(gap_arms(seed)["cnn-4"])
    assert watched.answers().equal(plain.answers())


def test_curves_are_means_over_the_seeds_and_the_ratio_is_of_the_stored_gradients():
    wrong, right = arms_of(EXHIBITS[0], SEEDS)
    runs = collect(EXHIBITS[0].arms, SEEDS)["mean"]
    losses = np.array([run.record["history"]["loss"] for run in runs])
    assert wrong.loss == pytest.approx(losses.sum(axis=0) / 5)
    soft, hard = (
        sum(run.record["history"][f"{who} pull"][3] for run in runs) for who in ("soft", "hard")
    )
    assert wrong.ratio[3] == pytest.approx(soft / hard)
    assert wrong.accuracies == tuple(run.accuracy for run in runs)
    assert right.steps[-1] == 600 and len(right.loss) == len(right.steps)


# The page


def made_up(exhibit) -> tuple[Arm, Arm]:
    steps, place = (50, 100, 150), NAMES.index(exhibit.fault)
    ratio = None if exhibit.fault.startswith("labels, ") else np.array([3.0, 2.0, 1.0])
    wrong = Arm(
        steps, np.array([3.0, 2.0, 1.0]), ratio, tuple(80.0 - place + i / 10 for i in range(5))
    )
    return wrong, Arm(steps, np.array([4.0, 2.0, 1.5]), ratio, (80.1, 80.2, 80.3, 80.4, 80.6))


@pytest.fixture
def explorer():
    return build_museum_explorer(
        EXHIBITS, made_up, lambda exhibit, is_on: "fails: so" if is_on else "passes"
    )


def test_nothing_is_shown_before_the_guess(explorer):
    explorer.controls["fault"].value = True
    assert "Guess what it costs" in explorer.view.value
    assert "<svg" not in explorer.view.value and "assert " not in explorer.view.value


@pytest.mark.parametrize("place", range(len(EXHIBITS)), ids=NAMES)
def test_every_exhibit_can_be_seen_without_and_with_its_fault(place, explorer):
    exhibit = EXHIBITS[place]
    explorer.controls["exhibit"].value = explorer.controls["exhibit"].options[place]
    explorer.controls["guess"].value = GUESSES[1]
    without = explorer.view.value
    explorer.controls["fault"].value = True
    shown = explorer.view.value
    assert all(link in shown for link in exhibit.links)
    pictures = 2 if exhibit.fault.startswith("labels, ") else 3
    assert without.count("<svg") == shown.count("<svg") == pictures
    assert without.count("<circle") == 5 and shown.count("<circle") == 10
    assert "passes" in without and "fails: so" in shown and exhibit.check.__name__ in shown


@pytest.mark.parametrize(("place", "right"), ((0, GUESSES[2]), (1, GUESSES[1])))
def test_the_guess_is_told_right_or_wrong(place, right, explorer):
    """The made-up exhibits cost 0.12 and 1.12 points."""
    explorer.controls["exhibit"].value = explorer.controls["exhibit"].options[place]
    explorer.controls["fault"].value = True
    for guess in GUESSES[1:]:
        explorer.controls["guess"].value = guess
        assert f"{guess}”: {'right' if guess == right else 'not so'}" in explorer.view.value


def test_reset_goes_back_to_the_guess(explorer):
    explorer.controls["guess"].value, explorer.controls["fault"].value = GUESSES[2], True
    explorer.reset()
    assert explorer.state["guess"] == NO_GUESS and not explorer.state["fault"]


# The exercises


def test_the_detector_is_tried_on_the_right_term_and_on_every_fault():
    told = []
    assert "refuses the right" in exercises.check_detector(lambda soft: False)
    everything = exercises.check_detector(lambda soft: True)
    assert all(fault in everything for fault in exercises.TO_FIND)
    assert exercises.check_detector(lambda soft: ...).startswith("[todo]")
    assert exercises.check_detector(lambda soft: told.append(soft)).startswith("[wrong]")
    assert len(told) == 2 + len(exercises.TO_FIND)
    assert exercises.check_detector(lambda soft: 1 / 0).startswith("[error]")


def by_value(soft):
    generator = torch.Generator().manual_seed(3)
    z, v = (3 * torch.randn(8, 10, generator=generator) for _ in range(2))
    expected = soft_term(z, v, 4.0, RIGHT)
    assert abs(soft(z, v, 4.0) - expected) < 1e-4


def test_a_detector_of_assertions_passes():
    assert exercises.check_detector(by_value).startswith("[ok] right")


def test_a_setup_is_of_a_later_batch_and_of_the_untrained_student():
    setup = museum_checks.make_setup(fault_arms(0)[RIGHT])
    assert setup.batch.step == 10 and len(setup.student_logits) == len(setup.batch.labels) == 64
