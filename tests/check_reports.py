"""A look behind the self-checks: what they compare an answer with."""

import sys

from kd_course.exercises import report


def reports(check, answer, monkeypatch):
    """What the check hands to `report`: (case, expected, mistakes) of each call."""
    calls = []

    def watched(answer, case, expected, mistakes):
        calls.append((case, expected, mistakes))
        return report(answer, case, expected, mistakes)

    monkeypatch.setattr(sys.modules[check.__module__], "report", watched)
    check(answer)
    return calls
