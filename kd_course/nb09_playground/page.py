"""The page of notebook 09: all controls, what is stored, and training where nothing is."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets as widgets

from kd_course.nb06_assistants.error_overlap import build_overlap_explorer
from kd_course.nb09_playground.as_code import to_code
from kd_course.nb09_playground.find_or_train import (
    errors_of,
    plan_for,
    scores_of,
    stored_neighbours,
)
from kd_course.nb09_playground.pareto import COSTS, render_pareto
from kd_course.nb09_playground.pictures import (
    in_words,
    marked_point,
    render_scores,
    stored_points,
    teacher_in_words,
)
from kd_course.nb09_playground.setting import (
    ALL,
    ASSISTANTS,
    CHOICES,
    HIGHEST_T,
    IMAGES,
    LAST_SEED,
    LOWEST_T,
    Refused,
    Setting,
    alone,
    parse,
)
from kd_course.nb09_playground.train_row import TrainRow
from kd_helpers.experiments.run import dataset_of
from kd_helpers.widgets import svg
from kd_helpers.widgets.explorer import ALPHA, Explorer, slider

ERRORS_HINT = (
    "click a cell to see what both have wrong. Then press 'labels only': which errors did the student "
    "share with these networks before any of them taught it?"
)
HINT = "drag T and α. Which settings are clearly better than no teacher, over five seeds?"
WORDS = {
    "resnet-20": "resnet-20, 6,000 steps",
    "cnn-4-long": "cnn-4-long: 6,000 steps",
    "cnn-4-few": "cnn-4-few: learnt from 600 labels",
    "none": "none: labels only",
    "cnn-4-noisy": "cnn-4-noisy: 12,000 images, half of the labels random",
    "cnn-4-pairs": "cnn-4-pairs: 12,000 images, 40 % labelled as the next class",
}
ROWS = (
    ("images", "schedule", "student", "seed"),
    ("teacher", "assistant_0", "assistant_1", "assistant_2", "way"),
    ("temperature", "kd_weight", "treatment"),
    ("cost", "errors"),
)
OFTEN = {"style": {"description_width": "initial"}}


def make_controls() -> dict[str, widgets.Widget]:
    """A control for each field of a `Setting`, and two that choose what is shown."""

    def dropdown(
        name: str, description: str, words: Mapping[object, str] | None = None
    ) -> widgets.Dropdown:
        options = [((words or {}).get(v, str(v)), v) for v in CHOICES[name]]
        value = getattr(Setting(), name)
        return widgets.Dropdown(options=options, value=value, description=description, **OFTEN)

    shares = {n: f"{n:,} ({100 * n / ALL:.3g} %)" for n in IMAGES}
    return {
        "images": dropdown("images", "labelled images", shares),
        "schedule": dropdown("schedule", "steps × batch"),
        "student": dropdown("student", "student"),
        "seed": widgets.BoundedIntText(
            0, 0, LAST_SEED, description="seed", layout={"width": "160px"}
        ),
        "teacher": dropdown("teacher", "teacher", WORDS),
        **{
            f"assistant_{i}": widgets.Checkbox(
                False,
                indent=False,
                description=name,
                layout={"width": "max-content", "margin": "2px 12px 2px 2px"},
            )
            for i, name in enumerate(ASSISTANTS)
        },
        "way": dropdown("way", "taught by"),
        "temperature": slider("temperature T", 4.0, LOWEST_T, HIGHEST_T, 0.5),
        "kd_weight": slider(ALPHA, 0.9, 0.0, 1.0, 0.05),
        "treatment": dropdown("treatment", "treatment of the target"),
        "cost": widgets.Dropdown(options=COSTS, description="size as", **OFTEN),
        "errors": widgets.Checkbox(False, indent=False, description="show who shares whose errors"),
    }


def setting_of(state: Mapping[str, object]) -> Setting:
    """The setting that the controls say. Raises `Refused` where there is none such."""
    names = [name for name in Setting.__dataclass_fields__ if name in state]
    chosen = tuple(name for i, name in enumerate(ASSISTANTS) if state[f"assistant_{i}"])
    return Setting(assistants=chosen, **{name: state[name] for name in names})


class Playground(Explorer):
    """All controls on one page. `setting` is the last one that can be; `text` holds its string."""

    def __init__(self) -> None:
        self.setting, self.problem = Setting(), ""
        wide = {"layout": {"width": "820px"}, **OFTEN}
        self.text = widgets.Text(description="this setting", continuous_update=False, **wide)
        self.notice = widgets.HTML()
        self.code = widgets.Textarea(layout={"width": "820px", "height": "420px"}, disabled=False)
        self.training = TrainRow(self.update)
        self.errors = widgets.VBox([])
        self.shown_errors: Setting | None = None
        self._following = False
        super().__init__(make_controls(), self.draw, hint=HINT, before_render=self.follow)
        self.text.observe(self._pasted, names="value")
        rows = [
            widgets.HBox([self.controls[n] for n in row], layout={"flex_flow": "row wrap"})
            for row in ROWS
        ]
        rows[-1].children += (self.reset_button,)
        code = widgets.Accordion([self.code], titles=["Copy as code"], selected_index=None)
        self.children = [
            self.children[0],
            *rows,
            self.text,
            self.notice,
            self.view,
            self.training,
            code,
            self.errors,
        ]

    def follow(self, controls: Mapping[str, widgets.Widget]) -> None:
        """String, code, errors and the offer to train follow the controls."""
        state = {name: control.value for name, control in controls.items()}
        controls["way"].disabled = not any(state[f"assistant_{i}"] for i in range(len(ASSISTANTS)))
        try:
            self.setting, self.problem = setting_of(state), ""
        except Refused as problem:
            self.problem = f"This cannot be: {problem}."
            self.training.offer(None)
            return
        self._following = True
        try:
            self.text.value, self.code.value = str(self.setting), to_code(self.setting)
        finally:
            self._following = False
        self.notice.value = ""
        self.training.offer(plan_for(self.setting))
        self._show_errors(state["errors"])

    def draw(self, cost: str, **_others: object) -> str:
        """The numbers of the setting beside those without a teacher, and where it stands among
        all."""
        if self.problem:
            return svg.sentence(
                f"{self.problem} String and code are those of the last setting that can."
            )
        scores = scores_of(self.setting)
        pictures = svg.side_by_side(
            render_scores(scores, self.setting.seed),
            render_pareto(
                stored_points(cost), cost=cost, marked=marked_point(self.setting, scores, cost)
            ),
        )
        words = teacher_in_words(self.setting) + in_words(self.setting, scores)
        near = [] if not self.training.plan.recipes else stored_neighbours(self.setting)
        if near:
            words += f" Stored near by: {'  ·  '.join(map(str, near))}"
        return pictures + svg.sentence(words)

    def put(self, setting: Setting) -> None:
        """Move all controls to a setting, with one redraw."""
        self._paused = True
        try:
            for name in Setting.__dataclass_fields__:
                if name in self.controls:
                    self.controls[name].value = getattr(setting, name)
            for i, name in enumerate(ASSISTANTS):
                self.controls[f"assistant_{i}"].value = name in setting.assistants
        finally:
            self._paused = False
        self.update()

    def _pasted(self, change: Mapping) -> None:
        if self._following:
            return
        try:
            self.put(parse(change["new"]))
        except Refused as problem:
            self.notice.value = svg.sentence(f"This is no setting: {problem}. Nothing was changed.")

    def _show_errors(self, wanted: bool) -> None:
        """Built anew for another setting, or where a run may have been trained since."""
        if not wanted:
            self.errors.children, self.shown_errors = (), None
        elif self.shown_errors != self.setting:
            view = errors_view(self.setting)
            self.errors.children = (view,)
            self.shown_errors = self.setting if isinstance(view, Explorer) else None


def errors_view(setting: Setting) -> widgets.Widget:
    """The grid of shared errors with its images, or a sentence why there is none."""
    found = errors_of(setting)
    if found is None:
        why = "a run is not stored" if setting.has_teacher else "nobody teaches"
        return widgets.HTML(svg.sentence(f"No errors to compare: {why}."))
    test = dataset_of(alone(setting)).test
    classes = dataset_of(alone(setting)).classes
    images, labels = test.images.cpu().numpy(), test.labels.cpu()
    view = build_overlap_explorer(
        images, labels, classes, found.names, found.overlap, found.answers
    )
    view.children[0].value = svg.sentence(f"Try this: {ERRORS_HINT}")
    return view


def build_playground() -> Playground:
    """The page."""
    return Playground()
