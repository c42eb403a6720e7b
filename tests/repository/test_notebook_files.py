"""The committed notebooks are what their sources say, whole, small, and easy to read."""

from __future__ import annotations

import ast
import json
import re
import warnings
from pathlib import Path
from statistics import median

import nbformat
import pytest

import notebook_io
from build_notebooks import FIX, SOLUTIONS, SOURCES, build, cut_answers, is_stale, outputs_of
from notebook_io import NOTEBOOKS, ROOT, WIDGET_VIEW

READERS = sorted(NOTEBOOKS.glob("*.ipynb"))
SOLVED = sorted(SOLUTIONS.glob("*.ipynb"))
SOURCE_FILES = sorted(SOURCES.glob("*.py"))

MAX_KB = 300
MEDIAN_LINES, MAX_LINES = 5, 15  # of code in a cell
MAX_IMPORTS = 8  # lines of them in a notebook
GOOD_WORDS, MAX_WORDS = 90, 130  # of prose in a cell

# Folders of one machine, that of this checkout included; no part of a web address.
FOLDERS = sorted({"home", "root", "tmp", "Users", "mnt", "opt", "var", ROOT.parts[1]})
MACHINE_PATH = re.compile(rf"(?<![\w./:-])/(?:{'|'.join(FOLDERS)})/\S*|[A-Z]:\\\S+")


def label(path: Path) -> str:
    return str(path.relative_to(NOTEBOOKS))


every_notebook = pytest.mark.parametrize("path", READERS + SOLVED, ids=label)
every_readers_notebook = pytest.mark.parametrize("path", READERS, ids=label)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook_io.read(path).cells if cell.cell_type == "code"]


def outputs(path: Path) -> list[tuple[str, nbformat.NotebookNode]]:
    """Every output of a notebook with the id of its cell."""
    return [(cell.id, output) for cell in code_cells(path) for output in cell.outputs]


def shown_text(output: nbformat.NotebookNode) -> str:
    """What an output says in words; a picture's letters mean nothing."""
    data = {kind: value for kind, value in output.get("data", {}).items() if "image/p" not in kind}
    return "\n".join([output.get("text", ""), *map(str, data.values())])


def words(markdown: str) -> int:
    """The words of prose: formulas, code and tables are looked at, not read."""
    prose = re.sub(r"\$\$.*?\$\$|```.*?```|^\|.*$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    return len(prose.split())


def code_lines(source: str) -> tuple[int, int]:
    """The lines of imports, and those that a reader has to think about; empty ones do not count."""
    imports = sum(
        node.end_lineno - node.lineno + 1
        for node in ast.parse(source).body
        if isinstance(node, ast.Import | ast.ImportFrom)
    )
    return imports, sum(bool(line.strip()) for line in source.splitlines()) - imports


def test_every_source_has_its_notebooks_and_no_notebook_lacks_a_source():
    expected = {path for source in SOURCE_FILES for path, _ in outputs_of(source)}
    found = set(READERS + SOLVED)
    assert found == expected, f"{FIX}, and delete a notebook that has no source any more"


@pytest.mark.parametrize("source", SOURCE_FILES, ids=label)
def test_notebooks_are_built_from_their_source(source):
    text = source.read_text(encoding="utf-8")
    for path, solutions in outputs_of(source):
        stale = is_stale(path, build(text, source.stem, solutions))
        assert not stale, f"{label(path)} is not what {label(source)} says: {FIX}"


@every_notebook
def test_cells_were_run_once_in_order(path):
    counts = [cell.execution_count for cell in code_cells(path) if cell.source.strip()]
    assert counts == list(range(1, len(counts) + 1)), FIX


@every_notebook
def test_outputs_hold_no_errors_and_no_warnings(path):
    bad = [
        (cell_id, output.get("ename") or output.get("text"))
        for cell_id, output in outputs(path)
        if output.output_type == "error" or output.get("name") == "stderr"
    ]
    assert bad == []


@every_notebook
def test_no_state_of_widgets_is_stored(path):
    """GitHub refuses a notebook with half of it, and a dead widget helps nobody."""
    assert "widgets" not in notebook_io.read(path).metadata


@every_notebook
def test_every_widget_is_stored_as_something_visible(path):
    """A reader who has not run the notebook sees a picture, not "model not found"."""
    lone = [cell_id for cell_id, output in outputs(path) if WIDGET_VIEW in output.get("data", {})]
    assert lone == [], "show the widget together with a picture of it"


@every_notebook
def test_the_kernel_has_the_name_that_everybody_has(path):
    assert notebook_io.read(path).metadata.kernelspec.name == "python3"


@every_notebook
def test_the_file_is_small(path):
    assert path.stat().st_size <= MAX_KB * 1000, f"over {MAX_KB} kB: fewer or smaller pictures"


@every_notebook
def test_outputs_name_no_folder_of_the_machine(path):
    found = [
        (cell_id, match)
        for cell_id, o in outputs(path)
        for match in MACHINE_PATH.findall(shown_text(o))
    ]
    assert found == []


@every_notebook
def test_the_first_cell_is_the_title(path):
    first = notebook_io.read(path).cells[0]
    assert (first.cell_type, first.source[:2]) == ("markdown", "# ")


@every_readers_notebook
def test_code_cells_are_short(path):
    lines = {cell.id: code_lines(cell.source) for cell in code_cells(path)}
    assert sum(imports for imports, _ in lines.values()) <= MAX_IMPORTS
    assert {name: code for name, (_, code) in lines.items() if code > MAX_LINES} == {}
    assert median(code for _, code in lines.values()) <= MEDIAN_LINES


@every_notebook
def test_prose_cells_are_short(path):
    lengths = {
        c.id: words(c.source) for c in notebook_io.read(path).cells if c.cell_type == "markdown"
    }
    assert {name: n for name, n in lengths.items() if n > MAX_WORDS} == {}
    long = {name: n for name, n in lengths.items() if n > GOOD_WORDS}
    if long:
        warnings.warn(f"{label(path)}: more than {GOOD_WORDS} words in {long}", stacklevel=1)


# --- the builder itself -----------------------------------------------------------------------

SOURCE = """\
# %% [markdown]
# # A title
# And a question.

# %% tags=["exercise"]
def double(x):
    # solution
    return 2 * x
    # end solution
    # stub: # return twice x
    # stub: return x


# %%
# copy the answer (jupytext would take this line for a shell command)
# solution
y = double(2)
# end solution
y

# %% [markdown] tags=["solution"]
# Why it is so.
"""


def sources_of(solutions: bool) -> list[str]:
    return [cell.source for cell in build(SOURCE, "00_a_name", solutions).cells]


def test_a_reader_gets_the_stubs():
    assert sources_of(solutions=False) == [
        "# A title\nAnd a question.",
        "def double(x):\n    # return twice x\n    return x",
        "# copy the answer (jupytext would take this line for a shell command)\n"
        "...  # your code here\ny",
    ]


def test_the_solutions_keep_the_answers_without_the_markers():
    assert sources_of(solutions=True) == [
        "# A title (with solutions)\nAnd a question.",
        "def double(x):\n    return 2 * x",
        "# copy the answer (jupytext would take this line for a shell command)\ny = double(2)\ny",
        "Why it is so.",
    ]


def test_ids_and_tags_come_from_the_source():
    cells = build(SOURCE, "00_a_name").cells
    assert [cell.id for cell in cells] == ["00-a-name-01", "00-a-name-02", "00-a-name-03"]
    assert cells[1].metadata == {"tags": ["exercise"]}
    nbformat.validate(build(SOURCE, "00_a_name"))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("# solution\nx = 1", "has no `# end solution`"),
        ("x = 1\n# end solution", "without a `# solution` before it"),
        ("# solution\n# solution\n# end solution", "inside another answer"),
        ("# stub: x = 1", "does not follow `# end solution`"),
        ("# solution\nx = 1\n# end solution\n  # stub: x", "does not follow `# end solution`"),
        ("# solution\nx = 1\n# end solution\n# stub:x", "no space after the colon"),
    ],
)
@pytest.mark.parametrize("solutions", [False, True])
def test_a_lost_marker_is_named(code, message, solutions):
    with pytest.raises(ValueError, match=f"01_x, cell 03.*{message}"):
        cut_answers(code, solutions, "01_x, cell 03")


def test_a_source_without_a_title_is_refused():
    with pytest.raises(ValueError, match="00_a: it begins with 'x = 1', not with a title"):
        build("# %%\nx = 1\n", "00_a")


def test_an_edited_source_makes_the_notebook_stale(tmp_path):
    path = tmp_path / "00_a_name.ipynb"
    assert is_stale(path, build(SOURCE, "00_a_name"))
    notebook_io.write(build(SOURCE, "00_a_name"), path)
    assert not is_stale(path, build(SOURCE, "00_a_name"))
    assert is_stale(path, build(SOURCE.replace("twice", "double"), "00_a_name"))
    assert is_stale(path, build(SOURCE.replace('["exercise"]', "[]"), "00_a_name"))


def test_an_executed_notebook_is_cleaned(tmp_path):
    """Also that text printed in two pieces is stored as one, and the widget as its text."""
    code = "import ipywidgets, sys\nprint(1); sys.stdout.flush(); print(2)\nipywidgets.IntSlider()"
    notebook = build(f"# %% [markdown]\n# # T\n# %%\n{code}\n", "00_a")
    run = notebook_io.execute(notebook, tmp_path)
    printed, widget = notebook.cells[1].outputs
    assert run.failure == "" and run.seconds > 0 and run.peak_mb > 10
    assert printed.text == "1\n2\n" and list(widget.data) == ["text/plain"]
    assert notebook.metadata == notebook_io.METADATA
    assert "timestamp" not in json.dumps(notebook) and notebook.cells[1].execution_count == 1


def test_a_failure_names_the_cell(tmp_path):
    notebook = build("# %% [markdown]\n# # T\n# %%\n1\n# %%\n1 / 0\n", "00_a")
    run = notebook_io.execute(notebook, tmp_path)
    assert run.failure == "cell 03: ZeroDivisionError: division by zero"


def test_names_are_found_by_their_beginning(tmp_path):
    paths = [tmp_path / "00_start.ipynb", tmp_path / "01_soft.ipynb"]
    assert notebook_io.select([], paths) == paths
    assert notebook_io.select(["01"], paths) == paths[1:]
    assert notebook_io.select(["notebooks/01_soft.ipynb"], paths) == paths[1:]
    with pytest.raises(SystemExit, match="begins with '07'"):
        notebook_io.select(["07"], paths)
