"""Break one line of the core at a time and count how many breaks the tests notice (`make mutants`).

An operator, a comparison, a constant or two arguments are exchanged, or a statement is left out, in
a copy of the tree. Coverage says once which tests run which line, and only these are asked, those
of the same folder first; where a line is run by none, as at import, those of its file.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from coverage import CoverageData

from notebook_io import ROOT

FOLDERS = ("methods", "teachers", "training", "data")
THEN = ("models", "experiments", "course")  # tests that use the core too
LIMIT = 900  # seconds; a mutant that never ends is noticed
OTHER = {
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult},
    **{ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.USub: ast.UAdd},
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt},
    **{ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is},
    **{ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And},
}
REMOVED = (ast.Expr, ast.Assign, ast.AugAssign, ast.Return, ast.Raise, ast.If)


def code_in(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all below it that is run: no type hints, no texts, no words of an error."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "exc"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr):
                yield from code_in(child)


def changes(tree: ast.Module) -> Iterator[tuple[int, Callable[[], object]]]:
    """Every mutant of a module: its line, and what makes it of the tree."""
    for node in code_in(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.BinOp | ast.UnaryOp | ast.BoolOp) and type(node.op) in OTHER:
            yield line, partial(setattr, node, "op", OTHER[type(node.op)]())
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in OTHER:
            yield line, partial(node.ops.__setitem__, 0, OTHER[type(node.ops[0])]())
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
            other = not node.value if isinstance(node.value, bool) else node.value + 1
            yield line, partial(setattr, node, "value", other)
        elif isinstance(node, ast.Call) and len(node.args) > 1:
            yield line, partial(setattr, node, "args", [*node.args[1::-1], *node.args[2:]])
        for block in (getattr(node, "body", []), getattr(node, "orelse", [])):
            for place, statement in enumerate(block if isinstance(block, list) else []):
                text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
                if isinstance(statement, REMOVED) and not text:
                    yield statement.lineno, partial(block.__setitem__, place, ast.Pass())


def mutant(path: Path, number: int) -> tuple[int, str, str]:
    """The line that the mutant of this number changes, the module before and after."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    before = ast.unparse(tree)
    line, apply = list(changes(tree))[number]
    apply()
    return line, before, ast.unparse(ast.fix_missing_locations(tree))


def passes(copy: Path, tests: list[str], runner: tuple[str, ...] = ("-m",)) -> bool:
    """Whether these tests, files or folders, pass in the copy; runner: what runs pytest."""
    # -B: two mutants of one second and one size look alike to Python's cache.
    command = [sys.executable, "-B", *runner, "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    own = {"PYTHONPATH": f"{copy}{os.pathsep}{copy / 'tools'}", "KD_OUT": str(copy / "out")}
    limit = LIMIT if runner == ("-m",) else None
    how = {"cwd": copy, "env": os.environ | own, "timeout": limit, "capture_output": True}
    try:
        return subprocess.run([*command, *tests], **how).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def who_runs(copy: Path) -> dict[Path, dict[int, list[str]]]:
    """Of every file of the core: line → the tests that run it, as pytest names them.

    Raises:
        SystemExit: the tests fail as they are.
    """
    (copy / "coveragerc").write_text(
        "[run]\nsource = kd_helpers\ndynamic_context = test_function\n"
    )
    record = ("-m", "coverage", "run", "--rcfile=coveragerc", "-m")
    if not passes(copy, [f"tests/{name}" for name in (*FOLDERS, *THEN)], record):
        raise SystemExit("The tests fail as they are: mend them first.")
    data = CoverageData(str(copy / ".coverage"))
    data.read()
    return {
        Path(file): named(copy, data.contexts_by_lineno(file)) for file in data.measured_files()
    }


def named(copy: Path, lines: Mapping[int, list[str]]) -> dict[int, list[str]]:
    """test_dgkd.test_sum → tests/methods/test_dgkd.py::test_sum. Hypothesis hides the name of the
    test that it runs: every file that uses it stands for that one. Lines of no test are left out.
    """
    files = {path.stem: path for path in (copy / "tests").rglob("test_*.py")}
    drawn = [path for path in files.values() if "hypothesis import" in path.read_text("utf-8")]

    def tests(name: str) -> list[str]:
        file, _, test = name.rpartition(".")
        if file in files:
            return [f"{files[file].relative_to(copy)}::{test}"]
        return [str(path.relative_to(copy)) for path in drawn]

    return {
        line: [t for name in set(names) - {""} for t in tests(name)]
        for line, names in lines.items()
    }


def asked(lines: Mapping[int, list[str]], line: int, folder: str) -> list[str]:
    """The tests of the last line up to this one that was run: a statement has one line only. Of a
    line that runs at import, a constant or a default: those of the whole file."""
    above = [number for number in lines if number <= line]
    tests = lines[max(above)] if above else []
    tests = tests or {test for of_line in lines.values() for test in of_line}
    tests = tests or [f"tests/{name}" for name in (*FOLDERS, *THEN)]
    return sorted(tests, key=lambda test: (not test.startswith(f"tests/{folder}"), test))


def survives(copy: Path, path: Path, number: int, lines: Mapping[int, list[str]]) -> bool:
    """Try one mutant, and say what it is where no test notices it."""
    line, before, after = mutant(path, number)
    target = copy / path.relative_to(ROOT)
    target.write_text(after, encoding="utf-8")
    alive = before != after and passes(copy, asked(lines, line, path.parent.name))
    shutil.copy(path, target)
    if alive:
        new = next(b for a, b in zip(before.split("\n"), after.split("\n"), strict=False) if a != b)
        print(f"survives: {path.relative_to(ROOT)}:{line}: {new.strip()}", flush=True)
    return alive


def main() -> int:
    parser = argparse.ArgumentParser(description="How many broken lines do the tests notice?")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    paths = [p for f in FOLDERS for p in sorted((ROOT / "kd_helpers" / f).glob("*.py"))]
    sites = [(p, n) for p in paths for n, _ in enumerate(changes(ast.parse(p.read_text("utf-8"))))]
    chosen = random.Random(options.seed).sample(sites, min(options.count, len(sites)))
    with tempfile.TemporaryDirectory() as folder:
        left_out = shutil.ignore_patterns(".*", "out", "__pycache__", "*.egg-info")
        copy = Path(shutil.copytree(ROOT, Path(folder) / "copy", ignore=left_out))
        lines = who_runs(copy)
        alive = sum(
            [
                survives(copy, path, number, lines.get(copy / path.relative_to(ROOT), {}))
                for path, number in chosen
            ]
        )
    print(f"noticed {len(chosen) - alive} of {len(chosen)} mutants (of {len(sites)} possible ones)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
