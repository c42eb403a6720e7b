"""Build the notebooks, for readers and with solutions, from notebooks/src/*.py (`make notebooks`).

In a code cell of a source, the lines between `# solution` and `# end solution` are an answer.
The lines `# stub: CODE` right after it, equally indented, are what a reader gets instead.
"""

from __future__ import annotations

import argparse
import re
import sys
from functools import partial
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from notebook_io import METADATA, NOTEBOOKS, execute, read, select, write

SOURCES = NOTEBOOKS / "src"
SOLUTIONS = NOTEBOOKS / "solutions"
FIX = "run `make notebooks`"

# comment_magics off: otherwise jupytext takes a comment such as "# copy the weights" for a
# shell command and uncomments it.
FORMAT = {"extension": ".py", "format_name": "percent", "comment_magics": False}

ANSWER = re.compile(
    r"^(?P<indent>[ \t]*)# solution[ \t]*\n"
    r"(?P<answer>(?s:.*?))"
    r"^[ \t]*# end solution[ \t]*(?:\n|\Z)"
    r"(?P<stubs>(?:^(?P=indent)# stub:(?: .*)?(?:\n|\Z))*)",
    re.MULTILINE,
)


def build(text: str, name: str, solutions: bool = False) -> NotebookNode:
    """The notebook that the source `text` describes, not executed."""
    notebook = nbformat.v4.new_notebook(metadata=METADATA)
    for number, cell in enumerate(jupytext.reads(text, fmt=FORMAT).cells, start=1):
        tags = cell.metadata.get("tags", [])
        if "solution" in tags and not solutions:
            continue
        cell.id = f"{name.replace('_', '-')[:60]}-{number:02d}"
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            cell.source = cut_answers(cell.source, solutions, f"{name}, cell {number:02d}")
        elif solutions:  # these lie a folder below the glossary
            cell.source = cell.source.replace("](glossary.md", "](../glossary.md")
        notebook.cells.append(cell)
    mark_title(notebook, name, " (with solutions)" if solutions else "")
    return notebook


def mark_title(notebook: NotebookNode, name: str, mark: str) -> None:
    """Add `mark` to the title, which must be the first line of the first cell."""
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown" or not first.source.startswith("# "):
        got = repr(first.source.split("\n")[0]) if first else "no cell"
        raise ValueError(
            f"{name}: it begins with {got}, not with a title; "
            "begin it with a markdown cell whose first line is `# TITLE`."
        )
    title, *rest = first.source.split("\n")
    first.source = "\n".join([title + mark, *rest])


def cut_answers(source: str, solutions: bool, where: str) -> str:
    """The code with its answers (for the solutions) or with the stubs in their place."""
    check_markers(source, where)

    def replace(match: re.Match[str]) -> str:
        if solutions:
            return match["answer"].strip("\n") + "\n"
        cut = len(match["indent"]) + len("# stub: ")
        stubs = [match["indent"] + line[cut:] for line in match["stubs"].splitlines()]
        return "\n".join(stubs or [match["indent"] + "...  # your code here"]) + "\n"

    result = ANSWER.sub(replace, source).strip("\n")
    left = [line for line in result.split("\n") if line.lstrip().startswith("# stub:")]
    if left:
        raise ValueError(
            f"{where}: the line {left[0].strip()!r} does not follow `# end solution` at the "
            "indentation of its `# solution`, or has no space after the colon."
        )
    return "\n".join(line.rstrip() for line in result.split("\n"))


def check_markers(source: str, where: str) -> None:
    """Answers must open and close in turn: a lost marker would show or hide half a cell."""
    is_open = False
    for number, line in enumerate(source.split("\n"), start=1):
        marker = line.strip()
        if marker not in ("# solution", "# end solution"):
            continue
        if is_open == (marker == "# solution"):
            problem = "inside another answer" if is_open else "without a `# solution` before it"
            raise ValueError(f"{where}: line {number} is `{marker}` {problem}.")
        is_open = not is_open
    if is_open:
        raise ValueError(
            f"{where}: a `# solution` has no `# end solution`; add it after the answer."
        )


def outputs_of(source: Path) -> list[tuple[Path, bool]]:
    """The notebooks built from one source, each with whether it keeps the solutions."""
    built = f"{source.stem}.ipynb"
    return [(NOTEBOOKS / built, False), (SOLUTIONS / built, True)]


def cells_of(notebook: NotebookNode) -> list[tuple]:
    """What of a notebook comes from its source."""
    return [(c.cell_type, c.id, c.source, c.metadata.get("tags", [])) for c in notebook.cells]


def is_stale(path: Path, built: NotebookNode) -> bool:
    """Whether the notebook at `path` is missing or not what its source says now."""
    return not path.exists() or cells_of(read(path)) != cells_of(built)


def check(source: Path) -> bool:
    """Whether both notebooks of a source are what it says; name those that are not."""
    text, good = source.read_text(encoding="utf-8"), True
    for path, solutions in outputs_of(source):
        if is_stale(path, build(text, source.stem, solutions)):
            print(f"{path.relative_to(NOTEBOOKS.parent)} is not what its source says: {FIX}")
            good = False
    return good


def make(source: Path, run: bool) -> bool:
    """Build, run and write both notebooks of a source; keep the old file where one fails."""
    text, good = source.read_text(encoding="utf-8"), True
    for path, solutions in outputs_of(source):
        shown = path.relative_to(NOTEBOOKS.parent)
        notebook = build(text, source.stem, solutions)
        # Both run in notebooks/, so that a relative path means the same in both.
        result = execute(notebook) if run else None
        if result and result.failure:
            print(f"{shown}: failed in {result.failure}; the old file is kept", flush=True)
            good = False
            continue
        write(notebook, path)
        took = f"{result.seconds:.1f} s, " if result else "not run, "
        print(f"{shown}: {took}{path.stat().st_size // 1000} kB", flush=True)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the notebooks from notebooks/src/*.py.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="e.g. 01 (default: all)")
    parser.add_argument("--no-run", action="store_true", help="build drafts without outputs")
    parser.add_argument("--check", action="store_true", help="only name the notebooks to rebuild")
    options = parser.parse_args()
    sources = select(options.names, SOURCES.glob("[0-9][0-9]_*.py"))
    try:
        do = check if options.check else partial(make, run=not options.no_run)
        return 0 if all([do(source) for source in sources]) else 1
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
