"""Run notebooks and write them fit to commit: what the tools for notebooks share."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
CELL_TIMEOUT = 1800  # seconds; only there so that a hanging cell ends some day

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
BAR = re.compile(r"\d+%\|.*\[\d\d:\d\d<")  # "asking the teacher:  67%|██▋ | 2/3 [00:01<00:00"
METADATA = {
    "kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"},
    "language_info": {"name": "python"},
}


@dataclass(frozen=True)
class Run:
    """What one execution of a notebook took, and how it failed if it did."""

    seconds: float
    peak_mb: int
    failure: str = ""


def watch(pid: int, done: threading.Event, peak: list[int]) -> None:
    """Ask a process for its resident memory ten times a second, until it ends or all is done."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        while not done.wait(0.1):
            peak[0] = max(peak[0], process.memory_info().rss)


def cell_number(cell: NotebookNode) -> str:
    """The number at the end of a built cell's id: `00-start-here-07` is cell 07."""
    return cell.id.rsplit("-", 1)[-1]


def execute(notebook: NotebookNode, folder: Path = NOTEBOOKS) -> Run:
    """Run `notebook` in place on a fresh kernel that works in `folder`; stop at the first error."""
    reached: list[NotebookNode] = []
    done, peak = threading.Event(), [0]

    def on_notebook_start(notebook: NotebookNode) -> None:
        threading.Thread(target=watch, args=(client.km.provisioner.pid, done, peak)).start()

    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_TIMEOUT,
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
        on_notebook_start=on_notebook_start,
        on_cell_start=lambda cell, cell_index: reached.append(cell),
    )
    # Without this, nbclient plays the part of Output widgets and may wait for ever for a
    # reply that it has lost (jupyter/nbclient#312).
    client.comm_open_handlers = {}
    start, failure = time.perf_counter(), ""
    try:
        client.execute()
    except CellExecutionError as error:
        failure = f"cell {cell_number(reached[-1])}: {error.ename}: {last_line(error.evalue)}"
    except (CellTimeoutError, DeadKernelError) as error:
        where = f"cell {cell_number(reached[-1])}: " if reached else ""
        failure = f"{where}{type(error).__name__}: {last_line(str(error))}"
    finally:
        done.set()
    clean(notebook)
    return Run(time.perf_counter() - start, peak[0] // 2**20, failure)


def last_line(text: str) -> str:
    """The last line of `text` that is not empty."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")


def clean(notebook: NotebookNode) -> None:
    """Take out what differs from run to run or from machine to machine, a widget where a picture
    or text of it is stored as well, and a picture's second form."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.metadata.pop("execution", None)
            cell.outputs = join_streams(o for o in cell.outputs if not is_bar(o))
            for data in (output.get("data", {}) for output in cell.outputs):
                # Its state is not stored, so all that a reader would see is "model not found".
                if WIDGET_VIEW in data and len(data) > 1:
                    del data[WIDGET_VIEW]
                if "image/png" in data:
                    data.pop("text/html", None)
            cell.outputs = [o for o in cell.outputs if o.get("data") != {"text/plain": ""}]


def is_bar(output: NotebookNode) -> bool:
    """Whether this is a piece of a progress bar of tqdm, as text or as a widget's text."""
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    empty = output.get("name") == "stderr" and not text.strip()
    return empty or BAR.search(text) is not None


def join_streams(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    """Join neighbouring pieces of printed text: where a kernel cuts them depends on timing."""
    joined: list[NotebookNode] = []
    for output in outputs:
        before = joined[-1] if joined else {}
        if output.output_type == "stream" and before.get("name") == output.name:
            before.text += output.text
        else:
            joined.append(output)
    return joined


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def write(notebook: NotebookNode, path: Path) -> None:
    """Write all of the notebook or nothing: a stopped run leaves the old file as it was."""
    nbformat.validate(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        nbformat.write(notebook, draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def select(names: list[str], paths: Iterable[Path]) -> list[Path]:
    """The paths whose names begin with one of `names` (`01`, `01_soft.ipynb`); all for none."""
    paths = sorted(paths)
    if not names:
        return paths
    chosen = set()
    for name in names:
        found = [path for path in paths if path.stem.startswith(Path(name).stem)]
        if not found:
            known = ", ".join(path.stem for path in paths) or "none yet"
            raise SystemExit(f"No notebook's name begins with {name!r}. There are: {known}.")
        chosen.update(found)
    return sorted(chosen)
