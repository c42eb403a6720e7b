"""Published accuracies of the newest losses, beside the scatter of one of them."""

from __future__ import annotations

from matplotlib.figure import Figure

from kd_course.nb07_papers.tables import paper_numbers
from kd_helpers.runtime.palette import BLUE, ORANGE
from kd_helpers.widgets.figures import described, new_figure, tidy

PAIR = "ResNet 32x4-8x4, CIFAR-100"
SHOWN = (
    "labels only",
    "KD",
    "CTKD",
    "TTM",
    "WTTM",
    "DIST",
    "DKD",
    "WKD-L",
    "KD, standardised logits",
    "DKD, standardised logits",
)


def published() -> dict[str, float]:
    """Method → accuracy in percent, as its authors or those of a later one print it."""
    rows = [n for n in paper_numbers("cifar100_benchmark") if n.setting == PAIR]
    return {name: next(n.value for n in rows if n.method == name) or 0 for name in SHOWN}


def repetitions() -> list[float]:
    """Accuracies of five runs of DKD by a reader of its code, in percent."""
    rows = paper_numbers("cifar100_benchmark")
    return [n.value for n in rows if n.method.startswith("DKD, run") and n.value is not None]


def draw_published() -> tuple[Figure, str]:
    """A dot a method; the band is where the five runs of one of them lie. Figure and alt text."""
    values, runs = published(), repetitions()
    figure, (ax,) = new_figure(8, 3.6)
    ax.axvspan(min(runs), max(runs), color=ORANGE, alpha=0.3, label="DKD, five runs by a reader")
    ax.plot(list(values.values()), range(len(values)), "o", color=BLUE, label="as published")
    ax.set_yticks(range(len(values)), list(values))
    ax.invert_yaxis()
    ax.legend(frameon=False, loc="lower left")
    tidy(ax, title="ResNet-32x4 → ResNet-8x4 on CIFAR-100", x="test accuracy, %")
    words = ", ".join(f"{name} {value:.2f} %" for name, value in values.items())
    told = f"{words}; five runs of DKD from {min(runs):.2f} to {max(runs):.2f} %."
    return described(figure, told), told
