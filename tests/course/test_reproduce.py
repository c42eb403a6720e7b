"""`kd reproduce`: every name from the stored runs, the estimate, the question, the files."""

import csv
import io
import re

import nbformat
import numpy as np
import pytest
from scipy import stats

from kd_course import cli
from kd_course.nb02_hinton.experiments import SEEDS
from kd_course.nb07_papers import costs as reproduction_costs
from kd_course.nb07_papers import reproduce
from kd_course.nb07_papers.costs import Estimate, estimate, kind_of, measured_rate, work
from kd_course.nb07_papers.pages import (
    agreement,
    agreements,
    as_csv,
    as_html,
    markdown,
    paper_gains,
    said,
    verdict_words,
)
from kd_course.nb07_papers.paper_scale import PAPER, WITHOUT
from kd_course.nb07_papers.reproduce import LAPTOP, find, missing_runs
from kd_course.nb07_papers.rows import Line, Reproduction, Row, lines_of, printed
from kd_course.nb07_papers.tables import PaperNumber
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.compare import paired_verdict
from kd_helpers.experiments.metrics import count_multiply_adds
from kd_helpers.experiments.recipe import Recipe, Team
from kd_helpers.experiments.run import load_run
from kd_helpers.models.zoo import make_model
from kd_helpers.training.schedules import Schedule
from notebook_io import NOTEBOOKS

NAMES = (
    "hinton-regulariser",
    "hinton-missing-class",
    "hinton-ensemble",
    "navarrete",
    "damicantonio",
    "fukuda",
    "mismatched",
    "uste",
    "takd",
    "dgkd",
    "benchmark",
    "rows",
)


@pytest.fixture
def out(tmp_path, monkeypatch):
    monkeypatch.setenv("KD_OUT", str(tmp_path))
    return tmp_path


def no_training(*_, **__):
    pytest.fail("this would train")


def test_the_names_are_those_that_were_asked_for():
    assert (
        tuple(LAPTOP) == NAMES and {*PAPER} | {*WITHOUT} == {*NAMES} and not {*PAPER} & {*WITHOUT}
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_name_runs_from_stored_runs_and_writes_what_it_prints(name, out, monkeypatch, capsys):
    monkeypatch.setattr(reproduce, "train", no_training)
    monkeypatch.setattr("kd_helpers.experiments.run.train_recipe", no_training)
    assert cli.main(["reproduce", name]) == 0
    printed_text = capsys.readouterr().out
    page = (out / "reproduce" / f"{name}.html").read_text()
    rows = list(csv.reader((out / "reproduce" / f"{name}.csv").open()))
    for row in rows:
        assert f"| {' | '.join(row)} |" in printed_text
    lines = lines_of(find(name, "laptop"), SEEDS)
    assert len(rows) == 1 + len(lines) and page.count("<tr>") == len(rows)
    assert not re.search(r"(src|href)='http", page)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_means_of_five_runs_with_their_interval(name):
    for line in lines_of(find(name, "laptop"), SEEDS):
        if not line.values:
            assert line.mean is None and line.interval is None and line.verdict is None
            continue
        trained = {line.row.ours(seed) for seed in SEEDS}
        assert len(line.values) == len(trained) and len(trained) in (1, 5)
        assert line.mean == pytest.approx(np.mean(line.values))
        if len(trained) == 1:
            assert line.interval is None and line.verdict is None
            continue
        half = stats.t.ppf(0.975, 4) * np.std(line.values, ddof=1) / 5**0.5
        assert line.interval == pytest.approx((line.mean - half, line.mean + half))
        assert bool(line.verdict) == bool(line.row.against)


@pytest.mark.parametrize(
    ("name", "row", "n"),
    (
        ("benchmark", "teacher", 1),
        ("navarrete", "teacher: accuracy", 1),
        ("navarrete", "student, distilled: 256 images", 1),
        ("navarrete", "student, distilled: accuracy", 5),
        ("hinton-missing-class", "labels only: errors on the hidden class", 5),
    ),
)
def test_one_network_for_all_seeds_and_one_timing_count_once(name, row, n):
    lines = {line.row.title: line for line in lines_of(find(name, "laptop"), SEEDS)}
    assert len(lines[row].values) == n


@pytest.mark.parametrize(
    "place", ("07_reproducing_the_papers", "solutions/07_reproducing_the_papers")
)
def test_the_notebook_shows_the_rows_of_the_csv(place, out, monkeypatch):
    monkeypatch.setattr(reproduce, "train", no_training)
    cells = nbformat.read(NOTEBOOKS / f"{place}.ipynb", as_version=4).cells
    shown = "\n".join(
        output["data"].get("text/markdown", "")
        for cell in cells
        for output in cell.get("outputs", ())
        if "data" in output
    )
    for name in NAMES:
        reproduce.reproduce(name)
        for row in csv.reader((out / "reproduce" / f"{name}.csv").open()):
            assert f"| {' | '.join(row)} |" in shown, (name, row)


def test_fewer_errors_than_without_a_teacher_are_better():
    lines = {x.row.title: x for x in lines_of(find("hinton-missing-class", "laptop"), SEEDS)}
    line = lines["soft targets: errors"]
    less = np.subtract(line.values, lines["labels only: errors"].values)
    assert less.mean() < 0 and line.verdict.mean == pytest.approx(less.mean())
    assert verdict_words(line).startswith(f"BETTER: {less.mean():+.2f} errors, 95 %")


def lines_by_title(name):
    return {line.row.title: line for line in lines_of(find(name, "laptop"), SEEDS)}


def test_what_notebook_07_says_of_signs():
    """Its last words name some rows; here they are looked up."""
    found = {
        f"{name}, {row}": word
        for name in NAMES
        for row, word in agreements(lines_of(find(name, "laptop"), SEEDS)).items()
    }
    assert [row for row, word in found.items() if word == "other sign"] == [
        "benchmark, decoupled, β = 8"
    ]
    for row in (
        "hinton-regulariser, soft targets, few labels",
        "hinton-ensemble, ensemble",
        "benchmark, KD",
        "dgkd, dense (DGKD)",
    ):
        assert found[row] == "same sign"
    assert found["benchmark, KD, standardised logits"] == "not clear here"
    benchmark = lines_by_title("benchmark")
    gains = paper_gains(benchmark["KD, standardised logits"], benchmark["KD"])
    assert len(gains) == 7 and min(gains) > 0


def test_what_notebook_07_says_of_single_tables():
    missing = lines_by_title("hinton-missing-class")
    assert {*missing["labels only: errors on the hidden class"].values} == {1000.0}
    assert max(missing["soft targets: errors on the hidden class"].values) < 1000
    assert lines_by_title("navarrete")["student, distilled: accuracy"].verdict.word != "BETTER"
    claims = {
        title: line.verdict.word
        for title, line in lines_by_title("damicantonio").items()
        if line.verdict
    }
    assert all(word != "BETTER" for word in claims.values())
    assert claims["(ii) small entries: all but the 3 largest dropped"] == "WORSE"
    assert lines_by_title("mismatched")["handwritten digits"].interval[0] > 10
    several = [line for line in lines_by_title("fukuda").values() if line.verdict]
    assert several[0].verdict.mean > 10 * max(abs(line.verdict.mean) for line in several[1:])
    assert lines_by_title("rows")["direct"].verdict.word == "BETTER"


def test_an_accuracy_is_that_of_the_stored_record():
    (line,) = (x for x in lines_of(find("dgkd", "laptop"), SEEDS) if x.row.title == "dense (DGKD)")
    stored = [load_run(line.row.ours(seed)).record["test"]["accuracy"] for seed in SEEDS]
    assert line.values == pytest.approx([100 * value for value in stored])
    assert line.row.paper[0].value == 48.92 and line.row.paper[1].value == 89.02


def test_errors_are_counted_among_all_images_and_in_the_hidden_class():
    lines = {x.row.title: x for x in lines_of(find("hinton-missing-class", "laptop"), SEEDS)}
    run = load_run(lines["soft targets: errors"].row.ours(3))
    confusion = np.array(run.record["test"]["confusion"])
    assert lines["soft targets: errors"].values[3] == confusion.sum() - np.trace(confusion)
    hidden = lines["soft targets: errors on the hidden class"].values[3]
    assert hidden in confusion.sum(axis=1) - np.diag(confusion) and hidden > 100


# Made-up rows


def number(value, unit="% right", certainty="read"):
    return PaperNumber("paper", "table", "setting", "method", value, unit, "source", certainty)


def test_a_table_is_empty_where_nothing_is_known():
    rows = (Row("a | b <c>", (number(None), number(41.5, certainty="derived"))),)
    reproduction = Reproduction("x", "X & Y", "differs", ("one", "two"), rows)
    lines = [Line(rows[0])]
    ((_, row),) = [list(csv.reader(io.StringIO(as_csv(reproduction, lines))))]
    assert row == ["a | b <c>", "", "41.5 (derived)", "% right", "", "", "", "", ""]
    assert "a | b &lt;c&gt;" in as_html(reproduction, lines)
    assert "X &amp; Y" in as_html(reproduction, lines) and "41.5 (derived)" in markdown(
        reproduction, lines
    )
    assert said(number(5.39, "points"), "% right") == "5.39 points"


def test_the_papers_gains_need_both_numbers_in_one_unit():
    one = Line(Row("a", (number(3.0), number(2.0), number(1.0, "errors"), number(9.0))))
    other = Line(Row("b", (number(1.0), number(None), number(5.0), None)))
    assert paper_gains(one, other) == [2.0]


def test_signs_are_compared_where_the_papers_settings_agree_among_themselves():
    def line(title, paper, values, against=None):
        verdict = paired_verdict(values, against) if against else None
        return Line(Row(title, tuple(number(v) for v in paper)), tuple(values), verdict)

    zero, up = [0.0] * 5, [1.0, 1.1, 0.9, 1.0, 1.2]
    down, unclear = [-v for v in up], [1.0, -1.0, 0.5, -0.5, 0.1]
    base = line("b", (1.0, 2.0), zero)
    assert agreement(line("a", (2.0, 3.0), up, zero), base) == "same sign"
    assert agreement(line("a", (2.0, 3.0), down, zero), base) == "other sign"
    assert agreement(line("a", (0.5, 1.0), down, zero), base) == "same sign"
    assert agreement(line("a", (2.0, 3.0), unclear, zero), base) == "not clear here"
    assert agreement(line("a", (2.0, 1.0), up, zero), base) == ""
    assert agreement(line("a", (2.0, 3.0), up), base) == ""
    assert agreement(line("a", (None, None), up, zero), base) == ""


@pytest.mark.parametrize(
    "rows", ([Row("a"), Row("a")], [Row("a", (None,))], [Row("a", against="b")]), ids=str
)
def test_rows_that_do_not_fit_are_refused(rows):
    with pytest.raises(ValueError, match=r"got x: .[ab]."):
        Reproduction("x", "", "", ("one", "two"), tuple(rows))


def test_a_number_that_stands_there_twice_or_never_is_refused():
    with pytest.raises(ValueError, match="stands there 0 times"):
        printed("takd_2020", "table 1", "plain CNN 10-4-2, CIFAR-10", "dense")


def test_a_team_is_trained_by_its_members():
    one, two = Recipe(seed=1), Recipe(seed=2)
    rows = (Row("a", ours=lambda seed: Team((one, two))), Row("b", ours=lambda seed: two))
    assert Reproduction("x", "", "", (), rows).recipes(0) == [one, two]


# Before it trains

SMALL = Recipe(student="cnn-2", dataset="cifar-10", schedule=Schedule(steps=30, batch_size=16))


def test_the_work_counts_three_passes_for_the_student_and_each_answer_once():
    cost = {
        n: count_multiply_adds(
            make_model(n, num_classes=10, in_channels=3, image_size=32), (3, 32, 32)
        )
        for n in ("cnn-2", "cnn-4")
    }
    student, teacher = kind_of(SMALL), kind_of(Recipe(student="cnn-4", dataset="cifar-10"))
    assert work(SMALL) == {student: 3 * 480 * cost["cnn-2"]}
    taught = Recipe(
        dataset="cifar-10",
        schedule=SMALL.schedule,
        kd_weight=0.5,
        teacher=Recipe(student="cnn-4", dataset="cifar-10"),
    )
    assert work(taught) == work(SMALL) | {teacher: 480 * cost["cnn-4"]}
    few = Recipe(**{**vars(taught), "transfer": TransferSet(images=100)})
    assert work(few) == work(SMALL) | {teacher: 100 * cost["cnn-4"]}


def test_the_rate_is_that_of_the_steps_between_two_looks_at_the_clock():
    times = iter([0.0, 1.0, 2.0, 3.0, 4.0, 4.0])
    cost = count_multiply_adds(
        make_model("cnn-2", num_classes=10, in_channels=3, image_size=32), (3, 32, 32)
    )
    found = measured_rate(SMALL, seconds=3.5, clock=lambda: next(times))
    assert found == pytest.approx(3 * 16 * 3 * cost / 4.0)  # steps after looks at 1, 2 and 3 s
    assert Estimate(2, 7.2e12, 1e9).hours == 2.0
    assert re.search(
        "^2 trainings, 7.2e.12 .* 1.0 billion .* 2.0 hours$", str(Estimate(2, 7.2e12, 1e9))
    )
    assert str(Estimate(2, 1.8e11, 1e9)).endswith("about 3.0 minutes")


def test_the_hours_add_up_over_networks_of_different_speed(monkeypatch):
    """A tenth of the work at a hundredth of the speed takes most of the time."""
    rates, asked = {"cnn-2": 1e7, "cnn-4": 1e9}, {}
    monkeypatch.setattr(
        reproduction_costs,
        "measured_rate",
        lambda kind, seconds: asked.update({kind.student: seconds}) or rates[kind.student],
    )
    other = Recipe(**{**vars(SMALL), "student": "cnn-4"})
    amounts = [sum(work(recipe).values()) for recipe in (SMALL, other)]
    found = estimate([SMALL, other])
    assert found.multiply_adds == sum(amounts) and found.runs == 2
    assert found.hours == pytest.approx((amounts[0] / 1e7 + amounts[1] / 1e9) / 3600)
    assert sum(asked.values()) == pytest.approx(10) and asked["cnn-4"] > asked["cnn-2"]


def test_missing_runs_are_named_once_and_teachers_first():
    found = missing_runs(find("dgkd", "paper"), (0, 1))
    assert len(found) == len(set(found))
    for place, recipe in enumerate(found):
        assert all(found.index(teacher) < place for teacher in recipe.needs)
    assert not missing_runs(find("dgkd", "laptop"), SEEDS)


@pytest.mark.parametrize("answer", ("n", "", "maybe"))
def test_no_trains_nothing(answer, out, monkeypatch, capsys):
    monkeypatch.setattr(reproduce, "train", no_training)
    monkeypatch.setattr(reproduction_costs, "measured_rate", lambda *_: 1e9)
    assert reproduce.reproduce("takd", scale="paper", seeds=1, ask=lambda _: answer) is None
    told = capsys.readouterr().out
    assert "hours" in told and "nothing was trained" in told and not [*out.rglob("*.csv")]


def test_nobody_there_to_answer_is_a_no(out, monkeypatch, capsys):
    monkeypatch.setattr(reproduce, "train", no_training)
    monkeypatch.setattr(reproduction_costs, "measured_rate", lambda *_: 1e9)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert cli.main(["reproduce", "navarrete", "--scale", "paper", "--seeds", "1"]) == 1
    assert "nothing was trained" in capsys.readouterr().out


@pytest.mark.parametrize("seeds", ("0", "-1"))
def test_a_table_of_no_seeds_is_refused(seeds, out, capsys):
    assert cli.main(["reproduce", "fukuda", "--seeds", seeds]) == 1
    assert f"got {seeds} seeds; expected 1 at least" in capsys.readouterr().err
    assert not [*out.rglob("*.csv")]


def test_few_seeds_give_numbers_but_no_verdict(out, capsys):
    assert cli.main(["reproduce", "fukuda", "--seeds", "2"]) == 0
    assert "no verdicts: 2 seeds" in capsys.readouterr().out
    _, *rows = csv.reader((out / "reproduce" / "fukuda.csv").open())
    assert {row[4] for row in rows} == {"2"} and {row[-1] for row in rows} == {""}


@pytest.mark.parametrize("name", WITHOUT)
def test_what_has_no_paper_scale_says_why(name, capsys):
    assert cli.main(["reproduce", name, "--scale", "paper"]) == 1
    assert WITHOUT[name] in capsys.readouterr().err


def test_the_names_are_listed_and_an_unknown_one_is_refused(capsys):
    assert cli.main(["reproduce"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [*NAMES]
    assert cli.main(["reproduce", "typo"]) == 1
    assert "got 'typo'; expected one of hinton-regulariser" in capsys.readouterr().err


@pytest.mark.parametrize("name", PAPER)
def test_paper_scale_recipes_are_of_the_papers_data(name):
    for recipe in find(name, "paper").recipes(2):
        assert recipe.dataset != "fashion-mnist" and recipe.schedule.steps > 10_000
        assert recipe.transfer.images is None
