"""`kd distill` as a user runs it: a folder of pictures in, an answer and a report out."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from kd_course.cli import main
from kd_helpers import load_dataset
from kd_helpers.experiments.arms import Trial, undecided

CLASSES = {"bag": 8, "sneaker": 7, "trouser": 1}  # name of the folder: label
TEACHERS = """
from kd_course.nb02_hinton.experiments import TEACHER
from kd_helpers.experiments.run import load_run
from kd_helpers.teachers.adapted import adapted

NAMES = ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
         "boot"]

def good():
    return adapted(load_run(TEACHER).model(), size=28, channels=1, classes=NAMES)

def in_another_order():
    return adapted(load_run(TEACHER).model(), size=28, channels=1,
                   classes=[{"bag": "sneaker", "sneaker": "bag"}.get(name, name) for name in NAMES])
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """A hundred pictures of each of three classes, and teachers in a module beside the folder."""
    root = tmp_path_factory.mktemp("user")
    data = load_dataset("fashion-mnist").train
    for name, label in CLASSES.items():
        (root / "pictures" / name).mkdir(parents=True)
        for row in (data.labels == label).nonzero().flatten()[:100].tolist():
            image = Image.fromarray(data.images[row, 0].numpy())
            image.save(root / "pictures" / name / f"{row}.png")
    (root / "shop_teachers.py").write_text(TEACHERS)
    return root / "pictures"


def words(pictures: Path, *more: str) -> list[str]:
    """What a user types after `kd`; of an option that is given twice the last one counts."""
    told = f"distill {pictures} --size 28 --channels 1 --student cnn-2 --steps 12 --jobs 1"
    return [*told.split(), "--teacher", "shop_teachers:good", *more]


def start(pictures: Path, out: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "kd_course.cli", *words(pictures)]
    root = str(Path(__file__).resolve().parents[2])
    own = {"KD_OUT": str(out), "PYTHONPATH": os.pathsep.join([root, str(pictures.parent)])}
    own |= {"KD_PRECISION": "float32", "OMP_NUM_THREADS": "1"}
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=os.environ | own, cwd=pictures.parent, **how)


def answer(process: subprocess.Popen) -> str:
    """The sentence with the verdict and the accuracies."""
    said, problems = process.communicate()
    assert process.returncode == 0, said + problems
    return re.search(r"^Distilled against labels alone: .*$", said, re.MULTILINE)[0]


def results(out: Path) -> dict[str, float]:
    """Hash → accuracy of every run."""
    records = [json.loads(path.read_text()) for path in (out / "runs").glob("*.json")]
    return {record["hash"]: record["test"]["accuracy"] for record in records}


def test_two_at_once_share_the_work_and_a_killed_one_comes_to_the_same_answer(pictures, tmp_path):
    pair = [start(pictures, tmp_path / "pair") for _ in range(2)]
    told, same = map(answer, pair)
    assert told == same and re.search(r"(BETTER|WORSE|NO CLEAR DIFFERENCE): .*3 paired seeds", told)
    whole = results(tmp_path / "pair")
    assert len(whole) == 6 + 9  # trials of temperature and weight, 3 arms × 3 seeds
    (report,) = (tmp_path / "pair" / "reports").glob("pictures-*.html")
    assert all(accuracy in report.read_text() for accuracy in re.findall(r"\d+\.\d\d %", told))

    cut = start(pictures, tmp_path / "cut")
    while len(list((tmp_path / "cut" / "runs").glob("*.json"))) < 8 and cut.poll() is None:
        time.sleep(0.01)
    cut.send_signal(signal.SIGKILL)
    cut.communicate()
    some = results(tmp_path / "cut")
    assert 8 <= len(some) < len(whole)
    assert answer(start(pictures, tmp_path / "cut")) == told
    assert results(tmp_path / "cut") == whole and some.items() <= whole.items()


class Called(Exception):
    """Instead of a call of `distill`: its arguments."""


def call_of(run: Callable, *given_to_it: Any) -> tuple[list, str]:
    """What a run passes to `distill`, and the code that it wants in the report."""
    with pytest.raises(Called) as found:
        run(*given_to_it)
    student, teacher, data, given = found.value.args
    code, _ = given.pop("code", ""), given.pop("jobs", None)
    return [student, teacher.preprocessing, data.fingerprint, {"balanced": False} | given], code


def test_the_code_in_the_report_makes_the_same_call(pictures, monkeypatch):
    def called(student, teacher, data, **given):
        raise Called(student, teacher, data, given)

    monkeypatch.syspath_prepend(pictures.parent)
    for name in ("kd_helpers.distill", "kd_helpers.experiments.distill.distill"):
        monkeypatch.setattr(name, called)
    calls = []
    for options in ("", "--steps 7 --seeds 4", "--balanced --student cnn-4", "--size 32"):
        asked, code = call_of(main, words(pictures, *options.split()))
        again, _ = call_of(exec, code, {})
        assert asked == again, options
        calls.append(asked)
    assert len({repr(call) for call in calls}) == len(calls)


def test_trials_that_say_nothing_are_named():
    chance = [Trial(f"distilled, T = {t}", 20.0) for t in (2, 4)]
    rates = [Trial("labels alone, learning rate 0.1", 60.0), Trial("labels alone, 0.03", 61.0)]
    assert undecided([*rates, *chance]) == ["distilled"]
    assert undecided(rates) == undecided(chance[:1]) == []


def test_what_cannot_be_is_said_before_anything_is_trained(pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KD_OUT", str(tmp_path))
    monkeypatch.syspath_prepend(pictures.parent)
    cases = {
        "--teacher shop_teachers:in_another_order": "classes stand in another order",
        "--teacher shop_teachers:nothing": "shop_teachers:nothing",
        "--teacher resnet18": "torchvision:NAME",
        "--student cnn-3": "unknown model 'cnn-3'",
        "--size 20": "it needs at least 28",
        "--weights nowhere.pth": "nowhere.pth",
    }
    for options, expected in cases.items():
        assert main(words(pictures, *options.split())) in (1, 2), options
        assert expected in capsys.readouterr().err
    assert not results(tmp_path)
