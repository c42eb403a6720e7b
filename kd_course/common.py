"""What all chapters share: how a chapter's package gives its names."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

SHARED = {  # what most notebooks take from the package beneath, through their chapter
    "kd_course.progress": "exercise_progress",
    "kd_helpers.experiments.compare": (
        "accuracies collect gain_table group_accuracies mean_soft_labels pair_table paired_verdict "
        "quality_row right_answers verdict_table verdict_tables verdicts"
    ),
    "kd_helpers.widgets.guess": "guess_number guess_one guess_order guess_tally",
    "kd_helpers.widgets.still": "display_figure display_live",
}


def lazy(package: str, **names: str) -> Callable[[str], object]:
    """A package's `__getattr__`: each name loads the module that it lives in, and no other.

    Args:
        names: module="the names in it", for each module of the package; a name with dots is a
            module elsewhere.
    """
    homes = {name: module for module, listed in names.items() for name in listed.split()}

    def find(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"{package} has no {name!r}; it has {', '.join(homes)}")
        home = homes[name]
        return getattr(import_module(home if "." in home else f"{package}.{home}"), name)

    return find
