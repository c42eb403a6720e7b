"""`kd reproduce --list`: no figure or table is left out, and its status follows the stored runs."""

import pytest

from kd_course import cli
from kd_course.nb07_papers import listing, rows
from kd_course.nb07_papers.tables import paper_numbers, tables
from kd_helpers.experiments import compare

BENCHMARK, DENSE = ("CIFAR-100 benchmark", "benchmark"), ("Son et al. 2021, table 1", "dgkd")


@pytest.fixture(autouse=True)
def nothing_is_trained(monkeypatch):
    for what in ("experiments.run.train_recipe", "experiments.sweep.sweep"):
        monkeypatch.setattr(f"kd_helpers.{what}", lambda *_, **__: pytest.fail("this would train"))


def statuses() -> dict[tuple[str, str], str]:
    """Place and name of the reproduction, with its scale → status."""
    return {
        (entry.place, entry.command.removeprefix("kd reproduce ")): entry.status
        for entry in listing.entries(range(5))
    }


def test_every_figure_and_table_has_a_command_or_none_and_a_status(capsys):
    assert cli.main(["reproduce", "--list"]) == 0
    told = capsys.readouterr().out.splitlines()
    for number in (number for name in tables() for number in paper_numbers(name)):
        assert any(line.startswith(f"{number.paper}, {number.table}".rstrip(", ")) for line in told)
    found = {" ".join(line.split()) for line in told}
    for line in (
        "Hinton et al. 2015, table 5 kd reproduce hinton-regulariser reproduced (2 same sign)",
        "Mirzadeh et al. 2020, table 3 kd reproduce takd --scale paper not run",
        "Mirzadeh et al. 2020, figure 4 kd reproduce takd run, not compared",
        "Son et al. 2021, table 3 not run",
        "Son et al. 2021, figure 4 kd reproduce dgkd number unknown",
        "D'Amicantonio 2021 kd reproduce damicantonio number unknown",
        "Zaras, Passalis and Tefas 2021 kd reproduce uste number unknown",
    ):
        assert line in found
    for name in listing.LAPTOP:
        assert any(f" kd reproduce {name} " in line for line in told), name


def test_the_status_is_that_of_the_signs_and_of_the_runs(monkeypatch):
    found = statuses()
    assert found[BENCHMARK].startswith("differs") and "1 other sign" in found[BENCHMARK]
    assert found[DENSE] == "reproduced (1 same sign)"
    with monkeypatch.context() as patch:  # every difference turned
        turned = lambda ours, others: compare.paired_verdict(others, ours)  # noqa: E731
        patch.setattr(rows, "paired_verdict", turned)
        assert statuses()[DENSE] == "differs (1 other sign)"
    monkeypatch.setattr(listing, "load_run", lambda _: None)
    assert {*statuses().values()} == {"not run", "number unknown"}


def test_one_unclear_sign_is_enough_for_not_clear_and_one_other_for_differs():
    same, other, unclear = "same sign", "other sign", "not clear here"
    for words, expected in (
        ([same, None, listing.RUN], "reproduced (1 same sign)"),
        ([same, unclear, same], "not clear (2 same sign, 1 not clear here)"),
        ([unclear, other], "differs (1 not clear here, 1 other sign)"),
        ([None, listing.RUN], "run, not compared"),
        ([None], "not run"),
    ):
        assert listing.status_of(words) == expected
