"""What a user reads who asked for something that cannot be."""

import pytest


def refused(call, *given, **how) -> str:
    """The one sentence of the ValueError that a call ends in."""
    with pytest.raises(ValueError) as problem:
        call(*given, **how)
    assert "\n" not in str(problem.value)
    return str(problem.value)
