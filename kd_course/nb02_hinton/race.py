"""The race: four students train by turns, each in its lane; the reader bets before the start.

What runs in the page is a recording of real trainings, five races with a seed each, in race.json.
`python -m kd_course.nb02_hinton.race` trains them again and writes it, in about 18
minutes on two cores.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from kd_course.nb02_hinton.experiments import SEEDS, lab_arms
from kd_helpers.data.splits import Dataset
from kd_helpers.experiments.metrics import accuracy
from kd_helpers.experiments.room import load_dataset_once
from kd_helpers.experiments.run import new_student, student_reports
from kd_helpers.runtime.palette import BLUE, GREEN, GREY, RED
from kd_helpers.training.loop import predict
from kd_helpers.widgets.alive import Alive
from kd_helpers.widgets.figures import described, tidy

RUNNERS = {  # what drives each student, and its arm in the laboratory
    "labels": "600 labels",
    "smoothed labels": "600 labels smoothed by 0.1",
    "a teacher": "600 labels + teacher",
    "a teacher, and 11,400 images without labels": "600 labels + 11,400 without + teacher",
}
COLOURS = (GREY, GREEN, RED, BLUE)
EVERY = 20  # steps between two positions
RECORDING = Path(__file__).with_name("race.json")


def build_race() -> Alive:
    """The live picture: the recorded races, to bet on and to watch."""
    races = json.loads(RECORDING.read_text(encoding="utf-8"))
    data = {"runners": list(RUNNERS), "colours": COLOURS, "every": EVERY, "races": races}
    still = draw_race(races[str(SEEDS[0])])
    return Alive(Path(__file__).with_name("race.js"), data, still, str(still.get_label()))


def draw_race(race: Sequence[Sequence[float]]) -> Figure:
    """One race on paper: where each of the four was at each report."""
    figure = Figure(figsize=(7.5, 2.8), layout="constrained")
    axes = tidy(figure.subplots(), x="gradient steps", y="right, % (validation)")
    steps = [EVERY * (1 + report) for report in range(len(race))]
    for name, ys, colour in zip(RUNNERS, zip(*race, strict=True), COLOURS, strict=True):
        axes.plot(steps, ys, color=colour, label=name)
    axes.legend(fontsize=8)
    ends = zip(RUNNERS, race[-1], strict=True)
    told = ", ".join(f"{name} {end:.1f} %" for name, end in sorted(ends, key=lambda e: -e[1]))
    return described(figure, f"Four students while they train; at the end: {told}.")


def positions(seed: int, data: Dataset) -> Iterator[list[float]]:
    """Train the four; after every 20 steps, the share of validation images right of each, in %."""
    arms = lab_arms(seed)
    recipes = [arms[arm] for arm in RUNNERS.values()]
    students = [new_student(recipe, data) for recipe in recipes]
    reports = [
        student_reports(recipe, student, data, report_every=EVERY)
        for recipe, student in zip(recipes, students, strict=True)
    ]
    for _ in zip(*reports, strict=True):  # they take turns
        answers = [predict(student, data.val.images) for student in students]
        yield [round(100 * accuracy(logits, data.val.labels), 2) for logits in answers]


def record(seeds: Sequence[int]) -> None:
    data = load_dataset_once("fashion-mnist", "cpu")
    races = {str(seed): list(positions(seed, data)) for seed in seeds}
    RECORDING.write_text(json.dumps(races) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record(SEEDS)
