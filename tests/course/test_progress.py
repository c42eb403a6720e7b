"""Exercises with patience: hints come late, a right answer says why, and the line counts."""

import re

from kd_course import exercises, progress
from kd_course.progress import exercise, exercise_progress
from notebook_io import NOTEBOOKS

SOURCES = [path.read_text(encoding="utf-8") for path in (NOTEBOOKS / "src").glob("*.py")]


@exercise(hint="add", place="Sums", why="it is so")
def check_sum(answer) -> str:
    return {None: "[todo] not yet", 2: "[ok] right"}.get(answer, "[wrong] no")


def test_a_hint_after_the_second_wrong_answer_and_the_place_after_the_third():
    said = [check_sum(answer) for answer in (1, None, 1)]
    assert said == ["[wrong] no", "[todo] not yet", "[wrong] no\nHint: add."]
    assert check_sum(1) == "[wrong] no\nHint: add.\nRead again: “Sums”."
    assert check_sum(2) == "[ok] right: it is so"
    assert check_sum(1) == "[wrong] no"  # and from the beginning again


def test_the_line_of_progress_follows_the_checks(monkeypatch):
    shown = []
    line = lambda data, **_: shown.append(data["text/plain"])  # noqa: E731
    monkeypatch.setattr(progress, "display", lambda data, **how: how and line(data))  # no pictures
    monkeypatch.setattr(progress, "update_display", line)
    check_sum(2)  # a check without a line, as outside of a notebook
    exercise_progress(check_sum, exercises.check_soften)
    check_sum(1)
    check_sum(2)
    exercises.check_soften(lambda z, t: (z / t).softmax(1))
    assert [line[:22] for line in shown] == [f"Exercises done: {n} of 2" for n in (0, 1, 2)]
    assert shown[1].endswith("● 1   ○ 2")


def test_every_check_has_a_hint_and_sends_to_a_section_that_exists():
    headings = {line for text in SOURCES for line in re.findall(r"^# ##+ (.+)$", text, re.M)}
    checks = {name for text in SOURCES for name in re.findall(r"print\(lab\.(check_\w+)\(", text)}
    assert len(checks) > 25
    for path in (NOTEBOOKS.parent / "kd_course").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        places = re.findall(r'^    place="(.+)",$', text, re.M)
        assert {*places} <= headings, (path, {*places} - headings)
        checks -= {*re.findall(r"^\)\ndef (check_\w+)\(", text, re.M)}
    assert not checks, f"without a hint: {checks}"
