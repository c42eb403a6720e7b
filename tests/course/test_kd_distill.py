"""`kd distill` as a user runs it: a folder of pictures in, an answer and a report out."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from kd_helpers import load_dataset

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
                   classes=["bag", "trouser", "sneaker", *"abcdefg"])
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Fifty pictures of each of three classes, and a module with teachers beside the folder."""
    root = tmp_path_factory.mktemp("user")
    data = load_dataset("fashion-mnist").train
    for name, label in CLASSES.items():
        (root / "pictures" / name).mkdir(parents=True)
        for row in (data.labels == label).nonzero().flatten()[:50].tolist():
            image = Image.fromarray(data.images[row, 0].numpy())
            image.save(root / "pictures" / name / f"{row}.png")
    (root / "my_teachers.py").write_text(TEACHERS)
    return root / "pictures"


def start(pictures: Path, out: Path, *options: str, steps: int = 12) -> subprocess.Popen:
    command = [sys.executable, "-m", "kd_course.cli", "distill", str(pictures), "--size", "28"]
    command += ["--channels", "1", "--student", "cnn-2", "--steps", str(steps), "--jobs", "1"]
    command += options or ["--teacher", "my_teachers:good"]
    root = str(Path(__file__).resolve().parents[2])
    places = os.pathsep.join([root, str(pictures.parent)])
    own = {"KD_OUT": str(out), "PYTHONPATH": places, "KD_PRECISION": "float32"}
    own["OMP_NUM_THREADS"] = "1"
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


def test_the_answer_is_in_the_report_and_the_same_after_a_kill(pictures, tmp_path):
    whole = start(pictures, tmp_path / "whole")
    told = answer(whole)
    assert re.search(r"(BETTER|WORSE|NO CLEAR DIFFERENCE): .*3 paired seeds", told)
    (report,) = (tmp_path / "whole" / "reports").glob("pictures-*.html")
    accuracies = re.findall(r"\d+\.\d\d %", told)
    assert all(accuracy in report.read_text() for accuracy in accuracies)

    cut = start(pictures, tmp_path / "cut")
    while len(list((tmp_path / "cut" / "runs").glob("*.json"))) < 8 and cut.poll() is None:
        time.sleep(0.01)
    cut.send_signal(signal.SIGKILL)
    cut.communicate()
    some = results(tmp_path / "cut")
    assert 8 <= len(some) < len(results(tmp_path / "whole"))
    assert answer(start(pictures, tmp_path / "cut")) == told
    assert results(tmp_path / "cut") == results(tmp_path / "whole")
    assert some.items() <= results(tmp_path / "cut").items()


def test_two_at_once_agree_and_share_the_work(pictures, tmp_path):
    pair = [start(pictures, tmp_path) for _ in range(2)]
    first, second = map(answer, pair)
    assert first == second
    assert len(results(tmp_path)) == 6 + 9  # trials of temperature and weight, 3 arms × 3 seeds


def test_what_cannot_be_is_said_in_one_sentence_before_anything_is_trained(pictures, tmp_path):
    cases = {
        ("--teacher", "my_teachers:in_another_order"): "another order",
        ("--teacher", "my_teachers:nothing"): "my_teachers:nothing",
        ("--teacher", "resnet18"): "torchvision:NAME",
        ("--teacher", "my_teachers:good", "--student", "cnn-3"): "unknown model 'cnn-3'",
        ("--teacher", "my_teachers:good", "--size", "20"): "it needs at least 28",
    }
    running = {words: start(pictures, tmp_path, *options) for options, words in cases.items()}
    for words, process in running.items():
        said, problems = process.communicate()
        assert process.returncode in (1, 2) and words in problems, said + problems
        assert "Traceback" not in problems
    assert not results(tmp_path)
