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
from kd_helpers.widgets.explorer import Explorer, limit_to, slider

MOST = 5  # members of one team


def members_on(controls: Mapping[str, bool], count: int) -> tuple[bool, ...]:
    """Which of `count` members are on; all of them where none is."""
    on = tuple(controls[f"member_{m}"] for m in range(count))
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
            box = controls[f"member_{m}"]
            there = m < len(names[team])
            box.description = names[team][m] if there else ""
            box.layout.display = None if there else "none"
        limit_to(controls["place"], len(labels), "image")

    def render(team: str, way: str, temperature: float, place: int, **boxes: bool) -> str:
        answers = teams[team]
        on = members_on(boxes, len(answers.members))
        together = joined(team, on, way, temperature)
        own = [soften(z[place], temperature) for z in answers.members]
        told = {
            names[team][m]: (own[m], *outputs_of(answers, m, classes))
            for m, is_on in enumerate(on)
            if is_on
        }
        right = (together.argmax(dim=1) == labels).double().mean().item()
        words = f"Together right on {100 * right:.1f} % of these {len(labels)} images."
        return render_team(
            images[place],
            told,
            (f"together: {way}", together[place]),
            int(labels[place]),
            classes,
            words,
        )

    wide = {"style": {"description_width": "initial"}, "layout": {"width": "380px"}}
    ways = next(iter(teams.values())).ways
    controls = {
        "team": widgets.Dropdown(options=list(teams), description="team", **wide),
        "way": widgets.ToggleButtons(options=ways, description="joined by"),
        "temperature": slider("temperature T", 1.0, 1.0, 10.0, 0.5),
        "place": widgets.IntSlider(0, 0, len(labels) - 1, description="image", **wide),
        **{
            f"member_{m}": widgets.Checkbox(
                value=True, indent=False, layout={"width": "max-content"}
            )
            for m in range(MOST)
        },
    }
    hint = (
        "switch members off one by one. How many generalists can go before the share of right "
        "answers falls? Then choose another team: what can nobody answer when one member is gone?"
    )
    return Explorer(controls, render, hint=hint, before_render=fit)


def outputs_of(
    answers: TeamAnswers, member: int, classes: Sequence[str]
) -> tuple[list[str], dict[int, int]]:
    """Names of a member's outputs, and which output each of its classes is."""
    group = answers.classes_of(member)
    own = range(len(classes)) if group is None else group
    names = [classes[k] for k in own] + ([] if group is None else [answers.rest])
    return names, {k: place for place, k in enumerate(own)}


def render_team(
    image: np.ndarray,
    told: Mapping[str, tuple[torch.Tensor, list[str], dict[int, int]]],
    joint: tuple[str, torch.Tensor],
    label: int,
    classes: Sequence[str],
    words: str,
) -> str:
    """Picture, bars of every member, bars of the joint answer, a sentence.

    Args:
        image: (C, H, W) uint8. told: name → probabilities (O,), names of the outputs, and which
            output each class is; all others belong to the last. joint: its name, and (K,).
    """
    panels = [
        svg.bars(
            outputs, p.tolist(), marked=places.get(label, len(outputs) - 1), title=name, width=310
        )
        for name, (p, outputs, places) in told.items()
    ]
    panels.append(
        svg.bars(
            classes, joint[1].tolist(), marked=label, title=joint[0], colour=svg.GREEN, width=310
        )
    )
    picture = svg.picture(image, alt=f"the image, a {classes[label]}")
    said = f"Label: {classes[label]}. Together: {classes[int(joint[1].argmax())]}. {words}"
    return svg.side_by_side(picture, *panels) + svg.sentence(said)
