"""Write what was measured into docs/measured.md and docs/methods.md, between their marks: the
stored runs and `kd bench`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kd_course.nb02_hinton.experiments import SEEDS, TEACHER, full_arms, lab_arms
from kd_helpers import load_or_train
from kd_helpers.data.datasets import load_dataset
from kd_helpers.experiments.compare import collect, percent, right_answers, verdicts
from methods_table import methods_table

ROOT = Path(__file__).resolve().parents[1]
MEASURED = ROOT / "benchmarks" / "measured.json"


def results() -> str:
    """What a teacher is worth, in Markdown: a pure function of the stored runs."""
    labels = load_dataset("fashion-mnist").test.labels
    lab, full = (right_answers(collect(arms, SEEDS), labels) for arms in (lab_arms, full_arms))
    return (
        "The teacher, a ResNet-20 trained on all 54,000 labelled images, is right on "
        f"{load_or_train(TEACHER, quiet=True).accuracy:.2f} % of the 10,000 test images. The "
        f"student, `cnn-2`, {len(SEEDS)} seeds an arm, last step, same number of steps within a "
        "table; difference to the first row in percentage points. The 11,400 images are without "
        "label for the student only:\n\n"
        f"{table(lab)}\n"
        f"{table(full)}"
    )


def speed() -> str:
    """The tables of the last published run of `kd bench`."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from report import report

    return report(json.loads(MEASURED.read_text(encoding="utf-8")))


def table(right: dict[str, np.ndarray]) -> str:
    """One row an arm: mean ± standard deviation and the verdict against the first row."""
    words = verdicts(right, next(iter(right)))
    lines = ["| student | test accuracy | against the first row |", "| --- | --- | --- |"]
    for name, answers in right.items():
        values = percent(answers)
        score = f"{values.mean():.2f} ± {values.std(ddof=1):.2f} %"
        lines.append(f"| {name} | {score} | {words.get(name, '')} |")
    return "\n".join(lines) + "\n"


PAGES: dict[Path, dict[str, Callable[[], str]]] = {  # page → mark: what stands there
    ROOT / "docs" / "measured.md": {"results": results, "speed": speed},
    ROOT / "docs" / "methods.md": {"methods": methods_table},
}


def fresh(page: Path) -> str:
    """The page with what stands between its marks written anew."""
    text = page.read_text(encoding="utf-8")
    for name, written in PAGES[page].items():
        first, last = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        (old,) = re.findall(f"{first}.*?{last}", text, re.DOTALL)
        text = text.replace(old, f"{first}{written()}{last}")
    return text


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(fresh(page), encoding="utf-8")
