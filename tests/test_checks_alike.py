"""What all self-checks of the course do with an answer that is none."""

import pytest

import test_checks
import test_checks_specialists
import test_checks_treatments

CHECKS = [*test_checks.RIGHT, *test_checks_treatments.RIGHT, *test_checks_specialists.RIGHT]
all_checks = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)


@all_checks
@pytest.mark.parametrize("nothing", (None, ...))
def test_an_empty_answer_is_still_to_do(check, nothing):
    said = check(lambda *_: nothing)
    assert said.startswith("[todo] ") and "not answered yet" in said


@all_checks
def test_an_exception_is_reported_with_its_name(check):
    def answer(*_):
        raise RuntimeError("shapes do not fit")

    said = check(answer)
    assert said.startswith("[error] ") and "RuntimeError: shapes do not fit" in said


@all_checks
def test_a_wrong_number_of_arguments_is_reported(check):
    assert check(lambda: 1).startswith("[error] ")
