"""Recipes from words, as on the command line: "method=DecoupledKD method.beta=2,8 teacher=course".

Words become values, and the dataclasses of a recipe say which of them they take.
"""

from __future__ import annotations

import ast
import itertools
from dataclasses import fields, replace
from typing import Any

from kd_course.nb02_hinton.experiments import TEACHER
from kd_helpers import methods
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.runtime.plain import Plain, class_named

SHORT = ("temperature", "kd_weight", "label_smoothing")  # as if "method." stood before them
WORDS = {"none": None, "yes": True, "no": False, "true": True, "false": False}


def parse_grid(settings: list[str]) -> list[Recipe]:
    """All combinations of settings such as "temperature=2,4", "transfer.images=600", "seed=0,1".

    A name is a field of `Recipe`, or of one of its parts after a dot. `teacher=course` is the
    course's teacher. Recipes that mean the same training are listed once.

    Raises:
        ValueError: a name or a value is not known, in any of the combinations.
    """
    choices: dict[str, list] = {}
    for setting in settings:
        name, sign, text = setting.partition("=")
        if not (sign and text) or name in choices:
            raise ValueError(f"got {setting}; expected NAME=VALUE,VALUE… with each name once")
        choices[name] = [value_of(part) for part in split(text)]
    every = itertools.product(*choices.values())
    return list(dict.fromkeys(build(dict(zip(choices, chosen, strict=True))) for chosen in every))


def split(text: str) -> list[str]:
    """At the commas outside of brackets: "2,4" → ["2", "4"]; "(7,),()" → ["(7,)", "()"]."""
    whole = f"[{text}]"
    try:
        tree = ast.parse(whole, mode="eval").body
    except SyntaxError:  # a word such as cnn-4-1xn
        return text.split(",")
    parts = tree.elts if isinstance(tree, ast.List) else []
    return [str(ast.get_source_segment(whole, part)) for part in parts] or text.split(",")


def value_of(text: str) -> object:
    """ "1e3" → 1000.0; "(7,)" → a tuple; "yes" → True; "none" → None; "DecoupledKD(beta=2.0)" →
    that method, as `describe` tells it; anything else is a word."""
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return text
    if isinstance(node, ast.Call):
        return made_by(node)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return WORDS.get(text.lower(), text)


def made_by(call: ast.Call) -> object:
    """The way back from `as_code`: a call of one of a recipe's own classes."""
    kind = class_named(ast.unparse(call.func))
    given = {str(word.arg): value_of(ast.unparse(word.value)) for word in call.keywords}
    try:
        return kind(*(value_of(ast.unparse(part)) for part in call.args), **given)
    except TypeError as problem:
        raise ValueError(f"got {ast.unparse(call)}: {problem}") from problem


def build(settings: dict[str, Any]) -> Recipe:
    """A recipe from values by name; dotted names are settings of the parts.

    A student with a teacher learns by HintonKD unless another method is named. In a grid
    kd_weight=0 is the student without a teacher.
    """
    parts: dict[str, dict[str, Any]] = {}
    for name, value in settings.items():
        head, _, tail = (f"method.{name}" if name in SHORT else name).partition(".")
        parts.setdefault(head, {})[tail] = value
    method, teacher = parts.pop("method", {}), parts.pop("teacher", {"": None})
    if teacher not in ({"": "course"}, {"": None}):
        raise ValueError(f"got teacher={teacher.get('')}; expected course, its own one, or none")
    if method.get("kd_weight") == 0:
        teacher = {"": None}
        method = {name: value for name, value in method.items() if name == "label_smoothing"}
    changes: dict[str, Any] = {head: part_of(head, values) for head, values in parts.items()}
    changes["teacher"] = TEACHER if teacher[""] else None
    return changed(Recipe(), changes | {"method": method_of(method, changes["teacher"])}, "")


def part_of(head: str, values: dict[str, Any]) -> object:
    """A field of a recipe: a value, or one of its parts with other settings."""
    part: Any = getattr(Recipe(), head, None)
    if not isinstance(part, Plain) and "" in values:
        return values[""]
    if not isinstance(part, Plain):
        return changed(Recipe(), {f"{head}.{name}": value for name, value in values.items()}, "")
    if "" in values:
        example = f"{head}.{next(iter(vars(part)))}=…"
        raise ValueError(f"got {head}={values['']}; expected its settings, such as {example}")
    return changed(part, values, f"{head}.")


def method_of(settings: dict[str, Any], teacher: Recipe | None) -> methods.Method:
    """The method that is named, or the one that goes without saying, with these settings."""
    named = settings.pop("", "HintonKD" if teacher else "CrossEntropy")
    if named == "CrossEntropy" and settings.keys() & {"temperature", "kd_weight"}:
        raise ValueError(f"got {' and '.join(settings)} without a teacher; add teacher=course")
    method = getattr(methods, named)() if named in methods.__all__ else named
    if not isinstance(method, methods.Method):
        raise ValueError(f"got method={named}; expected one of {', '.join(methods.__all__)}")
    return changed(method, settings, "method.")


def changed(part: Any, values: dict[str, Any], prefix: str) -> Any:
    """The same part with other values; what a treatment does not know is for the method inside."""
    own = {field.name: field for field in fields(part)}
    inner = {name: value for name, value in values.items() if name not in own}
    if inner and "method" in own and prefix:
        mine = {name: value for name, value in values.items() if name in own}
        return replace(part, **mine, method=changed(part.method, inner, prefix))
    if inner:
        known = ", ".join(f"{prefix}{name}" for name in own)
        raise ValueError(f"unknown setting {prefix}{next(iter(inner))}; known: {known}")
    return replace(part, **values)
