"""A setting of the playground as lines of Python that give the same runs. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass

from kd_course.nb06_assistants.experiments import of_labels
from kd_course.nb09_playground.setting import TREATMENTS, UNTREATED, Setting, alone, ladder
from kd_helpers.experiments.recipe import Recipe

MODULES = {
    "replace(": "from dataclasses import replace",
    "Recipe(": "from kd_helpers import Recipe, load_or_train",
    "climb(": "from kd_helpers.experiments.ladders import climb",
    "Lesson(": "from kd_helpers.methods.objective import Lesson",
    "new_figure(": "from kd_helpers.widgets.figures import draw_bars, new_figure",
    "Schedule(": "from kd_helpers.training.schedules import Schedule",
    "TransferSet(": "from kd_helpers.data.transfer_set import TransferSet",
    "ViewSet(": "from kd_helpers.data.augment import ViewSet",
}
WIDE = 88  # characters in a line


def to_code(setting: Setting) -> str:
    """Lines that make the recipes of the student (`recipe`) and of the same one without a teacher
    (`alone`), load or train both, and draw their accuracy. They need no name of the playground."""
    body = [f"alone = {code_of(alone(setting))}"]
    if not setting.has_teacher:
        body.append("recipe = alone  # nobody teaches")
    else:
        body = [f"teacher = {code_of(ladder(setting)[0])}", *body, *_taught(setting)]
    if setting.has_teacher and setting.treatment != UNTREATED:
        body.append(f"recipe = replace(recipe, lesson={code_of(TREATMENTS[setting.treatment])})")
    text = "\n".join([*body, FIGURE])
    return "\n".join([line for name, line in MODULES.items() if name in text] + ["", text])


FIGURE = """runs = [load_or_train(r) for r in (alone, recipe)]
figure, (ax,) = new_figure(6, 1.4)
draw_bars(ax, ["no teacher", "this setting"], [r.accuracy for r in runs], x="test accuracy, %")
figure"""


def _taught(setting: Setting) -> list[str]:
    how = f"temperature={setting.temperature!r}, kd_weight={setting.kd_weight!r}"
    if not setting.assistants:
        return [f"recipe = replace(alone, teacher=teacher, {how})"]
    names = (ladder(setting)[0].student, *setting.assistants, setting.student)
    words = ", ".join(f'"{name}"' for name in names)
    return [
        f"assistant = {code_of(of_labels(setting.seed, setting.student))}",
        f'ladder = climb(\n    ({words}), "{setting.way}",\n'
        f"    base=assistant, top=teacher, last=alone, {how},\n)",
        "recipe = ladder[-1]",
    ]


def code_of(value: object) -> str:
    """A dataclass as the call that makes it, without what is at its default; broken where long."""
    if not is_dataclass(value):
        return f'"{value}"' if isinstance(value, str) else repr(value)
    given: Mapping[str, object] = {f.name: getattr(value, f.name) for f in fields(value)}
    changed = {f.name: given[f.name] for f in fields(value) if given[f.name] != f.default}
    if isinstance(value, Recipe):
        changed = {"student": value.student} | changed
    parts = [f"{name}={code_of(content)}" for name, content in changed.items()]
    line = f"{type(value).__name__}({', '.join(parts)})"
    if len(line) <= WIDE or not isinstance(value, Recipe):
        return line
    return f"{type(value).__name__}(\n    " + ",\n    ".join(parts) + ",\n)"
