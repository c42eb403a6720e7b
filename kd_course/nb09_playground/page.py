"""The page of notebook 09: all controls, what is stored, and training where nothing is."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

import ipywidgets as widgets
import numpy as np

from kd_course.nb02_hinton.experiments import SEEDS
from kd_course.nb06_assistants.error_overlap import build_overlap_explorer
from kd_course.nb09_playground import own_runs, pictures
from kd_course.nb09_playground.as_code import to_code
from kd_course.nb09_playground.find_or_train import (
    BARE,
    THIS,
    errors_of,
    plan_for,
    scores_of,
    stored_neighbours,
)
from kd_course.nb09_playground.pareto import COSTS, cost_of, render_pareto
from kd_course.nb09_playground.setting import (
    ASSISTANTS,
    CHOICES,
    RANGES,
    STUDENTS,
    Refused,
    Setting,
    alone,
    parse,
)
from kd_course.nb09_playground.train_row import TrainRow
from kd_course.nb09_playground.words import EXAMPLES, LABELS, NOT_STORED, difference, name_of
from kd_helpers.experiments.arms import FEWEST_SEEDS
from kd_helpers.experiments.run import dataset_of
from kd_helpers.widgets import layout, svg
from kd_helpers.widgets.explorer import ALPHA, Explorer, slider, tick

COURSE = "fashion-mnist"
ERRORS_HINT = (
    "click a cell to see what both get wrong. Then press 'labels only': which errors would the "
    "student share with these networks if none of them had taught it?"
)
HINT = "choose a question, or move any control."
BOXES = {f"assistant_{i}": name for i, name in enumerate(ASSISTANTS)}
GROUPS = {
    "Data and images": ("dataset", "stored", "images", "seed"),
    "Teacher": ("teacher", *BOXES, "way"),
    "Method": ("treatment", "temperature", "kd_weight"),
    "Student and what it costs": ("student", "schedule", "cost"),
}
FOR_OWN = ("dataset", "stored", "cost")  # the controls that runs on own images have
OTHER_NETWORKS = ("cnn-6", "cnn-8", "resnet-20")  # in the right picture, beside the students


def dropdown(options: Iterable, words: str, **more: object) -> widgets.Dropdown:
    return widgets.Dropdown(options=list(options), description=words, **more)


def make_controls(own: Iterable[str]) -> dict[str, widgets.Widget]:
    """A control for each field of a `Setting`, and four that choose what is shown.

    own: keys of data sets of one's own.
    """

    def choice(field: str) -> widgets.Dropdown:
        options = [(name_of(field, value), value) for value in CHOICES[field]]
        return dropdown(options, LABELS.get(field, field), value=getattr(Setting(), field))

    sets = [("Fashion-MNIST", COURSE), *((own_runs.name_of(key), key) for key in own)]
    low, high = RANGES["seed"]
    controls = {
        "dataset": dropdown(sets, "data set", disabled=len(sets) == 1),
        "stored": dropdown([], "stored runs", disabled=True),
        "images": choice("images"),
        "seed": widgets.BoundedIntText(0, low, high, description="seed"),
        "teacher": choice("teacher"),
        "way": choice("way"),
        "treatment": choice("treatment"),
        "temperature": slider("temperature T", 4.0, *RANGES["temperature"], 0.5),
        "kd_weight": slider(ALPHA, 0.9, *RANGES["kd_weight"], 0.05),
        "student": choice("student"),
        "schedule": choice("schedule"),
        "cost": dropdown(COSTS, "compare networks by"),
    }
    for control in controls.values():
        layout.labelled(control)
    boxes = {box: tick(name, value=False) for box, name in BOXES.items()}
    return controls | boxes | {"errors": tick("show who shares whose errors", value=False)}


def setting_of(state: Mapping[str, object]) -> Setting:
    """The setting that the controls say. Raises `Refused` where there is none such."""
    chosen = {name: state[name] for name in Setting.__dataclass_fields__ if name in state}
    return Setting(assistants=tuple(n for box, n in BOXES.items() if state[box]), **chosen)


class Playground(Explorer):
    """All controls on one page. `setting` is the last one that can be; `text` holds its string."""

    def __init__(self) -> None:
        self.setting, self.problem, self.lock = Setting(), "", threading.RLock()
        self.own = own_runs.comparisons()
        self.text = widgets.Text(description="this setting", continuous_update=False)
        self.code = widgets.Textarea(layout={"width": "auto", "height": "420px"})
        examples = [("choose a question …", "")]
        examples += [(words, text) for text, words in (EXAMPLES | NOT_STORED).items()]
        self.example = layout.labelled(dropdown(examples, "Try this"))
        self.verdict, self.notice, self.errors = layout.live_text(), widgets.HTML(), widgets.VBox()
        self.training = TrainRow(self.update)
        self.shown_errors: Setting | None = None
        controls = make_controls(dict.fromkeys(found.dataset for found in self.own))
        super().__init__(controls, self.draw, hint=HINT)
        self.text.observe(self._pasted, names="value")
        self.example.observe(self._pasted, names="value")
        self._lay_out()

    def _lay_out(self) -> None:
        self.example.layout.flex = "0 1 560px"
        wrap = {"align_items": "flex-end", "flex_flow": "row wrap"}
        first = widgets.HBox([self.example, self.reset_button], layout=wrap)
        self.groups = {title: self._group(title, names) for title, names in GROUPS.items()}
        grid = widgets.VBox(list(self.groups.values())).add_class(layout.GRID)
        share = widgets.VBox([layout.labelled(self.text), self.notice, self.code])
        self.share = widgets.Accordion(
            [share], titles=["This setting as a line and as code"], selected_index=None
        )
        below = [self.view, self.controls["errors"], self.errors, self.share]
        shown = [first, grid, self.verdict, self.training, *below]
        self.children = [*shown, *layout.behaviour()]
        self.add_class(layout.PAGE)

    def _group(self, title: str, names: Iterable[str]) -> widgets.VBox:
        """The assistants' boxes share a row."""
        parts: list[widgets.Widget] = [self.controls[name] for name in names if name not in BOXES]
        if set(BOXES) <= set(names):
            boxes = [self.controls[box] for box in BOXES]
            parts.insert(1, layout.boxes("assistants between the two", *boxes))
        return layout.group(title, *parts)

    def update(self, change: object = None) -> None:
        with self.lock:  # a training's thread updates too
            super().update(change)

    def draw(self, **state: object) -> str:
        """The pictures; verdict, offer to train, string and code go where they belong."""
        own = state["dataset"] != COURSE
        self._choose_controls(own)
        if own:
            return self._draw_own(state["dataset"], str(state["cost"]))
        self.controls["way"].disabled = not any(state[box] for box in BOXES)
        try:
            self.setting, self.problem = setting_of(state), ""
        except Refused as problem:
            self.problem, self.example.value = f"This combination does not work: {problem}.", ""
            self.training.offer()
            self.verdict.value = pictures.said(self.problem)
            return svg.sentence("The line and the code are those of the last setting that works.")
        self.text.value, self.code.value = str(self.setting), to_code(self.setting)
        listed = self.text.value in EXAMPLES | NOT_STORED
        self.example.value, self.notice.value = self.text.value if listed else "", ""
        self._show_errors(bool(state["errors"]))
        return self._draw_setting(str(state["cost"]))

    def _draw_setting(self, cost: str) -> str:
        setting, scores = self.setting, scores_of(self.setting)
        lacking = [s for s in SEEDS if s not in scores[THIS] or s not in scores[BARE]]
        self.training.offer(
            plan_for(setting, lacking if setting.has_teacher else ()),
            plan_for(setting, (setting.seed,)),
            setting.seed,
        )
        self.verdict.value = pictures.said(pictures.in_words(setting, scores))
        words = pictures.teacher_in_words(setting)
        if lacking and (near := stored_neighbours(setting)):
            told = "; ".join(difference(setting, other) for other in near)
            words += f" Stored, with one difference: {told}."
        costs = [cost_of(name, cost) for name in (*STUDENTS, *OTHER_NETWORKS)]
        among = render_pareto(
            pictures.stored_points(cost),
            cost=cost,
            marked=(cost_of(setting.student, cost), scores[THIS].get(setting.seed)),
            costs=(min(costs), max(costs)),
            scores=pictures.SCORES,
        )
        left = pictures.render_scores(scores, setting.seed)
        return layout.figures(left, among) + svg.sentence(words)

    def _draw_own(self, key: object, cost: str) -> str:
        """A stored comparison on a data set of one's own."""
        found = [one for one in self.own if one.dataset == key]
        stored = self.controls["stored"]
        places = [self.own.index(one) for one in found]
        if stored.value not in places:
            stored.options = [(self.own[place].words, place) for place in places]
            stored.value = places[0]
        chosen = self.own[stored.value]
        self.training.offer()
        self.example.value = ""
        words = pictures.verdict_of(chosen.scores[THIS], chosen.scores[BARE], FEWEST_SEEDS)
        self.verdict.value = pictures.said(words)
        price, every = own_runs.recorded_cost, _all_scores(found)
        costs = [price(one.first, cost) for one in found]
        scale = 4 * np.floor(min(every) / 4), 4 * np.ceil(max(every) / 4 + 0.01)
        gain = 2 * np.ceil((max(every) - min(every)) / 2 + 0.01)
        among = render_pareto(
            own_runs.points_of(found, chosen, cost),
            cost=cost,
            marked=(price(chosen.first, cost), own_runs.mean_of(chosen.scores[THIS])),
            costs=(min(costs) / 1.5, max(costs) * 1.5),
            scores=scale,
        )
        left = pictures.render_scores(
            chosen.scores, scale=scale, gains=(-gain, gain), fewest=FEWEST_SEEDS
        )
        told = f"{chosen.words}. To add seeds, call distill(…, seeds=5) again: it goes on."
        return layout.figures(left, among) + svg.sentence(told)

    def _choose_controls(self, own: bool) -> None:
        """Those of the course's images, or those of one's own."""

        def show(widget: widgets.Widget, wanted: bool) -> None:
            widget.layout.display = None if wanted else "none"

        for name, control in self.controls.items():
            show(control, name in FOR_OWN if own else name != "stored")
        self.controls["stored"].disabled = not own
        if hasattr(self, "share"):
            for part in (self.groups["Teacher"], self.groups["Method"], self.training):
                show(part, not own)
            for part in (self.share, self.errors):
                show(part, not own)

    def put(self, setting: Setting) -> None:
        """Move all controls to a setting, with one redraw."""
        values = {box: name in setting.assistants for box, name in BOXES.items()} | vars(setting)
        values = {name: value for name, value in values.items() if name in self.controls}
        self.set(dataset=COURSE, **values)

    def _pasted(self, change: Mapping) -> None:
        """A line was typed, or an example chosen."""
        text = change["new"]
        if not text or (text == str(self.setting) and not self.problem):
            return  # `draw` wrote it
        try:
            self.put(parse(text))
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


def _all_scores(found: Iterable[own_runs.Comparison]) -> list[float]:
    return [v for one in found for of_arm in one.scores.values() for v in of_arm.values()]


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
