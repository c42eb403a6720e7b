"""What `distill` found, as one HTML page that needs nothing else; `report.html` is its template."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from kd_helpers.experiments import report_figures as figures
from kd_helpers.experiments import report_tables as tables
from kd_helpers.experiments.arms import FEWEST_SEEDS, LABELS, SMOOTHED, TAUGHT, Arms, undecided
from kd_helpers.experiments.metrics import classification_metrics
from kd_helpers.experiments.store import Run
from kd_helpers.runtime.device import describe, pick_device
from kd_helpers.runtime.files import write_atomically
from kd_helpers.runtime.plain import as_code
from kd_helpers.training.loop import predict

TEACHER = "teacher"
SHOWN = (TEACHER, LABELS, TAUGHT)  # where smoothed labels would be one too many
MANY_CLASSES, MATRIX_CLASSES = 20, 25  # above: only those that changed most; no matrix
PICTURES = 12  # of a kind, at most
WIDE = 5  # seeds; with fewer the interval is said to be wide


def write_report(result: Arms, path: Path) -> Path:
    """Write the page, whole or not at all.

    Raises:
        DiskFull: there is no room for it.
    """
    template = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["table"] = html_table
    parts = answer(result) | quality(result) | differences(result) | facts(result)
    page = environment.from_string(template).render(result=result, data=result.data, **parts)
    write_atomically(path, page.encode())
    return path


def html_table(frame: pd.DataFrame) -> Markup:
    """A table in HTML, its words escaped; a dash where there is no number."""
    with pd.option_context("display.max_colwidth", None):
        told = frame.to_html(border=0, na_rep="–", float_format="{:.1f}".format, index_names=False)
    return Markup(f'<div class="wide">{told}</div>')


def answer(result: Arms) -> dict[str, Any]:
    """The verdict, and the figure that shows it."""
    scores = {TEACHER: [result.teacher_accuracy], **result.accuracies}
    against = {name: result.verdict(name) for name in (LABELS, SMOOTHED)}
    verdicts = {name: found for name, found in against.items() if found}
    means = {name: float(np.mean(told)) for name, told in scores.items()}
    share = means[TAUGHT] / 100
    return {
        "verdict": against[LABELS],
        "smoothed_verdict": against[SMOOTHED],
        "taught": means[TAUGHT],
        "bare": means[LABELS],
        "seeds": len(scores[TAUGHT]),
        "fewest": FEWEST_SEEDS,
        "wide": WIDE,
        "chance": 196 * (share * (1 - share) / len(result.data.test)) ** 0.5,  # 95 %, in points
        "figure": figures.svg(
            figures.draw_answer,
            scores,
            verdicts,
            size=(4.6, 1.3 + 0.5 * (len(scores) + len(verdicts))),
            alt="Test accuracy: " + ", ".join(f"{k} {mean:.2f} %" for k, mean in means.items()),
        ),
    }


def quality(result: Arms) -> dict[str, Any]:
    """How good each network is, in all and class by class; confusions; calibration."""
    labels, classes = result.data.test.labels.cpu(), result.data.classes
    tests = {TEACHER: [classification_metrics(result.teacher_logits, labels)]}
    tests |= {name: [run.record["test"] for run in runs] for name, runs in result.runs.items()}
    images = np.bincount(labels, minlength=len(classes))
    by_class = tables.class_table({name: tests[name] for name in SHOWN}, images, classes)
    changes = by_class["F1, %", "change"].abs().to_numpy()
    order = np.argsort(-changes, kind="stable")  # classes without an image come last
    few = len(classes) <= MANY_CLASSES
    pair = {TEACHER: tests[TEACHER][0], TAUGHT: result.best.record["test"]}
    matrices = {name: np.array(test["confusion"]) for name, test in pair.items()}
    return {
        "measures": tables.measure_table(tests, images > 0),
        "by_class": by_class if few else by_class.iloc[order[:MANY_CLASSES]],
        "other_classes": None if few else by_class.iloc[order[MANY_CLASSES:]],
        "untested": [name for name, count in zip(classes, images, strict=True) if not count],
        "matrices": matrices if len(classes) <= MATRIX_CLASSES else {},
        "confusions": tables.confusion_table(matrices, classes),
        "reliability": [reliability(result, name, tests[name]) for name in SHOWN],
    }


def reliability(result: Arms, name: str, tests: list[dict]) -> Markup:
    """A diagram of one arm, all seeds together, or of the teacher."""
    logits = [logits_on_test(run, result) for run in result.runs.get(name, ())]
    logits = logits or [result.teacher_logits]
    labels = result.data.test.labels.cpu().repeat(len(logits))
    bins = figures.confidence_bins(torch.cat(logits), labels)
    error = 100 * np.mean([test["calibration_error"] for test in tests])
    words = f"{name}: calibration error {error:.2f} %"
    draw = figures.draw_reliability
    return figures.svg(draw, bins, words, figures.COLOURS[name], size=(3.1, 3.2), alt=words)


def logits_on_test(run: Run, result: Arms) -> torch.Tensor:
    """Answers (N, K) float32 to the test images, stored or asked for now."""
    kept = "test_logits" in run.record["kept"]
    return run.logits("test") if kept else predict(run.model(), result.data.test.images.cpu())


def differences(result: Arms) -> dict[str, Any]:
    """Test images that one of two networks has right, with the best student's seed in both arms."""
    best = result.best
    bare = next(run for run in result.runs[LABELS] if run.recipe.seed == best.recipe.seed)
    logits = {TEACHER: result.teacher_logits}
    logits |= {LABELS: logits_on_test(bare, result), TAUGHT: logits_on_test(best, result)}
    kinds = [(TAUGHT, LABELS), (LABELS, TAUGHT), (TEACHER, TAUGHT)]
    return {"kinds": [(*kind, *apart(result, logits, *kind)) for kind in kinds]}


def apart(
    result: Arms, logits: Mapping[str, torch.Tensor], right: str, wrong: str
) -> tuple[int, list[dict[str, Any]]]:
    """How many images one network has right and the other wrong, and those furthest apart."""
    labels, classes = result.data.test.labels.cpu(), result.data.classes
    answers = {name: told.argmax(dim=1) for name, told in logits.items()}
    rows = torch.where((answers[right] == labels) & (answers[wrong] != labels))[0]
    sure = {name: told.softmax(dim=1)[range(len(labels)), labels] for name, told in logits.items()}
    rows = rows[(sure[right] - sure[wrong])[rows].argsort(descending=True)]
    shown = [
        {
            "address": figures.thumbnail(result.data.test.images[row].cpu().numpy()),
            "truth": classes[labels[row]],
            "answers": {name: classes[told[row]] for name, told in answers.items()},
        }
        for row in rows[:PICTURES].tolist()
    ]
    return len(rows), shown


def facts(result: Arms) -> dict[str, Any]:
    """What was done, with what, and what the networks cost."""
    data, run, device = result.data, result.runs[LABELS][0], pick_device()
    shape, augmentation = tuple(data.test.images.shape[1:]), run.recipe.augmentation
    counts = tables.count_table(data)
    trials = {trial.setting: trial.accuracy for trial in result.trials}
    student = result.best.model(device)
    return {
        "shape": shape,
        "splits": counts.sum(),
        "counts": counts,
        "imbalance": counts["training"].max() / max(counts["training"].min(), 1),
        "schedule": run.recipe.schedule,
        "augmentation": "none" if len(augmentation) == 1 else as_code(augmentation),
        "arms": {name: runs[0].recipe.describe() for name, runs in result.runs.items()},
        "trainings": tables.training_table(result.runs),
        "trained_on": run.record["device"],
        "trials": pd.Series(trials, dtype=float).to_frame("accuracy on validation, %"),
        "undecided": undecided(result.trials),
        "student": run.recipe.student.partition("#")[0],
        "best": result.best.recipe,
        "costs": tables.cost_table(result.teacher.to(device), student, shape),
        "device": describe(device),
        "versions": {**run.record["versions"], "Python": platform.python_version()},
    }
