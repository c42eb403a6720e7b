"""`kd reproduce`: every name from the stored runs, the estimate, the question, the files."""

import csv
import html
import io
import re
from dataclasses import replace
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from scipy import stats

from kd_course import cli
from kd_course.nb02_hinton.experiments import SEEDS
from kd_course.nb07_papers import costs, pages, reproduce
from kd_course.nb07_papers import rows as reproductions
from kd_course.nb07_papers.costs import estimate, kind_of, work
from kd_course.nb07_papers.paper_scale import PAPER, WITHOUT
from kd_course.nb07_papers.reproduce import LAPTOP, find
from kd_course.nb07_papers.rows import Line, Row, lines_of
from kd_course.nb07_papers.tables import PaperNumber
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.compare import paired_verdict
from kd_helpers.experiments.metrics import count_multiply_adds
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import load_run
from kd_helpers.methods import HintonKD
from kd_helpers.models.zoo import make_model
from kd_helpers.teachers import Team
from kd_helpers.training.schedules import Schedule
from notebook_io import NOTEBOOKS

NAMES = (
    *("hinton-regulariser", "hinton-missing-class", "hinton-ensemble", "navarrete"),
    *("damicantonio", "fukuda", "mismatched", "uste", "takd", "dgkd", "benchmark", "rows"),
)
SMALL = Recipe(student="cnn-2", dataset="cifar-10", schedule=Schedule(steps=30, batch_size=16))


@pytest.fixture
def out(tmp_path, monkeypatch):
    monkeypatch.setenv("KD_OUT", str(tmp_path))
    monkeypatch.setattr(costs, "measured_rate", lambda *_: 1e9)
    return tmp_path


@pytest.fixture
def never_train(monkeypatch):
    for what in (f"{reproduce.__name__}.train", "kd_helpers.experiments.run.train_recipe"):
        monkeypatch.setattr(what, lambda *_, **__: pytest.fail("this would train"))


@pytest.fixture(scope="module", autouse=True)
def no_team_is_asked():
    """That takes a minute, and `test_team_labs.py` looks at what teams answer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reproductions, "teacher_accuracy", lambda team: 50.0)
        yield


@pytest.fixture(scope="module")
def lines(no_team_is_asked):
    """Name → title of a row → its line."""
    return {n: {x.row.title: x for x in lines_of(find(n, "laptop"), SEEDS)} for n in NAMES}


def is_of_a_team(row: Row) -> bool:
    return bool(row.ours) and isinstance(row.ours(0), Team)


def rows_of(out, name):
    return list(csv.reader((out / "reproduce" / f"{name}.csv").open()))


def test_the_names_are_those_that_were_asked_for(capsys):
    assert tuple(LAPTOP) == NAMES
    assert {*PAPER} | {*WITHOUT} == {*NAMES} and not {*PAPER} & {*WITHOUT}
    assert cli.main(["reproduce"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [*NAMES]
    assert cli.main(["reproduce", "typo"]) == 2
    assert "got 'typo'; expected one of hinton-regulariser" in capsys.readouterr().err
    for name in WITHOUT:
        assert cli.main(["reproduce", name, "--scale", "paper"]) == 2
        assert WITHOUT[name] in capsys.readouterr().err


def test_every_name_runs_from_stored_runs_and_writes_what_it_prints_and_the_notebook_shows(
    out, never_train, capsys
):
    shown = [shown_in(f"{folder}07_reproducing_the_papers") for folder in ("", "solutions/")]
    for name in NAMES:
        assert cli.main(["reproduce", name]) == 0
        told = capsys.readouterr().out
        rows, made = rows_of(out, name), find(name, "laptop")
        assert [row[0] for row in rows[1:]] == [row.title for row in made.rows]
        teams = {row.title for row in made.rows if is_of_a_team(row)}
        for row in rows:
            for text in (told, *shown) if row[0] not in teams else (told,):
                assert f"| {' | '.join(row)} |" in text, (name, row)
        page = (out / "reproduce" / f"{name}.html").read_text()
        assert page.count("<tr") == len(rows) and not re.search(r"(src|href)='http", page)
        for ending, start in ((".svg", b"<?xml"), (".pdf", b"%PDF")):  # every name compares rows
            assert (out / "reproduce" / f"{name}{ending}").read_bytes().startswith(start)


def shown_in(notebook):
    cells = nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", ()) if "data" in output]
    texts = [output["data"].get("text/markdown", "") for output in outputs]
    pages = "".join(output["data"].get("text/html", "") for output in outputs)  # of the guesses
    for row in re.findall("<tr.*?</tr>", pages, re.S):
        cells = map(html.unescape, re.findall("<t[dh]>(.*?)</t[dh]>", row))
        texts.append(f"| {' | '.join(cells)} |")
    return "\n".join(texts)


def test_numbers_are_means_of_five_stored_runs_with_their_interval(lines):
    """One network for all seeds counts once, and so does the speed of a kind of network."""
    for line in [line for of_name in lines.values() for line in of_name.values()]:
        trained = {line.row.ours(seed) for seed in SEEDS} if line.row.ours else set()
        assert len(line.values) == len(trained) and len(trained) in (0, 1, 5)
        assert bool(line.verdict) == (bool(line.row.against) and len(trained) == 5)
        if len(trained) == 5:
            half = stats.t.ppf(0.975, 4) * np.std(line.values, ddof=1) / 5**0.5
            mean = np.mean(line.values)
            assert line.mean == pytest.approx(mean)
            assert line.interval == pytest.approx((mean - half, mean + half))
    line = lines["dgkd"]["dense (DGKD)"]
    stored = [load_run(line.row.ours(seed)).record["test"]["accuracy"] for seed in SEEDS]
    assert line.values == pytest.approx([100 * value for value in stored])
    assert line.row.paper[0].value == 48.92 and line.row.paper[1].value == 89.02
    assert len(lines["benchmark"]["teacher"].values) == 1
    assert len(lines["navarrete"]["student, distilled: 256 images"].values) == 1


def test_what_notebook_07_says_of_signs(lines):
    """Its last words name some rows; here they are looked up."""
    found = {
        f"{name}, {row}": word
        for name in NAMES
        for row, word in pages.agreements([*lines[name].values()]).items()
        if not is_of_a_team(lines[name][row].row)
    }
    other = [row for row, word in found.items() if word == "other sign"]
    assert other == ["benchmark, decoupled, β = 8"]
    for row in ("benchmark, KD", "dgkd, dense (DGKD)"):
        assert found[row] == "same sign"
    assert found["benchmark, KD, standardised logits"] == "not clear here"


# Made-up rows


def number(value, unit="% right", certainty="read"):
    sure = "not found" if value is None else certainty
    return PaperNumber("paper", "table", "setting", "method", value, unit, "source", sure)


def test_signs_are_compared_where_the_papers_settings_agree_among_themselves():
    up = [1.0, 1.1, 0.9, 1.0, 1.2]
    down, unclear = [-v for v in up], [1.0, -1.0, 0.5, -0.5, 0.1]
    for paper, values, expected in (
        ((2.0, 3.0), up, "same sign"),
        ((2.0, 3.0), down, "other sign"),
        ((0.5, 1.0), down, "same sign"),
        ((2.0, 3.0), unclear, "not clear here"),
        ((2.0, 1.0), up, ""),  # one larger, one smaller
        ((2.0, 3.0), None, ""),
        ((None, None), up, ""),
        ((2.0, None), up, "same sign"),  # one pair of numbers
    ):
        verdict = paired_verdict(values, [0.0] * 5) if values else None
        base = Line(Row("b", tuple(map(number, (1.0, 2.0)))))
        line = Line(Row("a", tuple(map(number, paper)), against="b"), (), verdict)
        assert pages.agreements([base, line]).get("a", "") == expected


# Before it trains


def cost_of(name):
    model = make_model(name, num_classes=10, in_channels=3, image_size=32)
    return count_multiply_adds(model, (3, 32, 32))


def test_the_work_counts_three_passes_for_the_student_and_each_answer_once():
    teacher = Recipe(student="cnn-4", dataset="cifar-10")
    own = {kind_of(SMALL): 3 * 480 * cost_of("cnn-2")}
    taught = replace(SMALL, teacher=teacher, method=HintonKD())
    few = replace(taught, transfer=TransferSet(images=100))
    assert work(SMALL) == own
    assert work(taught) == own | {kind_of(teacher): 480 * cost_of("cnn-4")}
    assert work(few) == own | {kind_of(teacher): 100 * cost_of("cnn-4")}


def test_a_row_of_few_seeds_is_not_trained_further_and_has_no_verdict():
    """Three trainings of hours beside five of minutes."""
    few = next(row for row in find("takd", "cifar").rows if row.seeds)
    assert few.recipes(few.seeds - 1) and not few.recipes(few.seeds)
    (line,) = lines_of(replace(find("takd", "cifar"), rows=(few,)), SEEDS)
    assert len(line.values) == few.seeds < len(SEEDS) and line.verdict is None


def test_the_hours_add_up_over_networks_of_different_speed(monkeypatch):
    """A tenth of the work at a hundredth of the speed takes most of the time."""
    rates = {"cnn-2": 1e7, "cnn-4": 1e9}
    monkeypatch.setattr(costs, "measured_rate", lambda kind, seconds: rates[kind.student])
    both = [SMALL, replace(SMALL, student="cnn-4")]
    one, other = (sum(work(recipe).values()) for recipe in both)
    found = estimate(both)
    assert found.multiply_adds == one + other
    assert [*found.seconds.values()] == pytest.approx([one / 1e7, other / 1e9])
    assert found.hours == pytest.approx((one / 1e7 + other / 1e9) / 3600)


def test_a_rate_is_that_of_the_loops_own_steps_after_its_first_report(monkeypatch):
    """The first report comes late: algorithms are chosen, on a GPU steps are recorded."""
    now = SimpleNamespace(seconds=0)

    def reports(network, split, *, schedule, **_):
        history = SimpleNamespace(taken=0)
        while history.taken < schedule.steps:
            now.seconds += 2 if history.taken else 60
            history.taken += 10
            yield history

    monkeypatch.setattr(costs, "training_reports", reports)
    for seconds in (3.0, 1e9):  # the training ends before the second
        now.seconds = 0
        found = costs.measured_rate(kind_of(SMALL), seconds, lambda: now.seconds)
        assert found == pytest.approx(3 * SMALL.schedule.batch_size * 5 * cost_of("cnn-2"))


def test_the_estimate_is_checked_against_what_is_done():
    """The first of two took twice its hour, so the other three will be six."""
    first, second = SMALL, replace(SMALL, seed=1)
    found = costs.Estimate(1e9, {first: 3600.0, second: 3 * 3600.0})
    told = found.checked([first], 2.0)
    assert told == "estimated 1.0 hours for 1, taken 2.0 hours (+100%); about 6.0 hours left"
    assert "taken 30.0 minutes (-88%); about 0.0 minutes left" in found.checked(
        [*found.seconds], 0.5
    )


def test_all_but_yes_trains_nothing_and_so_does_nobody_there(out, never_train, monkeypatch, capsys):
    how = {"scale": "paper", "seeds": 1}
    for answer in ("n", "", "maybe"):
        assert reproduce.reproduce("navarrete", **how, ask=lambda _, a=answer: a) is None
        told = capsys.readouterr().out
        assert "hours" in told and "nothing was trained" in told
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert cli.main(["reproduce", "mismatched", "--scale", "paper", "--seeds", "1"]) == 1
    assert "nothing was trained" in capsys.readouterr().out and not [*out.rglob("*.csv")]


def test_few_seeds_give_numbers_but_no_verdict(out, capsys):
    assert cli.main(["reproduce", "fukuda", "--seeds", "2"]) == 0
    assert "no verdicts: 2 seeds" in capsys.readouterr().out
    _, *rows = rows_of(out, "fukuda")
    assert {row[4] for row in rows} == {"2"} and {row[-1] for row in rows} == {""}
