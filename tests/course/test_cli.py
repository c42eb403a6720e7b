"""The command `kd`: words become recipes, what cannot be is refused, what is broken is named."""

import sys
import time
from importlib.metadata import entry_points

import pytest

from kd_course import checkup, cli
from kd_course.catalogue import shipped_runs
from kd_course.nb02_hinton.experiments import TEACHER
from kd_course.settings import parse_grid
from kd_helpers.data.augment import ViewSet
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.sweep import Outcome
from kd_helpers.methods import CrossEntropy, DecoupledKD, HintonKD, Standardised, SwapMistakes
from kd_helpers.runtime.folders import data_dir
from kd_helpers.runtime.plain import as_code
from kd_helpers.training.loop import History
from kd_helpers.training.schedules import Schedule

COURSE_DATA = data_dir()


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """An empty data folder."""
    monkeypatch.setenv("KD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KD_OUT", str(tmp_path / "out"))
    return tmp_path / "data"


def lines(capsys) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_check_of_a_healthy_installation(capsys):
    code, said = cli.main(["check"]), lines(capsys)
    assert code == 0 and all(line.startswith("[ok]") for line in said), "\n".join(said)
    for words in ("Python", "torch", "54,000 + 6,000 + 10,000", "stored runs", "device "):
        assert any(words in line for line in said), words
    assert any(TEACHER.student in line and "%" in line for line in said)


def test_check_names_all_that_is_missing_or_damaged_and_says_what_to_do(
    broken, monkeypatch, capsys
):
    monkeypatch.setattr(checkup, "PACKAGES", ("torch", "no-such-package"))
    assert cli.main(["check"]) == 1
    said = lines(capsys)
    package, images, runs = [line for line in said if line.startswith("[failed]")]
    assert "no-such-package: not installed: run `pip install" in package
    assert "Fashion-MNIST" in images and str(broken) in images and "git checkout" in images
    assert "kd runs --missing" in runs
    assert any(line.startswith("[ok]") and "torch" in line for line in said)
    record = broken / "runs" / f"{TEACHER.hash}.json"
    record.parent.mkdir(parents=True)
    record.write_text("{")
    assert cli.main(["check"]) == 1
    assert any(line.startswith("[failed]") and str(record) in line for line in lines(capsys))


def test_runs_lists_every_shipped_run(capsys):
    cli.main(["runs"])
    said = lines(capsys)
    recipes = [item.recipe for item in shipped_runs()]
    for recipe, line in zip(recipes, said[:-1], strict=True):
        assert line.startswith(recipe.hash) and str(recipe) in line and "%" in line
    assert said[-1] == "all there", "run `kd runs --missing` to train what is not stored yet"


def test_a_wrong_call_ends_with_the_usage(capsys):
    wrong = "", "no-such-command", "runs --missing --retrain", "sweep --seeds 0", "runs missing"
    for line in (*wrong, "sweep --seed-s 2", "train --seeds 2"):
        with pytest.raises(SystemExit) as caught:
            cli.main(line.split())
        assert caught.value.code == 2
        assert "usage: kd" in capsys.readouterr().err


def test_the_console_script_is_this_main():
    (script,) = entry_points(group="console_scripts", name="kd")
    assert script.load() is cli.main


# Words that become recipes


def grid_of(words: str) -> list[Recipe]:
    return parse_grid(words.split())


def test_a_grid_is_every_combination_by_the_types_of_the_fields():
    grid = grid_of("student=cnn-2,cnn-4-1xn seed=0,1,2 schedule.steps=600 augmentation.flip=yes")
    assert len(grid) == 6 and set(grid) == {
        Recipe(student=s, seed=n, schedule=Schedule(steps=600), augmentation=ViewSet(flip=True))
        for s in ("cnn-2", "cnn-4-1xn")
        for n in range(3)
    }
    assert grid_of("augmentation.flip=no transfer.images=none") == [Recipe()]
    (one,) = grid_of("transfer.hidden_classes=(7,) schedule.learning_rate=1e-2 special=(1,2)")
    assert one.transfer == TransferSet(hidden_classes=(7,)) and one.special == (1, 2)
    assert one.schedule.learning_rate == 0.01


def test_who_names_a_teacher_is_taught():
    taught = Recipe(teacher=TEACHER, method=HintonKD(temperature=2.0))
    assert grid_of("teacher=course temperature=2") == [taught]
    # kd_weight=0 is the student without a teacher, once, whatever the temperature.
    found = grid_of("teacher=course kd_weight=0,0.9 temperature=2,4 label_smoothing=0.1")
    assert [r.teacher for r in found] == [None, TEACHER, TEACHER]
    assert found[0].method == CrossEntropy(label_smoothing=0.1)


def test_a_method_is_named_and_set_or_written_as_it_is_told():
    found = grid_of("teacher=course method=DecoupledKD method.beta=2,8 temperature=3")
    assert [r.method for r in found] == [DecoupledKD(beta=b, temperature=3) for b in (2, 8)]
    both = Standardised(SwapMistakes(HintonKD(temperature=2.0, strength=9.0)))
    assert parse_grid([f"method={as_code(both)}", "teacher=course"])[0].method == both
    words = "method=Standardised(SwapMistakes()) method.strength=9 temperature=2 teacher=course"
    assert grid_of(words)[0].method == both


REFUSED = {
    "data mnist": "unknown data set 'mnist'",
    "train schedule=3": "got schedule=3; expected its settings, such as schedule.steps=",
    "train augmentation.flip=maybe": "got flip='maybe'; expected True or False",
    "train schedule.batch_size=32.5": "got batch_size=32.5; expected a whole number",
    "train special=3": "got special=3; expected several values",
    "train seed=abc": "got seed='abc'; expected a whole number",
    "train teacher=resnet-20 kd_weight=0.9": "got teacher=resnet-20; expected course",
    "train temperature=3": "got temperature without a teacher; add teacher=course",
    "train transfer.image=2": "unknown setting transfer.image; known: transfer.images",
    "train teacher=course method=DKD": "got method=DKD; expected one of ABKD",
    "train teacher=course method=DecoupledKD(bet=2)": "unexpected keyword argument 'bet'",
    "train teacher=course method=DecoupledKD(beta=x)": "got beta='x'; expected a number",
    "train seed=1]+[2": "got seed='1]+[2'; expected a whole number",
    "train teacher=course method=HintonKD method.beta=2": "unknown setting method.beta",
    "train temperature": "got temperature; expected NAME=VALUE",
    "train seed=1 seed=2": "each name once",
    "train seed=1,2": "got 2 recipes; expected one",
    "sweep temperature=2,-1 teacher=course": "got temperature=-1",
    "sweep student=cnn-2,cnn-3 schedule.steps=2": "unknown model 'cnn-3'",
    "train transfer.images=99999999": "got images=99999999 of 54000",
    "train teacher=course temperature=none": "got temperature=None; expected a number",
    "train schedule.steps=3 transfer.images=100 schedule.learning_rate=1e12": "not finite",
}


def test_what_cannot_be_ends_in_one_sentence_and_nothing_is_stored(tmp_path, monkeypatch, capsys):
    """In a grid one wrong value is enough: it is found before anything is trained."""
    monkeypatch.setenv("KD_OUT", str(tmp_path))
    for line, words in REFUSED.items():
        assert cli.main(line.split()) == 2, line
        (said,) = capsys.readouterr().err.splitlines()
        assert words in said and said.startswith(f"kd {line.split()[0]}: "), line
    assert not list(tmp_path.glob("runs/*"))


def test_a_training_shows_how_far_it_is_on_a_terminal_and_not_in_a_file(monkeypatch, capsys):
    def train(recipe, should_stop, on_report):
        for taken in (50, 100):
            assert not should_stop()
            time.sleep(0.2)  # a bar is drawn ten times a second at most
            on_report(History(taken=taken, terms={"loss": [0.25]}))

    monkeypatch.setattr("kd_helpers.experiments.run.load_or_train", train)
    line = ["train", "schedule.steps=100", "student=cnn-2"]
    assert cli.main(line) == 0 and not capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert cli.main(line) == 0
    shown = capsys.readouterr().err
    assert "0/100" in shown and "loss 0.250" in shown


def test_rows_of_the_benchmark_that_are_not_there_are_refused(capfd):
    assert cli.main(["bench", "--only", "zzz"]) == 2
    assert "expected some of the rows a, b, c, d, e, f, g" in capfd.readouterr().err


def test_settings_may_stand_after_options_and_every_one_is_told(monkeypatch, capsys):
    asked = []

    def sweep(recipes, **_):
        asked.extend(recipes)
        return (Outcome(r, 46.0 + r.method.temperature + r.seed) for r in recipes)

    monkeypatch.setattr("kd_helpers.experiments.sweep.sweep", sweep)
    line = "sweep student=cnn-2 --seeds 2 temperature=2,4 teacher=course"
    assert cli.main(line.split()) == 0
    assert [(r.method.temperature, r.seed) for r in asked] == [(2, 0), (2, 1), (4, 0), (4, 1)]
    best, other = lines(capsys)[-2:]
    assert best.strip().startswith("50.50 ± 0.71 %  2 seeds  cnn-2, taught by resnet-20 (T=4")
    assert other.strip().startswith("48.50 ± 0.71 %  2 seeds  cnn-2, taught by resnet-20 (T=2")
    trained = []
    load = "kd_helpers.experiments.run.load_or_train"
    monkeypatch.setattr(load, lambda recipe, **hooks: trained.append(recipe))
    line = "seed=3 transfer.images=600 schedule.steps=9 augmentation.flip=yes teacher=course"
    assert cli.main(["train", *line.split(), "method=DecoupledKD"]) == 0
    told = capsys.readouterr().out
    for words in ("seed 3", "images=600", "steps=9", "flip=True", "resnet-20", "DecoupledKD("):
        assert words in told, words
    assert trained == grid_of(f"{line} method=DecoupledKD")
