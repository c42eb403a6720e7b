"""The controls of the static site: explorers, and the settings whose pictures are drawn
beforehand."""

from __future__ import annotations

import functools
import html
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np

from kd_course import (
    nb01_targets,
    nb02_hinton,
    nb03_confidence,
    nb06_assistants,
    nb08_faults,
    nb11_low_precision,
    nb12_sequences,
)
from kd_course.nb02_hinton.experiments import KD_WEIGHTS, SEEDS
from kd_course.nb02_hinton.experiments import TEMPERATURES as MAPPED
from kd_course.nb02_hinton.explorers import ORDERS
from kd_helpers import load_dataset, load_or_train
from kd_helpers.training.loop import predict
from kd_helpers.widgets.explorer import ALPHA, Explorer

TEMPERATURES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 14.0, 20.0)
PICTURES = 6  # of each order
TYPED = ("thought", "knowledge", "teacher", "student", "rhythm", "queue", "colonel", "zorble")


@dataclass(frozen=True)
class Control:
    """One control on the page: its label and the values that it can take."""

    label: str
    values: Sequence


@dataclass(frozen=True)
class Live:
    """An explorer of a notebook as it lives without a kernel."""

    build: Callable[[], Explorer]
    call: str  # the function that builds it in the notebook
    controls: Mapping[str, Control]
    note: str = ""  # what the page cannot do
    fixed: Mapping[str, object] | None = None  # controls that are set and not shown


def temperature() -> Explorer:
    data = load_dataset("fashion-mnist")
    logits = load_or_train(nb01_targets.TEACHER, quiet=True).logits("test").numpy()
    images, labels = data.test.images.numpy(), data.test.labels.numpy()
    return nb01_targets.build_temperature_explorer(images, logits, labels, data.classes)


def settings() -> Explorer:
    lab = nb02_hinton
    alone = lab.accuracies(lab.collect(lab.lab_arms, SEEDS))["600 labels"]
    return lab.build_settings_explorer(lab.accuracies(lab.collect(lab.map_arms, SEEDS)), alone)


@functools.cache
def least_sure() -> tuple:
    """Images, teacher's logits and labels of the validation images that notebook 03 shows."""
    val = load_dataset("fashion-mnist").val
    logits = predict(load_or_train(nb03_confidence.TEACHER, quiet=True).model(), val.images)
    rows = logits.softmax(dim=1).max(dim=1).values.argsort()[:50]
    return val.images[rows].numpy(), logits[rows], val.labels[rows]


def seeking() -> Explorer:
    classes = load_dataset("fashion-mnist").classes
    return nb03_confidence.build_seeking_explorer(*least_sure(), classes)


def ladders() -> Explorer:
    lab = nb06_assistants

    def find(teacher: str, assistants: tuple[str, ...], way: str):
        return lab.stored_rungs([lab.ladder(s, assistants, way, teacher=teacher) for s in SEEDS])

    return lab.build_ladder_explorer(find, lab.ASSISTANTS, lab.STUDENT)


def museum() -> Explorer:
    lab = nb08_faults
    return lab.build_museum_explorer(
        lab.EXHIBITS, lambda exhibit: lab.arms_of(exhibit, SEEDS), lab.outcome
    )


@functools.cache
def few_bits() -> Explorer:
    """As notebook 11 builds it: the files are those that it writes."""
    lab, data = nb11_low_precision, load_dataset("fashion-mnist")
    floats, few = (lab.collect(arms, SEEDS) for arms in (lab.float_arms, lab.low_arms))
    whole, low = (lab.right_answers(runs, data.test.labels) for runs in (floats, few))
    taught = {lab.FLOAT: floats[lab.TAUGHT][0]} | {w: few[w, lab.TAUGHT][0] for w in lab.WIDTHS}
    sizes = lab.kilobytes(lab.write_files(taught, data))
    points = lab.points_of(whole, low, lab.all_afterwards(floats, data), sizes)
    first = {(lab.FLOAT, arm): runs[0] for arm, runs in floats.items()}
    first |= {key: runs[0] for key, runs in few.items()}
    return lab.build_width_explorer(points, lab.output_weights(first, 6), "Shirt")


def spelling() -> Explorer:
    lab = nb12_sequences
    spellers = {"teacher": lab.teacher()}
    for arm, lesson in lab.arms(0).items():
        spellers[f"student, {arm}"] = lab.speller_of(lesson, lab.load_or_train(arm, lesson))
    return lab.build_spelling_explorer(spellers, "student, sequence")


LIVE = {
    "01_soft_and_hard_targets": Live(
        temperature,
        "build_temperature_explorer",
        {
            "order": Control("images", ORDERS[:2]),
            "place": Control("image", range(PICTURES)),
            "temperature": Control("temperature T", TEMPERATURES),
        },
        f"Here: {PICTURES} images of two kinds and {len(TEMPERATURES)} temperatures. The notebook "
        "has all images, all temperatures from 0.25 to 20, and pairs of classes.",
    ),
    "02_hinton_distillation": Live(
        settings,
        "build_settings_explorer",
        {"temperature": Control("temperature T", MAPPED), "kd_weight": Control(ALPHA, KD_WEIGHTS)},
    ),
    "03_confident_logits": Live(
        seeking,
        "build_seeking_explorer",
        {
            "beta": Control("β, with α = 1 − β", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)),
            "one": Control("image", range(4)),
            "other": Control("other image", range(4)),
        },
        "Here: four images. The notebook has fifty.",
    ),
    "06_teacher_assistants": Live(
        ladders,
        "build_ladder_explorer",
        {
            "teacher": Control("teacher", tuple(nb06_assistants.ASSISTANTS)),
            "way": Control("taught by", nb06_assistants.WAYS),
            **{f"assistant_{i}": Control(f"assistant {i + 1}", (False, True)) for i in range(3)},
        },
        "Assistants are counted from the largest one.",
    ),
    "08_when_distillation_fails": Live(
        museum,
        "build_museum_explorer",
        {
            "exhibit": Control(
                "exhibit", [f"{i}. {e.title}" for i, e in enumerate(nb08_faults.EXHIBITS, start=1)]
            ),
            "fault": Control("switch the fault on", (False, True)),
        },
        "Guess before you switch it on: the page does not ask.",
        {"guess": nb08_faults.GUESSES[1]},
    ),
    "11_a_student_in_few_bits": Live(
        few_bits,
        "build_width_explorer",
        {
            "width": Control("weights", (nb11_low_precision.FLOAT, *nb11_low_precision.WIDTHS)),
            "lesson": Control("lesson", (nb11_low_precision.LABELS, nb11_low_precision.TAUGHT)),
            "when": Control("rounded", ("while training", "afterwards")),
        },
    ),
    "12_sequences": Live(
        spelling,
        "build_spelling_explorer",
        {
            "word": Control("word", TYPED),
            "lesson": Control("student", [f"student, {arm}" for arm in nb12_sequences.arms(0)]),
            "looks": Control("attention of", ("teacher", "student, sequence")),
        },
        f"Here: {len(TYPED)} words, one of them made up. The notebook takes any word.",
    ),
}


def frames(live: Live) -> dict:
    """Every picture once, and which of them belongs to which setting, the last control fastest."""
    explorer, seen, index = live.build(), {}, []
    for values in itertools.product(*(control.values for control in live.controls.values())):
        chosen = dict(zip(live.controls, values, strict=True))
        explorer.set(**(live.fixed or {}), **chosen)
        picture = without_guess(explorer.view.value) if live.fixed else explorer.view.value
        index.append(seen.setdefault(picture, len(seen)))
    first = explorer.defaults  # the notebook's first setting, as places among the values
    defaults = [
        list(control.values).index(first[name]) if first[name] in control.values else 0
        for name, control in live.controls.items()
    ]
    shown = [[str(value) for value in control.values] for control in live.controls.values()]
    return {"frames": list(seen), "index": index, "values": shown, "defaults": defaults}


def without_guess(picture: str) -> str:
    """The verdict without what it says of a guess that nobody made."""
    head, mark, tail = picture.partition(" You guessed ")
    return head + tail[tail.index("</div>") :] if mark else picture


def block(live: Live, name: str) -> str:
    """The explorer as HTML: controls, the first picture, and all pictures as data."""
    data, explorer = frames(live), live.build()
    row = np.ravel_multi_index(data["defaults"], [len(values) for values in data["values"]])
    first = data["frames"][data["index"][row]]
    parts = [
        control_html(f"{name}-{key}", control, explorer.controls[key], data["defaults"][i])
        for i, (key, control) in enumerate(live.controls.items())
    ]
    stored = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")
    note = f"<div class='note'>{html.escape(live.note)}</div>" if live.note else ""
    return (
        f"<div class='explorer'><div class='controls'>{''.join(parts)}"
        "<button type='button'>Reset</button></div>"
        "<noscript>The controls need JavaScript; this is their first picture.</noscript>"
        f"<div class='view'>{first}</div>{note}"
        f"<script type='application/json'>{stored}</script></div>"
    )


def control_html(name: str, control: Control, widget: widgets.Widget, default: int) -> str:
    """A range for numbers, a box for yes and no, else a list."""
    label = html.escape(control.label)
    if isinstance(widget, widgets.Checkbox):
        checked = " checked" if default else ""
        return f"<label><input type='checkbox' data-control='{name}'{checked}> {label}</label>"
    if isinstance(widget, (widgets.FloatSlider, widgets.IntSlider, widgets.SelectionSlider)):
        last = len(control.values) - 1
        return (
            f"<label>{label} <input type='range' min='0' max='{last}' step='1' value='{default}' "
            f"data-control='{name}'> <output></output></label>"
        )
    chosen = {default: " selected"}
    options = "".join(
        f"<option value='{i}'{chosen.get(i, '')}>{html.escape(str(value))}</option>"
        for i, value in enumerate(control.values)
    )
    return f"<label>{label} <select data-control='{name}'>{options}</select></label>"
