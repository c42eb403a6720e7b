"""`make grade`: marks are those of the course's own checks, whatever a notebook does."""

import csv

import nbformat
import pytest

import grade
from build_notebooks import SOLUTIONS
from notebook_io import NOTEBOOKS, read

NAME = "01_soft_and_hard_targets.ipynb"
STUBBORN = """
    while True:
        try:
            while True: print("x" * 1000)
        except BaseException: pass"""
HELPED = "def my_soften(logits, temperature):\n    return helper(logits / temperature)"
HELPER = "def helper(z):\n    return z.exp() / z.exp().sum(dim=1, keepdim=True)"
CHEAT = """
from kd_course import exercises
lab.check_most_similar = lab.check_smooth_labels = lambda *case: "[ok] right"
exercises.report = lambda *case, **more: "[ok] right"
torch.allclose = lambda *values, **more: True
def my_soften(z, t): return z
def my_smooth_labels(y, k, e): return y
"""


def student(path, change=None, more=(), drop="nothing", source=SOLUTIONS / NAME):
    """A notebook with changed bodies of answers, cells put in at the end, and some left out."""
    notebook = read(source)
    notebook.cells = [cell for cell in notebook.cells if drop not in cell.source]
    for cell in notebook.cells:
        for name, body in (change or {}).items():
            if cell.source.startswith(f"def {name}("):
                cell.source = f"{cell.source.splitlines()[0]}\n{body}"
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in more]
    nbformat.write(notebook, path)


def test_a_folder_is_graded_and_no_notebook_stops_the_others(tmp_path):
    folder = tmp_path / "handed in"
    (folder / "someone").mkdir(parents=True)
    syntax = {"my_smooth_labels": "    return (("}
    student(folder / "someone" / "mixed.ipynb", syntax, [HELPED, HELPER], drop="my_most_similar")
    student(folder / "cheats.ipynb", more=[CHEAT], source=NOTEBOOKS / NAME)
    (folder / "broken.ipynb").write_text("{")
    (folder / "other.ipynb").write_text(nbformat.writes(nbformat.v4.new_notebook()))

    grade.grade_folder(folder, tmp_path / "grades.csv")
    with (tmp_path / "grades.csv").open() as file:
        rows = {row.pop("notebook"): row for row in csv.DictReader(file)}
    asked = [f"01 my_{name}" for name in ("soften", "smooth_labels", "most_similar")]
    assert [*rows["someone/mixed.ipynb"]] == [*asked, "total", "remarks"]
    got = {name: "".join(p or "-" for p in list(row.values())[:4]) for name, row in rows.items()}
    assert got == {
        "someone/mixed.ipynb": "10-1",
        "cheats.ipynb": "0000",
        "broken.ipynb": "----",
        "other.ipynb": "----",
    }
    for name, words in {
        "someone/mixed": "SyntaxError",
        "cheats": "01 my_most_similar: not answered",
        "broken": "not a notebook",
        "other": "no cell of it is one of the course's",
    }.items():
        assert words in rows[f"{name}.ipynb"]["remarks"]
    assert "my_soften: the notebook changed" in rows["cheats.ipynb"]["remarks"]
    assert "my_most_similar: not in the notebook" in rows["someone/mixed.ipynb"]["remarks"]


def test_a_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"expected one \.ipynb file a student"):
        grade.grade_folder(tmp_path, tmp_path / "grades.csv")


@pytest.mark.slow
def test_an_answer_that_hangs_or_kills_its_kernel_costs_its_own_mark_only(tmp_path):
    dies = "    import os; os._exit(1)"
    student(tmp_path / "a.ipynb", {"my_soften": STUBBORN, "my_smooth_labels": dies})
    got, problem = grade.grade(tmp_path / "a.ipynb", grade.lessons(), seconds=15)
    assert not problem
    assert [*got.values()] == [(0, "over 15 s"), (0, "the kernel died"), (1, "")]


@pytest.mark.slow
def test_every_solved_notebook_gets_full_marks():
    for lesson, path in zip(grade.lessons(), sorted(SOLUTIONS.glob("*.ipynb")), strict=True):
        got, problem = grade.grade(path, grade.lessons(), seconds=120)
        assert len(got) == len(lesson.exercises) and not problem
        assert all(point == 1 for point, _ in got.values()), got
