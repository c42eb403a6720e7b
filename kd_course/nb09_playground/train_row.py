"""The row that trains what is missing: says what it would take, trains in a thread, stops."""

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

WAITS = "Getting ready, or waiting for another page that trains the same"
NOTHING, DONE = Plan(), "All of this is stored: nothing to train."


class TrainRow(Background):
    """Buttons, progress and words. `offer` two plans; the reader starts and stops one of them."""

    def __init__(self, when_stored: Callable[[], None]) -> None:
        """when_stored: called in the training's thread after each training."""
        super().__init__("Train the missing seeds")
        self.ended = self.when_stored = when_stored
        self.every, self.one, self.plan = NOTHING, NOTHING, NOTHING
        self.seed_button = widgets.Button(description="Train this seed only")
        self.seed_button.on_click(lambda _: self.start(self.one))
        self.start_button.layout.width = self.seed_button.layout.width = "max-content"
        self.progress = widgets.FloatProgress(
            0.0, max=1.0, layout={"width": "160px", "display": "none"}
        )
        self.offered = widgets.HTML()
        row = [self.start_button, self.seed_button, self.stop_button, self.progress, self.offered]
        buttons = widgets.HBox(row, layout={"flex_flow": "row wrap"})
        self.children = [buttons, self.status, self.notice]

    def offer(self, every: Plan = NOTHING, one: Plan = NOTHING, seed: int = 0) -> None:
        """Say what each button would train: all seeds that a verdict needs, or one seed alone."""
        self.every, self.one = every, one
        for button, plan in ((self.start_button, every), (self.seed_button, one)):
            button.disabled = not plan.recipes or plan.is_too_long
        self.seed_button.description = f"Train seed {seed} only"
        words = f"To train: {every}." if every.recipes else DONE
        if one.recipes and every.is_too_long:
            words += f" Seed {seed} only: {one}."
        self.offered.value = svg.sentence(words)

    def start(self, plan: Plan | None = None) -> None:
        """Train a plan, that of all missing seeds by default."""
        plan = plan or self.every
        if plan.recipes and not plan.is_too_long:
            self.plan, self.progress.layout.display = plan, None
            super().start()
        else:
            self.say(f"Not started: {plan}" if plan.recipes else DONE)

    def job(self) -> Callable[[], str]:
        return partial(self._train, self.plan)

    def _train(self, plan: Plan) -> str:
        start = time.perf_counter()
        before = 0.0
        for place, (recipe, seconds) in enumerate(zip(plan.recipes, plan.seconds, strict=True), 1):
            where = f"{place} of {len(plan.recipes)}, {recipe}"
            span = (before / sum(plan.seconds), seconds / sum(plan.seconds))
            if not self._train_one(recipe, where, span, start):
                return f"Stopped after {time.perf_counter() - start:.1f} s, in {where}."
            before += seconds
            self.when_stored()
        return f"Finished, after {time.perf_counter() - start:.1f} s."

    def _train_one(
        self, recipe: Recipe, where: str, span: tuple[float, float], start: float
    ) -> bool:
        """Whether it came to its end. span: where in the whole plan it begins, how much it is."""
        if self.stop_asked.is_set():
            return False
        self.progress.value = span[0]
        self.say(f"{WAITS}: {where} …")

        def report(history: History) -> None:
            self.progress.value = done = span[0] + span[1] * history.taken / recipe.schedule.steps
            left = (time.perf_counter() - start) * (1 - done) / done
            self.say(
                f"Step {history.taken} of {recipe.schedule.steps}, loss "
                f"{history.terms['loss'][-1]:.3f}, {left:.0f} s left: {where}."
            )

        run = train_stoppable(recipe, should_stop=self.stop_asked.is_set, on_report=report)
        self.progress.value = sum(span) if run else self.progress.value
        return run is not None
