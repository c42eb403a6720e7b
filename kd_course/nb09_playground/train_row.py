"""The row "train now" of the playground: says what it would take, trains in a thread, stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import ipywidgets as widgets

from kd_course.nb09_playground.find_or_train import Plan, train_stoppable
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.training.loop import History
from kd_helpers.widgets import svg
from kd_helpers.widgets.train_live import ONE_AT_A_TIME

NOTHING_TO_DO = "All of this is stored: nothing to train."


class TrainRow(widgets.VBox):
    """Buttons, progress and one line of words. `offer` a plan; the reader starts and stops it."""

    def __init__(self, when_stored: Callable[[], None]) -> None:
        """when_stored: called in the training's thread after each training."""
        self.when_stored, self.plan = when_stored, Plan((), ())
        self.start_button = widgets.Button(description="Train now", button_style="primary")
        self.stop_button = widgets.Button(description="Stop")
        self.progress = widgets.IntProgress(0, 0, 1, layout={"width": "220px"})
        # The offer is a line of its own: the status changes with every report of a training.
        self.offered, self.status = widgets.HTML(), widgets.HTML()
        self.start_button.on_click(lambda _: self.start())
        self.stop_button.on_click(lambda _: self.stop())
        self.thread: threading.Thread | None = None
        self.stop_asked = threading.Event()
        buttons = widgets.HBox([self.start_button, self.stop_button, self.progress])
        super().__init__([self.offered, buttons, self.status])

    def say(self, words: str) -> None:
        self.status.value = svg.sentence(words)

    def offer(self, plan: Plan | None) -> None:
        """Say what a press of the button would do; None: nothing can be trained."""
        self.plan = plan or Plan((), ())
        self.start_button.disabled = not self.plan.recipes or self.plan.is_too_long
        words = "" if plan is None else f"To train: {plan}" if plan.recipes else NOTHING_TO_DO
        self.offered.value = svg.sentence(words)

    def start(self) -> None:
        """Train what is offered, in a thread of its own, so that the controls stay alive."""
        if not self.plan.recipes or self.plan.is_too_long:
            return self.say(NOTHING_TO_DO if not self.plan.recipes else f"Not started: {self.plan}")
        if not ONE_AT_A_TIME.acquire(blocking=False):
            return self.say("A training is running already. Press Stop first, or wait for its end.")
        self.stop_asked.clear()
        self.thread = threading.Thread(target=self._run, args=(self.plan,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Ask the training to end; it does so before its next step."""
        self.stop_asked.set()
        if not (self.thread and self.thread.is_alive()):
            self.say("Nothing is running.")

    def _run(self, plan: Plan) -> None:
        start, done = time.perf_counter(), True
        try:
            for place, recipe in enumerate(plan.recipes):
                where = f"{place + 1} of {len(plan.recipes)}, {recipe}"
                done = done and self._train(recipe, where)
            word = "Finished" if done else "Stopped: press Train now to go on"
            self.say(f"{word}, after {time.perf_counter() - start:.1f} s.")
        except Exception as problem:
            self.say(f"The training ended with an error. {type(problem).__name__}: {problem}")
            raise
        finally:
            ONE_AT_A_TIME.release()
            self.when_stored()

    def _train(self, recipe: Recipe, where: str) -> bool:
        """Whether it came to its end."""
        if self.stop_asked.is_set():
            return False
        self.progress.max, self.progress.value = recipe.schedule.steps, 0
        self.say(f"Getting ready, or waiting for another page that trains the same: {where} …")

        def report(history: History) -> None:
            self.progress.value = history.taken
            loss = history.terms["loss"][-1]
            self.say(f"Step {history.taken} of {recipe.schedule.steps}, loss {loss:.3f}: {where}.")

        run = train_stoppable(recipe, should_stop=self.stop_asked.is_set, on_report=report)
        return run is not None
