"""What `kd_helpers` writes as files, shown in the notebook."""

from __future__ import annotations

import base64
import html
from pathlib import Path

import ipywidgets as widgets
from IPython.display import display
from matplotlib.figure import Figure

from kd_helpers.data.look import look
from kd_helpers.experiments.distill import LABELS, SMOOTHED, Distilled
from kd_helpers.experiments.report_figures import draw_answer
from kd_helpers.widgets.still import display_live

HEIGHT = 600  # pixels of the window on the report


def show_folder(folder: Path | str, size: int, channels: int = 3) -> None:
    """What `kd data look` prints, and its contact sheet, without the names of this machine."""
    lines, sheet = look(folder, size=size, channels=channels)
    root = Path(folder).expanduser().resolve()
    told = [line.replace(str(root), root.name) for line in lines]
    print("\n".join(line for line in told if not line.startswith(("contact sheet", "memory"))))
    alt = f"contact sheet: a few pictures of each class in {root.name}"
    data = {"image/png": base64.b64encode(sheet.read_bytes()).decode(), "text/plain": alt}
    display(data, raw=True, metadata={"image/png": {"alt": alt, "width": 640}})


def show_report(result: Distilled, path: Path) -> None:
    """Write the report and open a window on it; where none can be, its first figure."""
    page = result.report(path).read_text(encoding="utf-8")
    frame = f'<iframe srcdoc="{html.escape(page)}" width="100%" height="{HEIGHT}"></iframe>'
    display_live(widgets.HTML(frame), draw_first(result), str(result))


def draw_first(result: Distilled) -> Figure:
    """The report's first figure."""
    scores = {"teacher": [result.teacher_accuracy], **result.accuracies}
    verdicts = {name: found for name in (LABELS, SMOOTHED) if (found := result.verdict(name))}
    figure = Figure(figsize=(6, 4), layout="constrained")
    draw_answer(figure, scores, verdicts)
    return figure
