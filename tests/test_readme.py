"""README.md says what the stored runs say, and every file that it names is there."""

import re

import readme_results


def test_results_are_those_of_the_stored_runs():
    text = readme_results.README.read_text(encoding="utf-8")
    (written,) = readme_results.MARKS.findall(text)
    assert written == readme_results.results(), "run `python tools/readme_results.py`"


def test_speeds_are_those_of_the_last_published_measurement():
    text = readme_results.README.read_text(encoding="utf-8")
    (written,) = readme_results.SPEED_MARKS.findall(text)
    assert written == readme_results.speed(), "run `python tools/readme_results.py`"


def test_every_link_to_a_file_leads_somewhere():
    text = readme_results.README.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    assert links
    for link in links:
        assert (readme_results.README.parent / link).exists(), f"README.md links to {link}"
