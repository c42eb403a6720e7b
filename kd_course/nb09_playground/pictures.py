"""What the playground shows of a setting: pictures and sentences. Pure functions of stored
results."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kd_course.nb02_hinton.experiments import SEEDS
from kd_course.nb06_assistants.experiments import gap_teachers
from kd_course.nb09_playground.find_or_train import BARE, SOFT, THIS, Scores
from kd_course.nb09_playground.pareto import Points, cost_of
from kd_course.nb09_playground.setting import Setting, alone, teacher_of
from kd_helpers.experiments.compare import FEWEST_SEEDS, paired_verdict
from kd_helpers.experiments.run import load_run
from kd_helpers.widgets import svg

COLOURS = {THIS: svg.RED, BARE: svg.GREY, SOFT: svg.BLUE}


def render_scores(scores: Mapping[str, Scores], seed: int) -> str:
    """A row for each arm with a dot for each seed, that of the setting filled; where nothing is
    stored, it says so."""
    known = [score for of_arm in scores.values() for score in of_arm.values()] or [0, 100]
    return svg.score_dots(
        {f"{name}: {in_numbers(of_arm, seed)}": of_arm for name, of_arm in scores.items()},
        [COLOURS[name] for name in scores],
        title=f"Test accuracy, %: a dot a seed, filled for seed {seed}",
        x_range=(np.floor(min(known)), np.ceil(max(known))),
        filled=seed,
        width=560,
    )


def in_numbers(scores: Scores, seed: int) -> str:
    """Accuracy of one seed, and the mean of the course's five where all are there."""
    own = f"{scores[seed]:.2f} with seed {seed}" if seed in scores else "not stored"
    five = [scores[s] for s in SEEDS if s in scores]
    return own + (f", mean of five {np.mean(five):.2f}" if len(five) == len(SEEDS) else "")


def in_words(setting: Setting, scores: Mapping[str, Scores]) -> str:
    """The comparison with the same student without a teacher: of this seed, and over five."""
    own, bare = scores[THIS], scores[BARE]
    if not setting.has_teacher:
        return "Nobody teaches here: this is the student without a teacher."
    if setting.seed not in own or setting.seed not in bare:
        return "This setting, or the same student without a teacher, is not stored."
    gain = own[setting.seed] - bare[setting.seed]
    said = f"Seed {setting.seed}: {gain:+.2f} points against the same student without a teacher. "
    return said + verdict_of(own, bare)


def verdict_of(own: Scores, bare: Scores) -> str:
    """The paired verdict where both have the five seeds of the course; else how many there are."""
    both = [seed for seed in SEEDS if seed in own and seed in bare]
    if len(both) < FEWEST_SEEDS:
        return (
            f"{len(both)} of the seeds 0 to 4 are stored: no verdict with less than "
            f"{FEWEST_SEEDS}. Change the seed and train again."
        )
    return f"{paired_verdict([own[s] for s in both], [bare[s] for s in both])}."


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


def marked_point(
    setting: Setting, scores: Mapping[str, Scores], cost: str
) -> tuple[float, float | None]:
    return cost_of(setting.student, cost), scores[THIS].get(setting.seed)


def teacher_in_words(setting: Setting) -> str:
    """How good the teacher is, or that nobody teaches."""
    run = load_run(teacher_of(setting)) if setting.has_teacher else None
    if run is None:
        return ""
    return f"The teacher itself: {run.accuracy:.2f} %, {run.record['parameters']:,} parameters. "
