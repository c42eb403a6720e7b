"""The recorded races end where the stored runs of the same recipes ended."""

import json

from kd_course.nb02_hinton import race
from kd_course.nb02_hinton.experiments import SEEDS, lab_arms
from kd_helpers.experiments.run import load_run
from notebook_io import ROOT


def test_every_race_ends_where_its_four_stored_runs_did():
    recorded = json.loads(race.RECORDING.read_text(encoding="utf-8"))
    assert list(recorded) == [str(seed) for seed in SEEDS]
    for seed in SEEDS:
        arms, reports = lab_arms(seed), recorded[str(seed)]
        assert len(reports) * race.EVERY == arms["600 labels"].schedule.steps
        for arm, end in zip(race.RUNNERS.values(), reports[-1], strict=True):
            stored = 100 * load_run(arms[arm]).record["val"]["accuracy"]
            assert abs(end - stored) < 0.5, (seed, arm)  # other processors round otherwise


def test_the_answer_below_it_says_what_the_races_show():
    recorded = json.loads(race.RECORDING.read_text(encoding="utf-8"))
    ends = [reports[-1] for reports in recorded.values()]
    assert all(max(labels, smoothed) < taught < more for labels, smoothed, taught, more in ends)
    leads = sorted(round(labels - smoothed, 2) for labels, smoothed, *_ in ends)
    said = f"in four races, by {leads[1]} to {leads[-1]} points, and smoothed labels in one, by "
    lesson = next((ROOT / "notebooks" / "src").glob("02_*.py")).read_text(encoding="utf-8")
    assert f"{said}{-leads[0]}:" in lesson
