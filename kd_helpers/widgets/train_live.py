"""The "train a student now" panel: two real trainings, with and without teacher, drawn as they
run."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import ipywidgets as widgets

from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.metrics import accuracy
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.room import load_dataset_once
from kd_helpers.experiments.run import new_student, student_reports
from kd_helpers.methods import CrossEntropy, HintonKD
from kd_helpers.training.loop import predict
from kd_helpers.training.schedules import Schedule
from kd_helpers.widgets import svg
from kd_helpers.widgets.explorer import ALPHA, slider

COLOURS = {"labels only": svg.GREY, "with teacher": svg.RED}
REPORT_EVERY = 20  # steps between two points of a curve
ONE_AT_A_TIME = threading.Lock()  # one training in a kernel: two would only slow each other down


class TrainingPanel(widgets.VBox):
    """Choose a student, press Start, watch both curves, press Stop at any time.

    Both students have the same starting weights and see the same batches; only one has a teacher.
    The accuracy drawn is on 1,000 validation images; the test images are not looked at.
    """

    def __init__(
        self, teacher: Recipe, *, device: str = "cpu", steps: int = 400, labelled: int = 600
    ) -> None:
        self.teacher, self.device, self.steps, self.labelled = teacher, device, steps, labelled
        wide = {"style": {"description_width": "initial"}}
        self.controls = {
            "student": widgets.Dropdown(
                options=["cnn-2", "cnn-4", "resnet-8"], description="student"
            ),
            "temperature": slider("temperature T", 4.0, 1.0, 20.0, 0.5),
            "kd_weight": slider(ALPHA, 0.9, 0.0, 1.0, 0.05),
            "images": widgets.Dropdown(
                options=[600, 3_000, 12_000, 54_000],
                value=12_000,
                description=f"images ({labelled} labelled)",
                **wide,
            ),
            "seed": widgets.BoundedIntText(0, 0, 9999, description="seed"),
        }
        self.start_button = widgets.Button(description="Start", button_style="primary")
        self.stop_button = widgets.Button(description="Stop")
        self.reset_button = widgets.Button(description="Reset")
        self.start_button.on_click(lambda _: self.start())
        self.stop_button.on_click(lambda _: self.stop())
        self.reset_button.on_click(lambda _: self.reset())
        self.defaults = {name: control.value for name, control in self.controls.items()}
        # The notice is a line of its own: the status changes with every report of a training.
        self.status, self.notice, self.view = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.thread: threading.Thread | None = None
        self.stop_asked = threading.Event()
        self.curves: dict[str, tuple[list[int], list[float]]] = {}
        self.say("Ready. Press Start.")
        self.draw()
        rows = widgets.HBox(list(self.controls.values()), layout={"flex_flow": "row wrap"})
        buttons = widgets.HBox([self.start_button, self.stop_button, self.reset_button])
        super().__init__([rows, buttons, self.status, self.notice, self.view])

    def say(self, words: str) -> None:
        self.status.value = svg.sentence(words)

    def reset(self) -> None:
        """Controls back to the first setting; a training that runs goes on."""
        for name, value in self.defaults.items():
            self.controls[name].value = value

    def start(self) -> None:
        """Start a training in a thread of its own, so that the controls stay alive."""
        if not ONE_AT_A_TIME.acquire(blocking=False):
            words = "A training is running already. Press Stop first, or wait until it ends."
            self.notice.value = svg.sentence(words)
            return
        self.notice.value = ""
        self.stop_asked.clear()
        self.thread = threading.Thread(target=self._run, args=(self.recipes(),), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Ask the training to end; it does so before its next step."""
        self.stop_asked.set()
        if not (self.thread and self.thread.is_alive()):
            self.say("Nothing is running. Press Start.")

    def recipes(self) -> dict[str, Recipe]:
        """The two recipes that the controls describe: one without and one with the teacher."""
        now = {name: control.value for name, control in self.controls.items()}
        shown = TransferSet(images=now["images"], labelled=min(self.labelled, now["images"]))
        schedule = Schedule(steps=self.steps, batch_size=128, learning_rate=0.1)
        taught = Recipe(student=now["student"], seed=now["seed"], transfer=shown, schedule=schedule)
        if now["kd_weight"]:
            method = HintonKD(temperature=now["temperature"], kd_weight=now["kd_weight"])
            taught = replace(taught, teacher=self.teacher, method=method)
        alone = TransferSet(
            images=self.labelled
        )  # without a teacher only labelled images can teach
        plain = replace(taught, teacher=None, method=CrossEntropy(), transfer=alone)
        return {"labels only": plain, "with teacher": taught}

    def _run(self, recipes: dict[str, Recipe]) -> None:
        start = time.perf_counter()
        try:
            self.say("Getting ready …")
            self._train(recipes)
            seconds = time.perf_counter() - start
            self.say(self.summary(seconds))
        except Exception as problem:
            self.say(f"The training ended with an error. {type(problem).__name__}: {problem}")
            raise
        finally:
            self.notice.value = ""
            ONE_AT_A_TIME.release()

    def _train(self, recipes: dict[str, Recipe]) -> None:
        dataset = load_dataset_once("fashion-mnist", self.device)
        self.curves = {name: ([], []) for name in recipes}
        students = {name: new_student(recipe, dataset) for name, recipe in recipes.items()}
        reports = {
            name: student_reports(
                recipe,
                students[name],
                dataset,
                report_every=REPORT_EVERY,
                should_stop=self.stop_asked.is_set,
            )
            for name, recipe in recipes.items()
        }
        images, labels = dataset.val.images[:1000], dataset.val.labels[:1000]
        for histories in zip(*reports.values(), strict=False):  # the two take turns
            for name, history in zip(reports, histories, strict=True):
                self.curves[name][0].append(history.taken)
                self.curves[name][1].append(100 * accuracy(predict(students[name], images), labels))
            self.draw()
            self.say(f"Training: step {histories[0].taken} of {self.steps}.")

    def draw(self) -> None:
        self.view.value = svg.curves(
            self.curves,
            colours=COLOURS,
            x_range=(0, self.steps),
            y_range=(40, 100),
            title="Accuracy while training",
            x_label="gradient steps",
            y_label="accuracy on validation images, %",
        )

    def summary(self, seconds: float) -> str:
        ends = {name: ys[-1] for name, (_, ys) in self.curves.items() if ys}
        if len(ends) < 2:
            return f"Stopped after {seconds:.1f} s, before the first point."
        word = "Stopped" if self.stop_asked.is_set() else "Finished"
        difference = ends["with teacher"] - ends["labels only"]
        return (
            f"{word} after {seconds:.1f} s. On 1,000 validation images: labels only "
            f"{ends['labels only']:.1f} %, with teacher {ends['with teacher']:.1f} % "
            f"({difference:+.1f} points). One seed proves little: change it and press Start again."
        )
