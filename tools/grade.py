"""Grade a folder of students' notebooks into a CSV file (`make grade FOLDER=…`).

A student's code runs in a kernel only, in an empty folder and with a time limit: of a notebook the
cells that define the answers, and what those need. The checks are the course's, whatever became of
them in the notebook. This finds edited checks; it is no prison: code that looks for ways to cheat
or to harm has the rights of whoever runs this.
"""

from __future__ import annotations

import argparse
import csv
import inspect
import io
import json
import os
import re
import secrets
import subprocess
import symtable
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from kd_helpers.runtime.files import write_atomically
from notebook_io import NOTEBOOKS, ROOT, read

CHECK = re.compile(r"^print\((lab\.check_\w+\((my_\w+).*\))\)$", re.MULTILINE)
DEFINED = re.compile(r"^(?:def )?(my_\w+)\b", re.MULTILINE)
MOST_OUTPUTS = 100  # of a cell; what prints for ever must not fill the memory


@dataclass(frozen=True)
class Exercise:
    """One exercise: the function asked for, the check's call, and the cells that call needs."""

    name: str
    call: str
    setup: str


@dataclass(frozen=True)
class Lesson:
    """A notebook of the course: its number, its code cells and its exercises."""

    number: str
    cells: list[str]
    exercises: list[Exercise]


Mark = tuple[int | None, str]  # 1, 0 or None where the exercise is missing; and why


def code_of(notebook: NotebookNode) -> list[str]:
    code = (cell.source.strip() for cell in notebook.cells if cell.cell_type == "code")
    return [source for source in code if source]


def lessons() -> list[Lesson]:
    found = []
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        cells = code_of(read(path))
        asked = [match for cell in cells for match in CHECK.finditer(cell)]
        exercises = [
            Exercise(name, call, "\n".join(cells_for(names_of(call)[1] - {name}, cells)))
            for call, name in (match.groups() for match in asked)
        ]
        found.append(Lesson(path.name[:2], cells, exercises))
    return found


def names_of(source: str) -> tuple[set[str], set[str]]:
    """The global names that a cell makes, and those that it uses; nothing is run."""
    try:
        table = symtable.symtable(TransformerManager().transform_cell(source), "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(DEFINED.findall(source)), set()
    tables = [table]
    for inner in tables:
        tables += inner.get_children()
    uses = {s.get_name() for t in tables for s in t.get_symbols() if t is table or s.is_global()}
    made = (s for s in table.get_symbols() if s.is_assigned() or s.is_imported())
    return {symbol.get_name() for symbol in made}, uses


def cells_for(names: Iterable[str], cells: list[str]) -> list[str]:
    """The cells, in their order, that make these names last, and what they need in turn.

    What a cell needs is made by the last cell before it, or else after it, as for functions.
    """
    facts = [names_of(source) for source in cells]
    kept: set[int] = set()
    todo = [(name, len(cells)) for name in names]
    while todo:
        name, before = todo.pop()
        places = [i for i, (makes, _) in enumerate(facts) if name in makes]
        place = max((i for i in places if i < before), default=max(places, default=None))
        if place is not None and place not in kept:
            kept.add(place)
            todo += [(used, place) for used in facts[place][1]]
    return [cells[place] for place in sorted(kept)]


def verdict(token: str, name: str, setup: str, call: str, answer) -> None:  # type: ignore[no-untyped-def]
    """In the student's kernel: print what the course's check says of the answer, and of that
    answer made wrong."""
    import json
    import sys

    def wrong(*case: object) -> object:
        value = answer(*case)
        return 7 * value + 1 if hasattr(value, "shape") else None

    for module in [m for m in sys.modules if m.split(".")[0] in ("kd_course", "kd_helpers")]:
        del sys.modules[module]  # the notebook may have changed it
    space: dict = {}
    exec(setup, space)
    said = []
    for given in (answer, wrong):
        space[name] = given
        said.append(str(eval(call, space)))
    print(json.dumps([token, *said]))


class Quiet(NotebookClient):
    """A client that keeps the first outputs of a cell only."""

    def output(
        self, outs: list, msg: dict, display_id: str, cell_index: int
    ) -> NotebookNode | None:
        return (
            super().output(outs, msg, display_id, cell_index) if len(outs) < MOST_OUTPUTS else None
        )


def marks(exercises: list[Exercise], cells: list[str], seconds: int) -> dict[str, Mark]:
    """Grade exercises in one kernel; where that hangs or dies, each in a kernel of its own."""
    try:
        return marks_in_kernel(exercises, cells, seconds)
    except (CellTimeoutError, DeadKernelError) as problem:
        if len(exercises) > 1:
            return {e.name: marks([e], cells, seconds)[e.name] for e in exercises}
        slow = isinstance(problem, CellTimeoutError)
        return {exercises[0].name: (0, f"over {seconds} s" if slow else "the kernel died")}


def marks_in_kernel(exercises: list[Exercise], cells: list[str], seconds: int) -> dict[str, Mark]:
    """Run the answers, then each check; an error in one leaves the others alone."""
    tokens = {e.name: secrets.token_hex(16) for e in exercises}
    answers = cells_for(tokens, cells)
    checks = [
        f"{inspect.getsource(verdict)}\nverdict({tokens[e.name]!r}, {e.name!r}, {e.setup!r}, "
        f"{e.call!r}, globals().get({e.name!r}))"
        for e in exercises
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in [*answers, *checks]]
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Quiet(
            notebook,
            kernel_name="python3",
            timeout=seconds,
            allow_errors=True,
            store_widget_state=False,
            shutdown_kernel="immediate",
            resources={"metadata": {"path": folder}},
        ).execute(env=os.environ | {"KD_OUT": folder}, stderr=subprocess.DEVNULL)
    ran, checked = notebook.cells[: len(answers)], notebook.cells[len(answers) :]
    stopped = "; ".join(error for cell in ran for error in errors(cell))
    return {
        e.name: mark(tokens[e.name], cell, stopped)
        for e, cell in zip(exercises, checked, strict=True)
    }


def errors(cell: NotebookNode) -> list[str]:
    return [f"{o.ename}: {o.evalue}" for o in cell.outputs if o.output_type == "error"]


def mark(token: str, check: NotebookNode, stopped: str) -> Mark:
    """From what the check printed beside its token."""
    printed = "".join(o.text for o in check.outputs if o.get("name") == "stdout").splitlines()
    told = next((json.loads(line) for line in printed if line.startswith(f'["{token}"')), None)
    if told is None:
        return 0, "; ".join(filter(None, [stopped, *errors(check)])) or "the check did not answer"
    said, said_of_wrong = (text.partition("\n")[0] for text in told[1:])
    if said_of_wrong.startswith("[ok]"):
        return 0, "the notebook changed what the checks rest on: they pass a wrong answer, too"
    if said.startswith("[todo]"):
        return 0, "not answered"
    return (1, "") if said.startswith("[ok]") else (0, stopped or said)


def grade(path: Path, course: list[Lesson], seconds: int) -> tuple[dict[str, Mark], str]:
    """The marks of one notebook, by number of the lesson and name; or why there are none."""
    try:
        cells = code_of(read(path))
    except Exception as problem:  # whatever a stranger's file may be
        return (
            {},
            f"not a notebook: {type(problem).__name__}: {' '.join(str(problem).split())[:120]}",
        )
    lesson = max(course, key=lambda lesson: len({*lesson.cells} & {*cells}))
    if not {*lesson.cells} & {*cells}:
        return {}, "no cell of it is one of the course's"
    cells = lesson.cells[:1] + cells  # the imports, if the notebook has lost them
    made = set().union(*(names_of(cell)[0] for cell in cells))
    there = [exercise for exercise in lesson.exercises if exercise.name in made]
    got: dict[str, Mark] = {e.name: (None, "not in the notebook") for e in lesson.exercises}
    try:
        got |= marks(there, cells, seconds) if there else {}
    except Exception as problem:  # one notebook must not cost the others their marks
        return {}, f"could not be run: {type(problem).__name__}: {problem}"
    return {f"{lesson.number} {name}": got for name, got in got.items()}, ""


def grade_folder(folder: Path, out: Path, seconds: int = 60) -> list[dict[str, str]]:
    """Grade all notebooks below `folder` and write the table.

    Raises:
        ValueError: there is none.
    """
    paths = [p for p in sorted(folder.rglob("*.ipynb")) if ".ipynb_checkpoints" not in p.parts]
    if not paths:
        raise ValueError(f"got {folder}, without a notebook; expected one .ipynb file a student")
    course, rows = lessons(), []
    for path in paths:
        got, problem = grade(path, course, seconds)
        rows.append(row_of(path.relative_to(folder).as_posix(), got, problem))
        print(
            f"{rows[-1]['notebook']}: {rows[-1]['total'] or '-'}  {rows[-1]['remarks']}", flush=True
        )
    asked = [f"{lesson.number} {e.name}" for lesson in course for e in lesson.exercises]
    columns = [column for column in asked if any(column in row for row in rows)]
    file = io.StringIO(newline="")
    table = csv.DictWriter(file, ["notebook", *columns, "total", "remarks"], restval="")
    table.writeheader()
    table.writerows(rows)
    write_atomically(out, file.getvalue().encode())
    return rows


def row_of(name: str, got: dict[str, Mark], problem: str) -> dict[str, str]:
    points = {column: "" if point is None else str(point) for column, (point, _) in got.items()}
    why: Iterable[str] = (f"{column}: {words}" for column, (_, words) in got.items() if words)
    total = str(sum(point or 0 for point, _ in got.values())) if got else ""
    return {"notebook": name, **points, "total": total, "remarks": problem or " | ".join(why)}


def main() -> int:
    parser = argparse.ArgumentParser(description="Grade a folder of students' notebooks.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "grades.csv")
    parser.add_argument("--seconds", type=int, default=60, help="for a cell (default: 60)")
    options = parser.parse_args()
    try:
        grade_folder(options.folder, options.out, options.seconds)
    except (ValueError, OSError) as problem:
        print(f"grade: {problem}", file=sys.stderr)
        return 1
    print(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
