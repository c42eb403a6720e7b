"""A guess: the answer is folded below its question, and what the script compares with is right."""

import json
import re

import pandas as pd
import pytest
from matplotlib.figure import Figure

from kd_helpers.widgets.guess import guess_number, guess_one, guess_order, guess_tally


def folded(guess) -> tuple[str, str, dict]:
    """What a page without scripts shows, what it folds, and what the script is given."""
    html = guess._repr_html_()
    still, script = html.split("<script>")
    before, after = still.split("<details>", 1)
    facts = json.loads(re.search(r"previousElementSibling, (\{.*\})\);</script>", script)[1])
    return before, after, facts


def test_question_and_options_are_seen_and_the_answer_is_folded():
    figure = Figure(label="a <line>")
    figure.subplots().plot([1, 2])
    table = pd.DataFrame({"gain": [3.25]}, index=["KD"])
    answer = (table, figure, "less < more")
    before, after, facts = folded(guess_one("a < b?", ("yes", "no"), "no", answer))
    assert "a &lt; b?" in before and before.count("<li>") == 2 and "3.25" not in before
    assert "no." in after and "3.25" in after and "less &lt; more" in after
    assert re.search(r'<img alt="a &lt;line&gt;" src="data:image/png;base64,\w+', after)
    long = pd.DataFrame({"gain": range(30)})
    assert "All numbers, in a table" in folded(guess_one("?", ("a", "b"), "b", long))[1]
    assert (facts["kind"], facts["options"], facts["right"]) == ("one", ["yes", "no"], "no")


def test_the_same_guess_gives_the_same_html_so_stored_outputs_can_be_compared():
    asked = [guess_order("?", ("a", "b"), ("b", "a"), "text")._repr_html_() for _ in range(2)]
    assert asked[0] == asked[1]


def test_numbers_are_told_as_a_reader_writes_them():
    for right, unit, told in (
        (17.34, "%", "17.3 %"),
        (5400, "", "5,400"),
        (40.0, "times", "40 times"),
    ):
        _, after, facts = folded(guess_number("?", right, 5, unit))
        assert f">It is {told}.<" in after and facts["told"] == told and facts["right"] == right


def test_a_right_answer_that_is_no_option_is_refused():
    with pytest.raises(ValueError, match="expected one of the options"):
        guess_one("?", ("a", "b"), "c")
    with pytest.raises(ValueError, match="in their order"):
        guess_order("?", ("a", "b"), ("a", "a"), "")


def test_a_tally_without_scripts_says_what_to_do():
    assert "Run the notebook" in guess_tally()._repr_html_().split("<script>")[0]
