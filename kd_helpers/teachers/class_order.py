"""Classes by name: where the classes of a data set stand among a teacher's outputs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from kd_helpers.data.remarks import quoted


def places(known: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """For each wanted class, its place among the known ones.

    A name that is spelt exactly so comes first; else case, and underscores for spaces, do not
    matter, where only one class is meant.

    Raises:
        ValueError: classes that are not known (all are named), or a name that could mean two.
    """
    exact, near = by_spelling(known, str), by_spelling(known, loose)
    found = [exact.get(name) or near.get(loose(name), []) for name in wanted]
    missing = [name for name, at in zip(wanted, found, strict=True) if not at]
    if missing:
        raise ValueError(
            f"got a teacher that does not know {len(missing)} of {len(wanted)} classes: "
            f"{quoted(missing, 10)}; it knows {quoted(known, 10)}. Expected one that knows all: "
            "rename the classes where only the spelling differs, or fit a head: "
            "fit_head(teacher, data)"
        )
    for name, at in zip(wanted, found, strict=True):
        meant = [other for other, there in zip(wanted, found, strict=True) if there == at]
        if len(at) > 1 or len(meant) > 1:
            told = [known[place] for place in at]
            raise ValueError(
                f"got the classes {quoted(meant, 10)} for the teacher's {quoted(told, 10)}; "
                f"expected one class for each, but {name!r} could mean two: give them names that "
                "differ in more than case and underscores"
            )
    return [at[0] for at in found]


def by_spelling(names: Sequence[str], spell) -> dict[str, list[int]]:
    table = defaultdict(list)
    for place, name in enumerate(names):
        table[spell(name)].append(place)
    return dict(table)


def loose(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").split())
