"""A setting of the playground as lines of Python that give the same runs. Pure functions."""

from __future__ import annotations

from dataclasses import replace

from kd_course.nb06_assistants.experiments import of_labels
from kd_course.nb09_playground.setting import (
    TREATMENTS,
    UNTREATED,
    Setting,
    alone,
    ladder,
    plain_kd,
)
from kd_helpers import methods
from kd_helpers.data.augment import ViewSet
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.ladders import climb
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.runtime.plain import as_code, changed_fields
from kd_helpers.training.schedules import Schedule

ALWAYS = """from kd_helpers import Recipe, load_or_train
from kd_helpers.widgets.figures import draw_arms, new_figure
"""
METHODS = [getattr(methods, name) for name in methods.__all__]
SOMETIMES = (replace, climb, Schedule, TransferSet, ViewSet, *METHODS)
WIDE = 68  # characters of a recipe's arguments in one line
FIGURE = """runs = [load_or_train(r) for r in (alone, recipe)]
figure, (ax,) = new_figure(6, 1.4)
draw_arms(ax, {"no teacher": [runs[0].accuracy], "this setting": [runs[1].accuracy]})
figure"""


def to_code(setting: Setting) -> str:
    """Lines that make the recipes of the student (`recipe`) and of the same one without a teacher
    (`alone`), load or train both, and draw their accuracy. They need no name of the playground."""
    text = "\n".join([*_recipes(setting), FIGURE])
    used = [it for it in SOMETIMES if f"{it.__name__}(" in text]
    imports = [f"from {it.__module__} import {it.__name__}\n" for it in used]
    return "".join([ALWAYS, *imports, "\n", text])


def _recipes(setting: Setting) -> list[str]:
    student = f"alone = {code_of(alone(setting))}"
    if not setting.has_teacher:
        return [student, "recipe = alone  # nobody teaches"]
    lines = [f"teacher = {code_of(ladder(setting)[0])}", student]
    how = f"method=HintonKD(temperature={setting.temperature!r}, kd_weight={setting.kd_weight!r})"
    if not setting.assistants:
        lines.append(f"recipe = replace(alone, teacher=teacher, {how})")
    else:
        names = (ladder(setting)[0].student, *setting.assistants, setting.student)
        lines += [
            f"assistant = {code_of(of_labels(setting.seed, setting.student))}",
            f'ladder = climb(\n    {as_code(names)}, "{setting.way}",\n'
            f"    base=assistant, top=teacher, last=alone, {how},\n)",
            "recipe = ladder[-1]",
        ]
    if setting.treatment != UNTREATED:
        method = TREATMENTS[setting.treatment](plain_kd(setting))
        lines.append(f"recipe = replace(recipe, method={as_code(method)})")
    return lines


def code_of(recipe: Recipe) -> str:
    """A recipe as the call that makes it, with its student's name; broken where it is long."""
    changed = {"student": recipe.student} | {k: v for k, v, _ in changed_fields(recipe)}
    parts = [f"{name}={as_code(content)}" for name, content in changed.items()]
    if sum(map(len, parts)) > WIDE:
        return "Recipe(\n    " + ",\n    ".join(parts) + ",\n)"
    return f"Recipe({', '.join(parts)})"
