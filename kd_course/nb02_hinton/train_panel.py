"""The panel "train a student now": two real trainings, with and without teacher, drawn as they
run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import ipywidgets as widgets

from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.metrics import accuracy
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.room import load_dataset_once
from kd_helpers.experiments.run import new_student, student_reports
from kd_helpers.methods import HintonKD
from kd_helpers.training.loop import predict
from kd_helpers.training.schedules import Schedule
from kd_helpers.widgets import layout, svg
from kd_helpers.widgets.background import Background
from kd_helpers.widgets.explorer import ALPHA, slider, values_of

PLAIN, TAUGHT = "labels only", "with teacher"
COLOURS = {PLAIN: svg.GREY, TAUGHT: svg.RED}
WORDS = {
    "title": "Accuracy while training",
    "x": "gradient steps",
    "y": "accuracy on validation images, %",
}
REPORT_EVERY = 20  # steps between two points of a curve
IMAGES = (600, 3_000, 12_000, 54_000)


class TrainingPanel(Background):
    """Choose a student, press Start, watch both curves, press Stop at any time.

    Both students have the same starting weights and see the same batches; only one has a teacher.
    The accuracy drawn is on 1,000 validation images; the test images are not looked at.
    """

    def __init__(
        self, teacher: Recipe, *, device: str = "cpu", steps: int = 400, labelled: int = 600
    ) -> None:
        super().__init__()
        self.teacher, self.device, self.steps, self.labelled = teacher, device, steps, labelled
        shown = {"value": 12_000, "description": f"images ({labelled} labelled)"}
        self.controls = {
            "student": widgets.Dropdown(
                options=["cnn-2", "cnn-4", "resnet-8"], description="student"
            ),
            "temperature": slider("temperature T", 4.0, 1.0, 20.0, 0.5),
            "kd_weight": slider(ALPHA, 0.9, 0.0, 1.0, 0.05),
            "images": widgets.Dropdown(options=IMAGES, **shown),
            "seed": widgets.BoundedIntText(0, 0, 9999, description="seed"),
        }
        self.defaults = {name: control.value for name, control in self.controls.items()}
        self.reset_button = widgets.Button(description="Reset")
        self.reset_button.on_click(lambda _: self.reset())
        self.view = widgets.HTML()
        self.curves: dict[str, tuple[list[int], list[float]]] = {}
        self.say("Ready. Press Start.")
        self.draw()
        rows = layout.in_columns(*self.controls.values())
        buttons = widgets.HBox([self.start_button, self.stop_button, self.reset_button])
        parts = [rows, buttons, self.status, self.notice, self.view, *layout.behaviour()]
        self.children = parts
        self.add_class(layout.PAGE)

    def reset(self) -> None:
        """Controls back to the first setting; a training that runs goes on."""
        for name, value in self.defaults.items():
            self.controls[name].value = value

    def recipes(self) -> dict[str, Recipe]:
        """The two recipes that the controls describe: one without and one with the teacher."""
        now = values_of(self.controls)
        shown = TransferSet(images=now["images"], labelled=min(self.labelled, now["images"]))
        schedule = Schedule(steps=self.steps, batch_size=128, learning_rate=0.1)
        taught = Recipe(student=now["student"], seed=now["seed"], transfer=shown, schedule=schedule)
        plain = replace(taught, transfer=TransferSet(images=self.labelled))  # labels alone teach
        if now["kd_weight"]:
            method = HintonKD(temperature=now["temperature"], kd_weight=now["kd_weight"])
            taught = replace(taught, teacher=self.teacher, method=method)
        return {PLAIN: plain, TAUGHT: taught}

    def job(self) -> Callable[[], str]:
        return partial(self._train, self.recipes(), self.steps)

    def _train(self, recipes: Mapping[str, Recipe], steps: int) -> str:
        start, dataset = time.perf_counter(), load_dataset_once("fashion-mnist", self.device)
        how = {"report_every": REPORT_EVERY, "should_stop": self.stop_asked.is_set}
        self.curves = {name: ([], []) for name in recipes}
        students = {name: new_student(recipe, dataset) for name, recipe in recipes.items()}
        reports = [
            student_reports(recipe, students[name], dataset, **how)
            for name, recipe in recipes.items()
        ]
        images, labels = dataset.val.images[:1000], dataset.val.labels[:1000]
        for histories in zip(*reports, strict=False):  # the two take turns
            for (name, student), history in zip(students.items(), histories, strict=True):
                self.curves[name][0].append(history.taken)
                self.curves[name][1].append(100 * accuracy(predict(student, images), labels))
            self.draw()
            self.say(f"Training: step {histories[0].taken} of {steps}.")
        return self.summary(time.perf_counter() - start)

    def draw(self) -> None:
        plane = svg.Plane((0, self.steps), (40, 100))
        self.view.value = svg.curves(self.curves, COLOURS, plane, **WORDS)

    def summary(self, seconds: float) -> str:
        ends = {name: ys[-1] for name, (_, ys) in self.curves.items() if ys}
        if len(ends) < 2:
            return f"Stopped after {seconds:.1f} s, before the first point."
        word = "Stopped" if self.stop_asked.is_set() else "Finished"
        return (
            f"{word} after {seconds:.1f} s. On 1,000 validation images: labels only "
            f"{ends[PLAIN]:.1f} %, with teacher {ends[TAUGHT]:.1f} % "
            f"({ends[TAUGHT] - ends[PLAIN]:+.1f} points). "
            "One seed proves little: change it and press Start again."
        )
