"""Run every notebook of the course on a fresh kernel and report on each (`make course`).

Executed copies go to out/notebooks/, their figures to out/figures/; nothing else is changed.
"""

from __future__ import annotations

import argparse
import base64
import sys
from pathlib import Path

from nbformat import NotebookNode

from notebook_io import NOTEBOOKS, ROOT, Run, cell_number, execute, read, select, write

OUT = ROOT / "out"


def save_figures(notebook: NotebookNode, name: str) -> None:
    """Write the figures of a notebook, NAME-07.png, or NAME-07-2.png for a cell's second, and take
    away those of the run before."""
    folder = OUT / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{name}-*.png"):
        old.unlink()
    for cell in notebook.cells:
        forms = [output.get("data", {}) for output in cell.get("outputs", [])]
        pictures = [data["image/png"] for data in forms if "image/png" in data]
        for count, picture in enumerate(pictures, start=1):
            key = cell_number(cell) + (f"-{count}" if count > 1 else "")
            (folder / f"{name}-{key}.png").write_bytes(base64.b64decode(picture))


def run_one(path: Path) -> Run:
    """Run one notebook and keep what it gave, also where it failed."""
    notebook = read(path)
    result = execute(notebook)
    write(notebook, OUT / "notebooks" / path.name)
    save_figures(notebook, path.stem)
    return result


def table(results: dict[str, Run]) -> str:
    """One line a notebook, and the total."""
    width = max(map(len, ["notebook", *results]))
    lines = [f"{'notebook':{width}}  seconds  peak MB  result"]
    for name, run in results.items():
        outcome = f"failed in {run.failure}" if run.failure else "ok"
        lines.append(f"{name:{width}}  {run.seconds:7.1f}  {run.peak_mb:7d}  {outcome}")
    total = sum(run.seconds for run in results.values())
    return "\n".join([*lines, f"{'total':{width}}  {total:7.1f}"])


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the course's notebooks and report on each.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="e.g. 01 (default: all)")
    paths = select(parser.parse_args().names, NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise SystemExit("There is no notebook to run: build them by `make notebooks`.")
    results = {}
    for path in paths:
        print(f"running {path.stem} ...", flush=True)
        results[path.stem] = run_one(path)
    print(f"\n{table(results)}")
    return 1 if any(run.failure for run in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
