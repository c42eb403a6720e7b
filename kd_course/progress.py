"""Exercises with patience: a hint, the place in the lesson, and a line of what is done.

All of it lives in the kernel of one notebook; nothing is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from IPython.display import HTML, display, update_display

DISPLAY = "kd-exercises"  # the line near the top of a notebook, by which it is changed
DONE: dict[str, bool] = {}  # of this kernel's notebook: the check's name, and whether it passed

Check = Callable[..., str]


class Right(str):
    """What a check says of a right answer, and with it a picture, as HTML."""

    picture: str = ""


def exercise(*, hint: str, place: str, why: str = "") -> Callable[[Check], Check]:
    """A check that also says why a right answer is right and shows its picture, helps after the
    second wrong answer with a hint, after the third with the place in the lesson, and tells the
    line of progress.

    Args:
        place: the heading of the section to read again.
    """

    def patient(check: Check) -> Check:
        wrong = 0

        @wraps(check)
        def told(*case: Any) -> str:
            nonlocal wrong
            said = check(*case)
            if said.startswith("[ok]"):
                wrong = 0
                mark_done(check.__name__)
                if isinstance(said, Right) and said.picture:
                    display(HTML(said.picture))
                return f"{said}: {why}" if why else said
            wrong += said.startswith(("[wrong]", "[error]"))
            help_ = [f"Hint: {hint}.", f"Read again: “{place}”."]
            return "\n".join([said, *help_[: max(0, wrong - 1)]])

        return told

    return patient


def exercise_progress(*checks: Check) -> None:
    """Show the line that says which exercises of a notebook are done; it changes with them."""
    DONE.clear()
    DONE.update({check.__name__: False for check in checks})
    display(progress_line(), raw=True, display_id=DISPLAY)


def progress_line() -> dict[str, str]:
    parts = [f"{'●' if done else '○'} {k}" for k, done in enumerate(DONE.values(), start=1)]
    words = f"Exercises done: {sum(DONE.values())} of {len(DONE)}   {'   '.join(parts)}"
    html = f'<p class="kd-progress" role="status" style="font-family: sans-serif">{words}</p>'
    return {"text/html": html, "text/plain": words}


def mark_done(name: str) -> None:
    if name in DONE:
        DONE[name] = True
        update_display(progress_line(), raw=True, display_id=DISPLAY)
