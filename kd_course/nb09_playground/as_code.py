"""A setting of the playground as lines of Python that give the same runs. Pure functions."""

from __future__ import annotations

from dataclasses import replace

from kd_course.nb06_assistants.experiments import of_labels
from kd_course.nb09_playground.setting import UNTREATED, Setting, alone, ladder, method_of
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
SOMETIMES = (replace, climb, Schedule, TransferSet, ViewSet)
SOMETIMES += tuple(getattr(methods, name) for name in methods.__all__)
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
    first = [f"teacher = {code_of(ladder(setting)[0])}", student]
    how = f"temperature={setting.temperature!r}, kd_weight={setting.kd_weight!r}"
    plain = f"method = HintonKD({how})"
    treated = f"method = {as_code(method_of(setting))}"
    if not setting.assistants:
        own = plain if setting.treatment == UNTREATED else treated
        return [*first, own, "recipe = replace(alone, teacher=teacher, method=method)"]
    names = (ladder(setting)[0].student, *setting.assistants, setting.student)
    climbed = [
        f"assistant = {code_of(of_labels(setting.seed, setting.student))}",
        plain,
        f'ladder = climb(\n    {as_code(names)}, "{setting.way}",\n'
        "    base=assistant, top=teacher, last=alone, method=method,\n)",
        "recipe = ladder[-1]",
    ]
    if setting.treatment != UNTREATED:
        climbed += [treated, "recipe = replace(recipe, method=method)"]
    return [*first, *climbed]


def code_of(recipe: Recipe) -> str:
    """The call that makes it, a line for each argument: its student, and what is not a default."""
    told = {"student": recipe.student} | {name: value for name, value, _ in changed_fields(recipe)}
    lines = [f"    {name}={as_code(value)},\n" for name, value in told.items()]
    return f"Recipe(\n{''.join(lines)})"
