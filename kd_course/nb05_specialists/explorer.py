"""The explorer of notebook 05: a team of teachers, member by member, and what they say together."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import ipywidgets as widgets
import numpy as np
import torch

from kd_course.nb05_specialists.member_answers import TeamAnswers
from kd_helpers.methods.targets import soften
from kd_helpers.widgets import svg
from kd_helpers.widgets.explorer import Explorer, limit_to, slider, tick, walker

MOST = 5  # members of one team


def members_on(boxes: Mapping[str, bool], count: int) -> tuple[bool, ...]:
    """Which of `count` members are on; all of them where none is."""
    on = tuple(boxes[f"member_{m}"] for m in range(count))
    return on if any(on) else (True,) * count


def build_team_explorer(
    images: np.ndarray,
    teams: Mapping[str, TeamAnswers],
    names: Mapping[str, Sequence[str]],
    labels: torch.Tensor,
    classes: Sequence[str],
) -> Explorer:
    """Switch members on and off, choose how they are joined, walk through the images.

    Args:
        images: (N, C, H, W) uint8. teams: name → what its members, at most five, say of them.
        names: name of the team → names of its members. labels: (N,). classes: names of all K.
    """
    joined = functools.lru_cache(maxsize=64)(
        lambda team, on, way, temperature: teams[team].joined(on, way, temperature)
    )

    def fit(controls: Mapping[str, widgets.Widget]) -> None:
        """Offer the members and the two ways of the chosen team."""
        team, way = controls["team"].value, controls["way"]
        if way.options != teams[team].ways:
            way.options = teams[team].ways
        for m in range(MOST):
            box, there = controls[f"member_{m}"], m < len(names[team])
            box.description = names[team][m] if there else ""
            box.layout.display = None if there else "none"
        limit_to(controls["place"], len(labels), "image")

    def render(team: str, way: str, temperature: float, place: int, **boxes: bool) -> str:
        answers, label = teams[team], int(labels[place])
        on = members_on(boxes, len(answers.members))
        together = joined(team, on, way, temperature)
        charts = [
            member_chart(answers, m, soften(z[place], temperature), names[team][m], label, classes)
            for m, z in enumerate(answers.members)
            if on[m]
        ]
        look = {"title": f"together: {way}", "colour": svg.GREEN, "width": 310}
        charts.append(svg.bars(classes, together[place].tolist(), marked=label, **look))
        right = (together.argmax(dim=1) == labels).double().mean().item()
        picture = svg.picture(images[place], alt=f"the image, a {classes[label]}")
        return svg.side_by_side(picture, *charts) + svg.sentence(
            f"Label: {classes[label]}. Together: {classes[int(together[place].argmax())]}. "
            f"Together right on {100 * right:.1f} % of these {len(labels)} images."
        )

    ways = next(iter(teams.values())).ways
    controls = {
        "team": widgets.Dropdown(options=list(teams), description="team"),
        "way": widgets.ToggleButtons(options=ways, description="joined by"),
        "temperature": slider("temperature T", 1.0, 1.0, 10.0, 0.5),
        "place": walker("image", len(labels)),
        **{f"member_{m}": tick() for m in range(MOST)},
    }
    hint = (
        "switch members off one by one. How many generalists can go before the share of right "
        "answers falls? Then choose another team: what can nobody answer when one member is gone?"
    )
    return Explorer(controls, render, hint=hint, before_render=fit)


def member_chart(
    answers: TeamAnswers,
    member: int,
    probabilities: torch.Tensor,
    name: str,
    label: int,
    classes: Sequence[str],
) -> str:
    """Bars of one member's outputs (O,), its last one for all classes that it does not know."""
    group = answers.classes_of(member)
    own = list(range(len(classes)) if group is None else group)
    outputs = [classes[k] for k in own] + ([] if group is None else [answers.rest])
    marked = own.index(label) if label in own else len(own)
    return svg.bars(outputs, probabilities.tolist(), marked=marked, title=name, width=310)
