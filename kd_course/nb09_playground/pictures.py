"""What the playground shows of a setting: pictures and sentences. Pure functions of stored
results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from kd_course.nb02_hinton.experiments import SEEDS
from kd_course.nb06_assistants.experiments import gap_teachers
from kd_course.nb09_playground.find_or_train import BARE, SOFT, THIS, Scores
from kd_course.nb09_playground.pareto import Points, cost_of
from kd_course.nb09_playground.setting import Setting, alone, teacher_of
from kd_helpers.experiments import compare
from kd_helpers.experiments.run import load_run
from kd_helpers.widgets import svg

COLOURS = {THIS: svg.RED, BARE: svg.GREY, SOFT: svg.BLUE}
SCORES, GAINS = (75.0, 95.0), (-6.0, 6.0)  # the axes, the same for all settings
WORD_COLOURS = {compare.BETTER: svg.BLUE, compare.WORSE: svg.RED}
WIDTH, ROW = 580, 40  # pixels of the left picture, and of one of its rows


def render_scores(
    scores: Mapping[str, Scores],
    seed: int | None = None,
    *,
    scale: tuple[float, float] = SCORES,
    gains: tuple[float, float] = GAINS,
    fewest: int = compare.FEWEST_SEEDS,
) -> str:
    """Every arm on one axis, below it the differences to the arms without a teacher on another.

    A dot a seed, that of `seed` filled (None: all); a bar for the 95 % interval of the mean.
    """
    title = "Test accuracy, %: a dot a seed" + (f", filled for seed {seed}" * (seed is not None))
    rows = {f"{name}: {in_numbers(of, seed)}": of for name, of in scores.items()}
    parts, base = _panel(0, title, rows, [COLOURS[name] for name in scores], scale, seed)
    rows = {f"against {name}": _paired(scores, name) for name in (BARE, SOFT)}
    words = "Points more than without a teacher: paired by seed, bar: 95 % interval"
    colours = [COLOURS[name] for name in (BARE, SOFT)]
    below, base = _panel(base + 8, words, rows, colours, gains, seed, fewest)
    told = "Test accuracy of every seed, and paired differences"
    return svg.svg(WIDTH, base, told, parts + below)


def _paired(scores: Mapping[str, Scores], baseline: str) -> Scores:
    own, other = scores[THIS], scores[baseline]
    return {seed: own[seed] - other[seed] for seed in own if seed in other}


def _panel(
    top: float,
    title: str,
    rows: Mapping[str, Scores],
    colours: Sequence[str],
    scale: tuple[float, float],
    filled: int | None,
    fewest: int | None = None,
) -> tuple[str, float]:
    """Rows of dots over one axis, and where the next panel may begin. A value outside lies at the
    edge. fewest: values for a bar of their mean's interval; None: no bars, and no line at 0."""
    low, high = scale

    def px(value: float) -> float:
        return 12 + (min(max(value, low), high) - low) / (high - low) * (WIDTH - 32)

    end = top + 28 + ROW * len(rows)
    parts = [svg.text(0, top + 14, title, size=13, extra=svg.BOLD)]
    if fewest is not None and low < 0 < high:
        parts.append(svg.line(px(0), top + 22, px(0), end, svg.BLACK, "stroke-dasharray='4 3'"))
    for i, ((words, values), colour) in enumerate(zip(rows.items(), colours, strict=True)):
        y = top + 52 + ROW * i
        outside = any(not low <= value <= high for value in values.values())
        parts.append(svg.text(12, y - 12, words + " (off this axis)" * outside))
        if fewest is not None and len(values) >= max(fewest, 2):
            given = list(values.values())
            left, right = compare.mean_interval(given)
            parts.append(_bar(px(left), px(right), y, px(float(np.mean(given)))))
        parts += [
            svg.dot(px(value), y, colour, filled=filled in (None, seed), r=5.5)
            for seed, value in values.items()
        ]
    parts.append(svg.line(12, end + 4, WIDTH - 20, end + 4, svg.GREY))
    for tick in np.linspace(low, high, 5):
        parts.append(svg.text(px(tick), end + 19, f"{tick:g}", anchor="middle"))
    return "".join(parts), end + 24


def _bar(low: float, high: float, y: float, middle: float) -> str:
    thick = "stroke-width='4'"
    return svg.line(low, y, high, y, svg.BLACK, thick) + svg.line(
        middle, y - 9, middle, y + 9, svg.BLACK, thick
    )


def in_numbers(scores: Scores, seed: int | None) -> str:
    """Accuracy of one seed, and the mean of the course's five, or of all where none is chosen."""
    if seed is None:
        told = list(scores.values())
        return f"mean of {len(told)} seeds {np.mean(told):.2f}" if told else "not stored"
    own = f"{scores[seed]:.2f} with seed {seed}" if seed in scores else f"seed {seed} not stored"
    five = [scores[s] for s in SEEDS if s in scores]
    return own + (f", mean of five {np.mean(five):.2f}" if len(five) == len(SEEDS) else "")


def in_words(setting: Setting, scores: Mapping[str, Scores]) -> str:
    """The verdict on a setting over the five seeds of the course, or why there is none."""
    if not setting.has_teacher:
        return "Nobody teaches here: this is the student without a teacher."
    five = {name: {s: v for s, v in of.items() if s in SEEDS} for name, of in scores.items()}
    return verdict_of(five[THIS], five[BARE], compare.FEWEST_SEEDS)


def verdict_of(own: Scores, bare: Scores, fewest: int) -> str:
    """The paired verdict where both have enough seeds; else how many there are."""
    both = sorted(own.keys() & bare.keys())
    if len(both) < fewest:
        return f"No verdict yet: {len(both)} of the {fewest} seeds that it needs are stored."
    found = compare.paired_verdict([own[s] for s in both], [bare[s] for s in both], fewest=fewest)
    return f"{found}, against the same student without a teacher."


def said(words: str) -> str:
    """A verdict, large, its word bold and with a colour at its side."""
    word, colon, rest = words.partition(":")
    colour = WORD_COLOURS.get(word, svg.GREY)
    told = f"<b>{escape(word)}</b>{colon}{escape(rest)}" if word.isupper() else escape(words)
    return f"<div class='kd-said' style='border-color:{colour}'>{told}</div>"


def stored_points(cost: str) -> Points:
    """Networks of the course, seed 0: the teachers of notebook 06, and students on 2,000 images (2
    k) with hard labels."""
    recipes = {
        f"{name.split(',')[0]}{', long' if ',' in name else ''}": recipe
        for name, recipe in gap_teachers(0).items()
    }
    recipes |= {f"{name}, 2 k": alone(Setting(student=name)) for name in ("cnn-2", "cnn-4-1xn")}
    runs = {name: load_run(recipe) for name, recipe in recipes.items()}
    return {
        name: (cost_of(run.recipe.student, cost), run.accuracy) for name, run in runs.items() if run
    }


def teacher_in_words(setting: Setting) -> str:
    """How good the teacher is, or that nobody teaches."""
    run = load_run(teacher_of(setting)) if setting.has_teacher else None
    if run is None:
        return ""
    return f"The teacher itself: {run.accuracy:.2f} %, {run.record['parameters']:,} parameters."
