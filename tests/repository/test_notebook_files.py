"""The committed notebooks are what their sources say, whole, small, and easy to read."""

from __future__ import annotations

import ast
import json
import re
from statistics import median

import nbformat
import pytest

import notebook_io
from build_notebooks import FIX, SOLUTIONS, SOURCES, build, is_stale, outputs_of
from notebook_io import NOTEBOOKS, ROOT, WIDGET_VIEW

READERS = sorted(NOTEBOOKS.glob("*.ipynb"))
SOLVED = sorted(SOLUTIONS.glob("*.ipynb"))
SOURCE_FILES = sorted(SOURCES.glob("*.py"))

MAX_KB = 500
MEDIAN_LINES, MAX_LINES, MAX_IMPORTS = 5, 15, 8  # of code in a cell, of imports in a notebook
MAX_WORDS = 130  # of prose in a cell; 90 read well

# Folders of one machine, that of this checkout included; no part of a web address.
FOLDERS = sorted({"home", "root", "tmp", "Users", "mnt", "opt", "var", ROOT.parts[1]})
MACHINE_PATH = re.compile(rf"(?<![\w./:-])/(?:{'|'.join(FOLDERS)})/\S*|[A-Z]:\\\S+")

every_notebook = pytest.mark.parametrize(
    "path", READERS + SOLVED, ids=lambda path: str(path.relative_to(NOTEBOOKS))
)


def shown_text(output: nbformat.NotebookNode) -> str:
    """What an output says in words; a picture's letters mean nothing."""
    data = {kind: value for kind, value in output.get("data", {}).items() if "image/p" not in kind}
    return "\n".join([output.get("text", ""), *map(str, data.values())])


def words(markdown: str) -> int:
    """The words of prose: formulas, code and tables are looked at, not read."""
    prose = re.sub(r"\$\$.*?\$\$|```.*?```|^\|.*$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    return len(prose.split())


def code_lines(source: str) -> tuple[int, int]:
    """The lines that a reader has to think about, without empty ones, and the lines of imports."""
    imports = {
        number
        for node in ast.parse(source).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for number in range(node.lineno, node.end_lineno + 1)
    }
    lines = enumerate(source.splitlines(), start=1)
    return sum(bool(line.strip()) for n, line in lines if n not in imports), len(imports)


def test_every_notebook_is_built_from_its_source():
    expected = {path for source in SOURCE_FILES for path, _ in outputs_of(source)}
    assert {*READERS, *SOLVED} == expected, f"{FIX}, and delete what has no source any more"
    for source in SOURCE_FILES:
        text = source.read_text(encoding="utf-8")
        for path, solutions in outputs_of(source):
            stale = is_stale(path, build(text, source.stem, solutions))
            assert not stale, f"{path} is not what {source} says: {FIX}"


def test_readers_get_the_solutions_but_for_the_exercises():
    """So the solutions alone need to be run: every other cell of the readers' is in them."""
    for source in SOURCE_FILES:
        (reader, _), (solved, _) = outputs_of(source)
        title, *rest = notebook_io.read(reader).cells
        answers = {cell.id: cell for cell in notebook_io.read(solved).cells}
        with_answers = title.source.split("\n")[0] + " (with solutions)"
        assert answers.pop(title.id).source.split("\n")[0] == with_answers
        for cell in rest:
            answer = answers.pop(cell.id)
            is_exercise = "exercise" in cell.metadata.get("tags", [])
            same = cell.source == answer.source.replace("../glossary.md", "glossary.md")
            assert same != is_exercise, cell.id
        assert all("solution" in cell.metadata.tags for cell in answers.values())


@every_notebook
def test_stored_notebooks_are_whole_small_and_fit_for_any_page(path):
    notebook = notebook_io.read(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), FIX
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")
    assert notebook.metadata.kernelspec.name == "python3"
    # GitHub refuses a notebook with half of a widget's state, and a dead widget helps nobody.
    assert "widgets" not in notebook.metadata
    assert path.stat().st_size <= MAX_KB * 1000, f"over {MAX_KB} kB: fewer or smaller pictures"
    for cell in code:
        for output in cell.outputs:
            assert output.output_type != "error" and output.get("name") != "stderr", cell.id
            assert WIDGET_VIEW not in output.get("data", {}), f"{cell.id}: show a picture with it"
            assert not MACHINE_PATH.search(shown_text(output)), cell.id


@every_notebook
def test_cells_are_short(path):
    cells = notebook_io.read(path).cells
    prose = {c.id: words(c.source) for c in cells if c.cell_type == "markdown"}
    assert {name: n for name, n in prose.items() if n > MAX_WORDS} == {}
    if path in READERS:
        code = {c.id: code_lines(c.source) for c in cells if c.cell_type == "code"}
        assert {name: n for name, (n, _) in code.items() if n > MAX_LINES} == {}
        assert median(n for n, _ in code.values()) <= MEDIAN_LINES
        assert sum(imports for _, imports in code.values()) <= MAX_IMPORTS


def test_an_executed_notebook_is_cleaned_and_a_failure_names_the_cell(tmp_path):
    """Also that text printed in two pieces is stored as one, and the widget as its text."""
    code = "import ipywidgets, sys\nprint(1); sys.stdout.flush(); print(2)\nipywidgets.IntSlider()"
    notebook = build(f"# %% [markdown]\n# # T\n# %%\n{code}\n# %%\n1 / 0\n", "00_a")
    run = notebook_io.execute(notebook, tmp_path)
    assert run.failure == "cell 03: ZeroDivisionError: division by zero"
    assert run.seconds > 0 and run.peak_mb > 10
    printed, widget = notebook.cells[1].outputs
    assert printed.text == "1\n2\n" and list(widget.data) == ["text/plain"]
    assert notebook.metadata == notebook_io.METADATA
    assert "timestamp" not in json.dumps(notebook) and notebook.cells[1].execution_count == 1
