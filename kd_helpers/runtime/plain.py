"""Frozen dataclasses as plain data and back: what a recipe, and its hash, is made of.

A value is written as the fields that differ from their defaults, so that new fields can be added.
Never change a default, or old results would get a new meaning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Plain:
    """Base of frozen dataclasses whose fields hold numbers, words, tuples or other `Plain`."""

    def __post_init__(self) -> None:
        """Give every field the type of its default: 8 and 8.0 are one temperature.

        Raises:
            ValueError: a value is not of that type; "no" is not False, 32.5 is no number of images.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, float) and type(value) is int:
                value = float(value)
            if isinstance(field.default, tuple) and isinstance(value, list):
                value = _tuples(value)
            check_type(field.name, value, field.default)
            object.__setattr__(self, field.name, value)


def check_type(name: str, value: object, default: object) -> None:
    """Raise ValueError unless a value has the type of a field's default, where that says one."""
    if default is None or default is MISSING:
        return
    expected = family(default) if isinstance(default, Plain) else type(default)
    if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
        kind = {
            bool: "True or False",
            int: "a whole number",
            float: "a number",
            str: "a word",
            tuple: "several values",
        }.get(expected, f"a {expected.__name__}")
        raise ValueError(f"got {name}={value!r}; expected {kind}, such as {as_code(default)}")


def family(value: Plain) -> type:
    """The class just under `Plain` of a value: any `Method` may stand for another."""
    return next(kind for kind in reversed(type(value).__mro__) if kind not in (object, Plain))


def check_whole(name: str, value: int | None, least: int) -> None:
    """Raise ValueError unless the value is None or a whole number, `least` or more."""
    if value is not None and (type(value) is not int or value < least):
        raise ValueError(f"got {name}={value!r}; expected a whole number, {least} or more, or None")


def check_temperature(temperature: float) -> None:
    """Raise ValueError unless the temperature is a finite number above 0."""
    if not 0 < temperature < float("inf"):
        raise ValueError(f"got temperature={temperature}; expected a finite number above 0")


def check_share(name: str, value: float) -> None:
    """Raise ValueError unless the value lies from 0 to 1."""
    if not 0 <= value <= 1:
        raise ValueError(f"got {name}={value}; expected a number from 0 to 1")


def check_weight(name: str, value: float) -> None:
    """Raise ValueError unless the value is 0 or a finite number above."""
    if not 0 <= value < float("inf"):
        raise ValueError(f"got {name}={value}; expected a number from 0 on")


def to_plain(value: object, default: object = MISSING) -> Any:
    """Data for JSON. The class is named where it is not that of the default."""
    if isinstance(value, tuple):
        return [to_plain(part) for part in value]
    if not isinstance(value, Plain):
        return value
    told = {name: to_plain(part, like) for name, part, like in changed_fields(value)}
    return told if type(value) is type(default) else {"class": type(value).__name__, **told}


def from_plain(plain: object, default: object = MISSING) -> Any:
    """The way back.

    Raises:
        ValueError: a class or a field that is not known here, or a value that the class refuses.
    """
    if isinstance(plain, list):
        return tuple(from_plain(part) for part in plain)
    if not isinstance(plain, dict):
        return plain
    kind: Any = class_named(plain["class"]) if "class" in plain else type(default)
    defaults = {field.name: field.default for field in fields(kind)}
    told = {name: value for name, value in plain.items() if name != "class"}
    if unknown := told.keys() - defaults.keys():
        raise ValueError(
            f"unknown {', '.join(sorted(unknown))}; {kind.__name__} has {', '.join(defaults)}"
        )
    return kind(**{name: from_plain(value, defaults[name]) for name, value in told.items()})


def changed_fields(value: Plain) -> Iterator[tuple[str, object, object]]:
    """(name, value, default) of each field that is not at its default."""
    for field in fields(value):
        content = getattr(value, field.name)
        if field.default is MISSING or content != field.default:
            yield field.name, content, field.default


def class_named(name: str) -> type[Plain]:
    """The one class of this name that was imported by now.

    Raises:
        ValueError: there is none, or there are two.
    """
    # A class with two parents is met twice.
    found = {kind for kind in descendants(Plain) if kind.__name__ == name}
    if len(found) != 1:
        raise ValueError(
            f"got the class {name!r}, expected the name of one class and found {len(found)}; "
            "import the module that defines it, and give no two classes one name"
        )
    return found.pop()


def descendants(kind: type) -> Iterator[type]:
    """All subclasses that were imported by now."""
    child: type
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


def as_code(value: object) -> str:
    """Python that makes the value, without what is at its default: "HintonKD(temperature=8.0)"."""
    if isinstance(value, tuple):
        return f"({', '.join(map(as_code, value))}{',' * (len(value) == 1)})"
    if isinstance(value, str):
        return f'"{value}"'
    if not isinstance(value, Plain):
        return repr(value)
    told = ", ".join(f"{name}={as_code(part)}" for name, part, _ in changed_fields(value))
    return f"{type(value).__name__}({told})"


def _tuples(value: object) -> object:
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value
