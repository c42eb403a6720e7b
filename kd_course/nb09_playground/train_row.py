"""The row "train now" of the playground: says what it would take, trains in a thread, stops."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import ipywidgets as widgets

from kd_course.nb09_playground.find_or_train import Plan, train_stoppable
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.training.loop import History
from kd_helpers.widgets import svg
from kd_helpers.widgets.background import Background

NOTHING_TO_DO = "All of this is stored: nothing to train."


class TrainRow(Background):
    """Buttons, progress and words. `offer` a plan; the reader starts and stops it."""

    def __init__(self, when_stored: Callable[[], None]) -> None:
        """when_stored: called in the training's thread after each training."""
        super().__init__("Train now")
        self.ended, self.plan = when_stored, Plan((), ())
        self.progress = widgets.IntProgress(0, 0, 1, layout={"width": "220px"})
        self.offered = widgets.HTML()
        buttons = widgets.HBox([self.start_button, self.stop_button, self.progress])
        self.children = [self.offered, buttons, self.status, self.notice]

    def offer(self, plan: Plan | None) -> None:
        """Say what a press of the button would do; None: nothing can be trained."""
        self.plan = plan or Plan((), ())
        self.start_button.disabled = not self.plan.recipes or self.plan.is_too_long
        words = "" if plan is None else f"To train: {plan}" if plan.recipes else NOTHING_TO_DO
        self.offered.value = svg.sentence(words)

    def start(self) -> None:
        if not self.plan.recipes or self.plan.is_too_long:
            self.say(NOTHING_TO_DO if not self.plan.recipes else f"Not started: {self.plan}")
        else:
            super().start()

    def job(self) -> Callable[[], str]:
        return partial(self._train, self.plan)

    def _train(self, plan: Plan) -> str:
        start, done, count = time.perf_counter(), True, len(plan.recipes)
        for place, recipe in enumerate(plan.recipes, start=1):
            done = done and self._train_one(recipe, f"{place} of {count}, {recipe}")
        word = "Finished" if done else "Stopped: press Train now to go on"
        return f"{word}, after {time.perf_counter() - start:.1f} s."

    def _train_one(self, recipe: Recipe, where: str) -> bool:
        """Whether it came to its end."""
        if self.stop_asked.is_set():
            return False
        steps = recipe.schedule.steps
        self.progress.max, self.progress.value = steps, 0
        self.say(f"Getting ready, or waiting for another page that trains the same: {where} …")

        def report(history: History) -> None:
            self.progress.value, loss = history.taken, history.terms["loss"][-1]
            self.say(f"Step {history.taken} of {steps}, loss {loss:.3f}: {where}.")

        run = train_stoppable(recipe, should_stop=self.stop_asked.is_set, on_report=report)
        return run is not None
