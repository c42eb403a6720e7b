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

from kd_course.cli import main
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
