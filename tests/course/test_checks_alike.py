"""What all self-checks of the course do with right answers, known mistakes, and what is no
answer."""

import math
import warnings

import pytest
import test_checks
import test_checks_assistants
import test_checks_specialists
import test_checks_treatments
import torch

from check_reports import reports

# The later ones, whose tables have answers and mistakes by check and by the words of each mistake.
TABLES = (test_checks_treatments, test_checks_specialists, test_checks_assistants)
RIGHT = {check: answers for table in TABLES for check, answers in table.RIGHT.items()}
MISTAKES = {check: named for table in TABLES for check, named in table.MISTAKES.items()}
CHECKS = [*test_checks.RIGHT, *RIGHT]
OUTSIDE_THE_LIST = sum((table.OUTSIDE_THE_LIST for table in TABLES), ())
CASES = [
    (check, words, answer)
    for check, named in MISTAKES.items()
    for words, answers in named.items()
    for answer in answers
]
all_checks = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
listed_checks = pytest.mark.parametrize("check", RIGHT, ids=lambda check: check.__name__)


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


@pytest.mark.parametrize(
    ("check", "answer"), [(check, answer) for check, answers in RIGHT.items() for answer in answers]
)
def test_a_right_answer_passes(check, answer):
    assert check(answer) == "[ok] right"


@pytest.mark.parametrize(
    ("check", "words", "answer"), CASES, ids=[f"{c.__name__}-{w}" for c, w, _ in CASES]
)
def test_a_known_mistake_is_called_by_its_name(check, words, answer):
    said = check(answer)
    assert said.startswith("[wrong] ") and words in said


@listed_checks
def test_every_sentence_is_reached_and_no_other_part_of_the_list_fits_it(check, monkeypatch):
    known = reports(check, lambda *_: "no", monkeypatch)[0][2]
    said = {check(answer).removeprefix("[wrong] ") for c, _, answer in CASES if c is check}
    assert set(known) <= said
    parts = [words for words in MISTAKES[check] if not words.startswith(OUTSIDE_THE_LIST)]
    assert sorted(known) == sorted(s for part in parts for s in known if part in s)


@listed_checks
def test_a_mistake_in_the_list_leaves_the_case_as_it_is(check, monkeypatch):
    for case, _, mistakes in reports(check, lambda *_: "no", monkeypatch):
        before = [torch.as_tensor(x).clone() for x in case]
        for mistake in mistakes.values():
            mistake(*case)
        assert all(torch.equal(torch.as_tensor(x), y) for x, y in zip(case, before, strict=True))


@listed_checks
@pytest.mark.parametrize("strange", ("0.5", {"loss": 1}, 7, []), ids=repr)
def test_an_answer_of_a_strange_type_is_reported_not_raised(check, strange):
    said = check(lambda *_: strange)
    assert said.startswith("[wrong] expected ") and "got" in said


@listed_checks
def test_not_a_number_is_not_right(check):
    right = RIGHT[check][0]
    assert check(lambda *case: right(*case) * math.nan).startswith("[wrong] ")


@listed_checks
def test_a_check_shows_the_reader_no_warning(check):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for answer in (RIGHT[check][0], lambda *_: 12.5):
            check(answer)


@listed_checks
def test_an_answer_with_a_gradient_passes(check):
    weight = torch.ones((), requires_grad=True)
    right = RIGHT[check][0]
    assert check(lambda *case: right(*case) * weight) == "[ok] right"
