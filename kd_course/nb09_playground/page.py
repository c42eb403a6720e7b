"""The page of notebook 09: all controls, what is stored, and training where nothing is."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets as widgets

from kd_course.nb06_assistants.error_overlap import build_overlap_explorer
from kd_course.nb09_playground import pictures
from kd_course.nb09_playground.as_code import to_code
from kd_course.nb09_playground.find_or_train import (
    errors_of,
    plan_for,
    scores_of,
    stored_neighbours,
)
from kd_course.nb09_playground.pareto import COSTS, render_pareto
from kd_course.nb09_playground.setting import (
    ALL,
    ASSISTANTS,
    CHOICES,
    IMAGES,
    RANGES,
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
    "click a cell to see what both have wrong. Then press 'labels only': which errors did the "
    "student share with these networks before any of them taught it?"
)
HINT = "drag T and α. Which settings are clearly better than no teacher, over five seeds?"
WORDS = {n: f"{n:,} ({100 * n / ALL:.3g} %)" for n in IMAGES} | {
    "resnet-20": "resnet-20, 6,000 steps",
    "cnn-4-long": "cnn-4-long: 6,000 steps",
    "cnn-4-few": "cnn-4-few: learnt from 600 labels",
    "none": "none: labels only",
    "cnn-4-noisy": "cnn-4-noisy: 12,000 images, half of the labels random",
    "cnn-4-pairs": "cnn-4-pairs: 12,000 images, 40 % labelled as the next class",
}
BOXES = {f"assistant_{i}": name for i, name in enumerate(ASSISTANTS)}
ROWS = (
    ("images", "schedule", "student", "seed"),
    ("teacher", *BOXES, "way"),
    ("temperature", "kd_weight", "treatment"),
    ("cost", "errors"),
)
OFTEN = {"style": {"description_width": "initial"}}
WIDE = {"width": "820px"}


def make_controls() -> dict[str, widgets.Widget]:
    """A control for each field of a `Setting`, and two that choose what is shown."""

    def dropdown(name: str, words: str) -> widgets.Dropdown:
        options = [(WORDS.get(value, str(value)), value) for value in CHOICES[name]]
        first = getattr(Setting(), name)
        return widgets.Dropdown(options=options, value=first, description=words, **OFTEN)

    def checkbox(words: str, **layout: str) -> widgets.Checkbox:
        return widgets.Checkbox(False, indent=False, description=words, layout=layout)

    near = {"width": "max-content", "margin": "2px 12px 2px 2px"}
    low, high = RANGES["seed"]
    return {
        "images": dropdown("images", "labelled images"),
        "schedule": dropdown("schedule", "steps × batch"),
        "student": dropdown("student", "student"),
        "seed": widgets.BoundedIntText(0, low, high, description="seed", layout={"width": "160px"}),
        "teacher": dropdown("teacher", "teacher"),
        **{box: checkbox(name, **near) for box, name in BOXES.items()},
        "way": dropdown("way", "taught by"),
        "temperature": slider("temperature T", 4.0, *RANGES["temperature"], 0.5),
        "kd_weight": slider(ALPHA, 0.9, *RANGES["kd_weight"], 0.05),
        "treatment": dropdown("treatment", "treatment of the target"),
        "cost": widgets.Dropdown(options=COSTS, description="size as", **OFTEN),
        "errors": checkbox("show who shares whose errors"),
    }


def setting_of(state: Mapping[str, object]) -> Setting:
    """The setting that the controls say. Raises `Refused` where there is none such."""
    chosen = {name: state[name] for name in Setting.__dataclass_fields__ if name in state}
    return Setting(assistants=tuple(n for box, n in BOXES.items() if state[box]), **chosen)


class Playground(Explorer):
    """All controls on one page. `setting` is the last one that can be; `text` holds its string."""

    def __init__(self) -> None:
        self.setting, self.problem = Setting(), ""
        self.text = widgets.Text(
            description="this setting", continuous_update=False, layout=WIDE, **OFTEN
        )
        self.notice, self.errors = widgets.HTML(), widgets.VBox([])
        self.code = widgets.Textarea(layout={**WIDE, "height": "420px"})
        self.training = TrainRow(self.update)
        self.shown_errors: Setting | None = None
        super().__init__(make_controls(), self.draw, hint=HINT, before_render=self.follow)
        self.text.observe(self._pasted, names="value")
        rows = [[self.controls[name] for name in row] for row in ROWS]
        rows[-1].append(self.reset_button)
        boxes = [widgets.HBox(row, layout={"flex_flow": "row wrap"}) for row in rows]
        code = widgets.Accordion([self.code], titles=["Copy as code"], selected_index=None)
        below = [self.text, self.notice, self.view, self.training, code, self.errors]
        self.children = [self.children[0], *boxes, *below]

    def follow(self, controls: Mapping[str, widgets.Widget]) -> None:
        """String, code, errors and the offer to train follow the controls."""
        state = {name: control.value for name, control in controls.items()}
        controls["way"].disabled = not any(state[box] for box in BOXES)
        try:
            self.setting, self.problem = setting_of(state), ""
        except Refused as problem:
            self.problem = f"This cannot be: {problem}."
            self.training.offer(None)
            return
        self.text.value, self.code.value = str(self.setting), to_code(self.setting)
        self.notice.value = ""
        self.training.offer(plan_for(self.setting))
        self._show_errors(state["errors"])

    def draw(self, cost: str, **_others: object) -> str:
        """The numbers of the setting beside those without a teacher, and where it stands among
        all."""
        if self.problem:
            words = f"{self.problem} String and code are those of the last setting that can."
            return svg.sentence(words)
        scores = scores_of(self.setting)
        own = pictures.render_scores(scores, self.setting.seed)
        marked = pictures.marked_point(self.setting, scores, cost)
        among = render_pareto(pictures.stored_points(cost), cost=cost, marked=marked)
        words = pictures.teacher_in_words(self.setting) + pictures.in_words(self.setting, scores)
        if self.training.plan.recipes and (near := stored_neighbours(self.setting)):
            words += f" Stored near by: {'  ·  '.join(map(str, near))}"
        return svg.side_by_side(own, among) + svg.sentence(words)

    def put(self, setting: Setting) -> None:
        """Move all controls to a setting, with one redraw."""
        values = {box: name in setting.assistants for box, name in BOXES.items()} | vars(setting)
        self._paused = True
        try:
            for name in values.keys() & self.controls.keys():
                self.controls[name].value = values[name]
        finally:
            self._paused = False
        self.update()

    def _pasted(self, change: Mapping) -> None:
        if change["new"] == str(self.setting) and not self.problem:
            return  # `follow` wrote it
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
    found, data = errors_of(setting), dataset_of(alone(setting))
    if found is None:
        why = "a run is not stored" if setting.has_teacher else "nobody teaches"
        return widgets.HTML(svg.sentence(f"No errors to compare: {why}."))
    images, labels = data.test.images.cpu().numpy(), data.test.labels.cpu()
    view = build_overlap_explorer(images, labels, data.classes, *found)
    view.children[0].value = svg.sentence(f"Try this: {ERRORS_HINT}")
    return view


build_playground = Playground  # as explorers are made in all chapters
