"""The command `kd`: what it says about a healthy and about a broken installation."""

import json
import shutil
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from kd_course import checkup, cli, retrain
from kd_course.catalogue import shipped_runs
from kd_course.nb02_hinton.experiments import TEACHER
from kd_helpers.runtime.folders import data_dir

COURSE_DATA = data_dir()
HINT = "run `kd runs --missing` to train what is not stored yet"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setenv("KD_PRECISION", "float32")  # else the processor is timed


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """An empty data folder."""
    monkeypatch.setenv("KD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    return tmp_path / "data"


def put_images(folder) -> None:
    folder.mkdir()
    (folder / "fashion-mnist").symlink_to(COURSE_DATA / "fashion-mnist")


def lines(capsys) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_check_of_a_healthy_installation(capsys):
    code, said = cli.main(["check"]), lines(capsys)
    assert code == 0, f"{HINT}\n" + "\n".join(said)
    assert all(line.startswith("[ok]") for line in said)
    for words in ("Python", "torch", "54,000 + 6,000 + 10,000", "stored runs", "device "):
        assert any(words in line for line in said), words
    assert any(TEACHER.student in line and "%" in line for line in said)


def test_check_without_data_fails_and_says_what_to_do(broken, capsys):
    code, said = cli.main(["check"]), lines(capsys)
    assert code == 1
    failed = [line for line in said if line.startswith("[failed]")]
    assert len(failed) == 2
    assert "Fashion-MNIST" in failed[0] and str(broken) in failed[0] and "git checkout" in failed[0]
    assert "kd runs --missing" in failed[1]
    assert any(
        line.startswith("[ok]") and "torch" in line for line in said
    )  # the rest is looked at


def test_check_with_a_damaged_image_file_names_it(broken, capsys):
    shutil.copytree(COURSE_DATA / "fashion-mnist", broken / "fashion-mnist")
    path = broken / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-10])
    assert cli.main(["check"]) == 1
    assert any(line.startswith("[failed]") and str(path) in line for line in lines(capsys))


def test_check_with_a_damaged_record_names_it(broken, capsys):
    put_images(broken)
    (broken / "runs").mkdir()
    path = broken / "runs" / f"{TEACHER.hash}.json"
    path.write_text("{")
    assert cli.main(["check"]) == 1
    assert any(line.startswith("[failed]") and str(path) in line for line in lines(capsys))


def test_check_with_a_missing_package_says_how_to_install_it(monkeypatch, capsys):
    monkeypatch.setattr(checkup, "PACKAGES", ("torch", "no-such-package"))
    assert cli.main(["check"]) == 1
    assert "[failed] no-such-package: not installed: run `pip install" in capsys.readouterr().out


def test_runs_lists_every_shipped_run(capsys):
    cli.main(["runs"])
    said = lines(capsys)
    recipes = [item.recipe for item in shipped_runs()]
    assert len(said) == len(recipes) + 1
    for recipe, line in zip(recipes, said, strict=False):
        assert line.startswith(recipe.hash) and str(recipe) in line
        assert "%" in line or "missing" in line
    assert said[-1] == "all there", HINT


def test_runs_without_any_says_how_many_are_missing(broken, capsys):
    assert cli.main(["runs"]) == 1
    said = lines(capsys)
    count = len(list(shipped_runs()))
    assert said[-1] == f"{count} missing"
    assert sum("missing" in line for line in said) == count + 1


def test_runs_names_a_damaged_record_and_lists_the_others(broken, capsys):
    (broken / "runs").mkdir(parents=True)
    path = broken / "runs" / f"{TEACHER.hash}.json"
    path.write_text(json.dumps({"format": 1}))
    assert cli.main(["runs"]) == 1
    said = lines(capsys)
    assert len(said) > len(list(shipped_runs()))
    assert any(path.name in line for line in said)


@pytest.mark.parametrize("option", ("pack", "missing", "retrain", "latency"))
@pytest.mark.parametrize("trained", ([], ["a run"]))
def test_options_of_runs_do_what_they_say(trained, option, monkeypatch):
    """What was not trained is not timed again: `--missing` with nothing missing changes no file."""
    calls = []
    monkeypatch.setattr(retrain, "pack_all", lambda: calls.append("pack") or 0)
    monkeypatch.setattr(retrain, "retrain", lambda **how: calls.append(how) or iter(trained))
    monkeypatch.setattr(retrain, "time_all", lambda which: calls.append(which) or iter(()))
    monkeypatch.setattr(retrain, "print_progress", list)
    assert cli.main(["runs", f"--{option}", "--jobs", "1"]) == 0
    again = {"again": option == "retrain", "jobs": 1}
    expected = {
        "pack": ["pack"],
        "missing": ["pack", again, *([trained] if trained else [])],
        "retrain": [again, *([trained] if trained else [])],
        "latency": ["pack", None],
    }
    assert calls == expected[option]


@pytest.mark.parametrize("arguments", ([], ["no-such-command"], ["runs", "--missing", "--retrain"]))
def test_a_wrong_call_ends_with_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "usage: kd" in capsys.readouterr().err


def test_the_console_script_is_this_main():
    (script,) = entry_points(group="console_scripts", name="kd")
    assert script.load() is cli.main


def test_the_exit_code_reaches_the_shell(broken):
    done = subprocess.run(
        [sys.executable, "-m", "kd_course.cli", "runs"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stdout.endswith("missing\n") and done.stderr == ""


def test_the_data_folder_follows_the_environment(broken):
    assert data_dir() == broken
