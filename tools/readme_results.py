"""Write what was measured into README.md, between its marks: results of the runs, and of `kd
bench`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np

from kd_course.nb02_hinton import experiments as shipped
from kd_helpers import load_or_train
from kd_helpers.experiments.labs import accuracies, collect, verdicts

ROOT = Path(__file__).resolve().parents[1]
README, MEASURED = ROOT / "README.md", ROOT / "benchmarks" / "measured.json"
MARKS = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- end of results -->)", re.DOTALL)
SPEED_MARKS = re.compile(r"(?<=<!-- speed -->\n).*?(?=<!-- end of speed -->)", re.DOTALL)


def results() -> str:
    """The table of results in Markdown: a pure function of the stored runs."""
    teacher = load_or_train(shipped.TEACHER, quiet=True)
    parts = [
        f"The teacher, a ResNet-20 trained on all 54,000 labelled images, is right on {teacher.accuracy:.2f} % of the 10,000 test images. "
        f"The student, `cnn-2`, {len(shipped.SEEDS)} seeds an arm, last step, same number of steps within a table; "
        "difference to the first row in percentage points. The 11,400 images are without label for the student only:\n\n",
        table(accuracies(collect(shipped.lab_arms, shipped.SEEDS))),
        "\n",
        table(accuracies(collect(shipped.full_arms, shipped.SEEDS))),
    ]
    return "".join(parts)


def speed() -> str:
    """The tables of the last published run of `kd bench`."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from report import report

    return report(json.loads(MEASURED.read_text(encoding="utf-8")))


def table(scores: dict[str, list[float]]) -> str:
    """One row an arm: mean ± standard deviation and the verdict against the first row."""
    baseline, *_ = scores
    words = verdicts(scores, baseline)
    lines = ["| student | test accuracy | against the first row |", "| --- | --- | --- |"]
    for name, values in scores.items():
        verdict = str(words.get(name, ""))
        lines.append(
            f"| {name} | {np.mean(values):.2f} ± {np.std(values, ddof=1):.2f} % | {verdict} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    text = README.read_text(encoding="utf-8")
    fresh = SPEED_MARKS.sub(lambda _: speed(), MARKS.sub(lambda _: results(), text))
    if "--check" in sys.argv:
        return int(fresh != text)
    README.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
