"""Work in a thread of its own, so that a notebook's controls stay alive: buttons and words."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import ClassVar

import ipywidgets as widgets

from kd_helpers.widgets import layout, svg

ONE_AT_A_TIME = threading.Lock()  # one training in a kernel: two would only slow each other down


class Background(widgets.VBox):
    """Start and Stop, one line on how far it is, and one of notices.

    A subclass gives `job`. Its work asks `stop_asked` often, and may `say` where it is. Stop ends
    what runs, also where its panel is gone because its cell was run again.
    """

    running: ClassVar[Background | None] = None

    def __init__(self, start: str = "Start") -> None:
        self.start_button = widgets.Button(description=start, button_style="primary")
        self.stop_button = widgets.Button(description="Stop")
        self.start_button.on_click(lambda _: self.start())
        self.stop_button.on_click(lambda _: self.stop())
        # The notice is a line of its own: the status changes with every report of a training.
        self.status, self.notice = layout.live_text(), layout.live_text()
        self.thread: threading.Thread | None = None
        self.stop_asked = threading.Event()
        super().__init__()

    def job(self) -> Callable[[], str]:
        """What a press of Start begins now; its result is said at the end."""
        raise NotImplementedError

    def ended(self) -> None:
        """Called in the thread when the next one may start."""

    def say(self, words: str) -> None:
        self.status.value = svg.sentence(words)

    def start(self) -> None:
        job = self.job()
        if not ONE_AT_A_TIME.acquire(blocking=False):
            words = "A training is running already. Press Stop first, or wait until it ends."
            self.notice.value = svg.sentence(words)
            return
        self.notice.value = ""
        self.stop_asked.clear()
        Background.running = self
        self.thread = threading.Thread(target=self._run, args=(job,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Ask the work to end; a training does so before its next step."""
        if running := Background.running:
            running.stop_asked.set()
        else:
            words = f"Nothing is running. Press {self.start_button.description}."
            self.notice.value = svg.sentence(words)  # what was said at the end stays

    def _run(self, job: Callable[[], str]) -> None:
        try:
            self.say("Getting ready …")
            self.say(job())
        except Exception as problem:
            self.say(f"The training ended with an error. {type(problem).__name__}: {problem}")
            raise
        finally:
            self.notice.value, Background.running = "", None
            ONE_AT_A_TIME.release()
            self.ended()
