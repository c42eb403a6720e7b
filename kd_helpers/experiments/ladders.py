"""Ladders of networks from a teacher down to a student, and who teaches whom on them.

Chain: Mirzadeh et al., AAAI 2020 (TAKD). Dense, and dense with sources left out at random: Son et
al., ICCV 2021 (DGKD). A ladder is a tuple of ordinary recipes for the one loop; every rung answers
its students from the cache, so n rungs cost n trainings.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import torch

from kd_helpers.experiments.metrics import count_multiply_adds, count_parameters
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods import DenselyGuidedKD, HintonKD
from kd_helpers.models.zoo import MODEL_NAMES, make_model
from kd_helpers.teachers import Dense

WAYS = ("direct", "chain", "dense", "stochastic")
SURVIVAL = 0.75  # the paper's best
PLAIN_KD = HintonKD()


def climb(
    names: Sequence[str],
    way: str,
    *,
    base: Recipe,
    top: Recipe | None = None,
    last: Recipe | None = None,
    method: HintonKD = PLAIN_KD,
    sources: DenselyGuidedKD | None = None,
) -> tuple[Recipe, ...]:
    """The recipes of a ladder, teacher first, student last; "direct" needs no assistants.

    Args:
        names: of the networks, from the teacher's to the student's, at least two.
        way: "direct", the teacher teaches the student; "chain", every rung the next one; "dense",
            every rung all that follow; "stochastic", the same, and the last rung leaves sources
            out.
        base: all else, such as seed, images and steps; without teacher. top, last: the same for the
            teacher, and for the student, where they are not the base's.
        method: temperature, weights and strength of every taught rung. The public codes of TAKD and
            DGKD average the divergence over the classes too, which makes the strength 1 / classes.
        sources: how a dense ladder puts its sources together; its temperature, weights and strength
            are those of `method`. By default all of them, in "stochastic" each with probability
            0.75, where it is for the last rung only (so in the paper).

    Raises:
        ValueError: less than two networks, an unknown name or way, sources for another way.
    """
    check_ladder(names, way, sources)
    if sources is None:
        sources = DenselyGuidedKD(survival=SURVIVAL if way == "stochastic" else 1.0)
    sources = replace(
        sources, **{field.name: getattr(method, field.name) for field in fields(method)}
    )
    # All but who is left out is for the assistants too.
    for_assistants = replace(sources, survival=1.0, removed=0) if way == "stochastic" else sources
    if way == "direct":
        names = (names[0], names[-1])
    rungs = [replace(top or base, student=names[0])]
    for place, name in enumerate(names[1:], start=1):
        above = tuple(rungs) if way in ("dense", "stochastic") else (rungs[-1],)
        used = sources if place == len(names) - 1 else for_assistants
        own = last if last and place == len(names) - 1 else base
        rungs.append(replace(own, student=name, **teaching_of(above, method, used)))
    return tuple(rungs)


def teaching_of(
    teachers: tuple[Recipe, ...], method: HintonKD, sources: DenselyGuidedKD
) -> dict[str, Any]:
    """Who teaches, as fields of a recipe. One source that is never left out is a plain teacher."""
    if len(teachers) == 1 and sources.survival == 1 and not sources.removed:
        return {"teacher": teachers[0], "method": method}
    return {"teacher": Dense(teachers), "method": sources}


def check_ladder(names: Sequence[str], way: str, sources: DenselyGuidedKD | None) -> None:
    if way not in WAYS:
        raise ValueError(f"got way={way!r}; expected one of {', '.join(WAYS)}")
    if len(names) < 2:
        raise ValueError(f"got the ladder {list(names)}; expected a teacher and a student at least")
    for name in names:
        if name not in MODEL_NAMES:
            raise ValueError(f"unknown model {name!r}; known: {', '.join(MODEL_NAMES)}")
    if sources is not None and way in ("direct", "chain"):
        raise ValueError(f"got sources for way={way!r}; expected them for dense or stochastic only")
    sizes = [sizes_of(name) for name in names]
    for place in range(1, len(names)):
        (own, work), (above, its_work) = sizes[place], sizes[place - 1]
        if own > above and work > its_work:
            warnings.warn(
                f"{names[place]} ({own:,} parameters) is larger than its teacher "
                f"{names[place - 1]} ({above:,})",
                stacklevel=3,
            )


@functools.cache
def sizes_of(name: str) -> tuple[int, int]:
    """Parameters, and multiply-adds for an image, with ten classes and colour images of 32×32.

    A network counts as larger where it has more of both: cnn-8 has more parameters than resnet-20,
    and does a third of its work. Nothing is computed, and no memory taken.
    """
    with torch.device("meta"):
        model = make_model(name, num_classes=10, in_channels=3, image_size=32)
        return count_parameters(model), count_multiply_adds(model, (3, 32, 32))


def error_overlap(first: torch.Tensor, second: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of the errors of either network that both make, |E₁ ∩ E₂| / |E₁ ∪ E₂|; 0 without
    errors.

    Args:
        first, second: answered classes (N,). labels: (N,).
    """
    wrong_1, wrong_2 = first != labels, second != labels
    either = (wrong_1 | wrong_2).sum().item()
    return (wrong_1 & wrong_2).sum().item() / either if either else 0.0
