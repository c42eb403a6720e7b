"""Recipes from words: "temperature=2,4 teacher=course" on the command line."""

from __future__ import annotations

import ast
import itertools
from dataclasses import fields
from typing import Any

from kd_course.nb02_hinton.experiments import TEACHER
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods import HintonKD, Method
from kd_helpers.runtime.plain import Plain, class_named, descendants

SHORT = ("temperature", "kd_weight", "label_smoothing")


def parse_grid(settings: list[str]) -> list[Recipe]:
    """All combinations of settings such as "temperature=2,4", "transfer.images=600", "seed=0,1".

    A name is a field of `Recipe`, or of one of its parts after a dot. `teacher=course` is the
    course's teacher. Recipes that mean the same training are listed once.

    Raises:
        ValueError: a name or a value is not known; the message says which are.
    """
    pairs = [setting.partition("=") for setting in settings]
    names = [name for name, _, _ in pairs]
    for name, sign, text in pairs:
        if not (sign and text) or names.count(name) > 1:
            raise ValueError(
                f"got {name}{sign}{text}; expected NAME=VALUE,VALUE… with each name once"
            )
    choices = [values_of(text) for _, _, text in pairs]
    recipes = []
    for chosen in itertools.product(*choices):
        recipes.append(build(dict(zip(names, chosen, strict=True))))
    return list(dict.fromkeys(recipes))


def values_of(text: str) -> list:
    """ "1,2.5" → [1, 2.5]; "cnn-2,cnn-4" → two names; "(7,),()" → two tuples; "none" → None."""
    try:
        values = list(ast.literal_eval(f"[{text}]"))
    except (ValueError, SyntaxError):
        values = text.split(",")
    words = {"none": None, "None": None, "course": TEACHER, "true": True, "false": False}
    return [words.get(value, value) if isinstance(value, str) else value for value in values]


def build(settings: dict[str, object]) -> Recipe:
    """A recipe from values by name; dotted names set the parts first.

    `temperature`, `kd_weight` and `label_smoothing` are short for the method's; without a name the
    method is HintonKD where there is a teacher. In a grid kd_weight=0 is the student without one.
    """
    parts: dict[str, dict[str, object]] = {}
    for name, value in settings.items():
        head, _, tail = (f"method.{name}" if name in SHORT else name).partition(".")
        parts.setdefault(head, {})[tail] = value
    method = parts.pop("method", {})
    if method.get("kd_weight") == 0:
        parts.pop("teacher", None)
        method = {name: value for name, value in method.items() if name == "label_smoothing"}
    taught = parts.get("teacher", {"": None}).get("") is not None
    default = Recipe()
    changes = {
        head: values[""]
        if set(values) == {""}
        else changed(getattr(default, head, None), values, f"{head}.")
        for head, values in parts.items()
    }
    return changed(default, changes | {"method": method_of(method, taught)}, "")


def method_of(settings: dict[str, object], taught: bool) -> Method:
    """The method that is named, with its settings; those of T and weights reach its core."""
    name = settings.pop("", "HintonKD" if taught else "CrossEntropy")
    kind = class_named(name) if isinstance(name, str) else None
    if kind is None or not issubclass(kind, Method):
        known = ", ".join(sorted(kind.__name__ for kind in descendants(Method)))
        raise ValueError(f"got method={name!r}; expected one of {known}")
    own = {field.name for field in fields(kind)}
    inner = (
        {name: settings.pop(name) for name in list(settings) if name not in own}
        if "method" in own
        else {}
    )
    if inner:
        settings["method"] = changed(HintonKD(), inner, "method.")
    return made(kind, settings, "method.")


def changed(part: object, values: dict[str, object], prefix: str) -> Any:
    """The same part with other values."""
    if not isinstance(part, Plain):
        raise ValueError(f"got {prefix}{', '.join(values)}; expected a setting of a recipe")
    before = {field.name: getattr(part, field.name) for field in fields(part)}
    return made(type(part), before | values, prefix)


def made(kind: type[Plain], values: dict[str, object], prefix: str) -> Any:
    known = [field.name for field in fields(kind)]
    for name in values:
        if name not in known:
            every = ", ".join(f"{prefix}{field}" for field in known)
            raise ValueError(f"unknown setting {prefix}{name}; known: {every}")
    return kind(**values)
