"""The error avalanche of notebook 06: which errors do two rungs share? A grid of cells to click."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import ipywidgets as widgets
import numpy as np
import torch
import traitlets
from matplotlib import colormaps
from matplotlib.colors import to_hex

from kd_helpers.widgets import svg
from kd_helpers.widgets.explorer import Explorer, limit_to, walker

SHOWN = 12  # images on a page


class PairGrid(widgets.GridBox):
    """A heat map of pairs whose cells can be clicked; `value` is the (row, column) of the last one.

    Only cells below the diagonal are there: rows are smaller networks, columns larger ones.
    """

    value = traitlets.Tuple()

    def __init__(self, names: Sequence[str], value: tuple[int, int]) -> None:
        count = len(names)
        self.cells = {(i, j): self.cell(i, j, names) for i in range(1, count) for j in range(i)}
        children = [widgets.Label(words) for words in ("", *names[:-1])]
        for i in range(1, count):
            children.append(widgets.Label(names[i]))
            children += [self.cells.get((i, j), widgets.Label("")) for j in range(count - 1)]
        columns = f"max-content repeat({count - 1}, 84px)"
        layout = {"grid_template_columns": columns, "grid_gap": "2px 6px", "padding": "0 12px 0 0"}
        super().__init__(children, layout=layout)
        self.value = value

    def cell(self, i: int, j: int, names: Sequence[str]) -> widgets.Button:
        button = widgets.Button(tooltip=f"{names[i]} and {names[j]}", layout={"width": "84px"})
        button.on_click(lambda _: self.set_trait("value", (i, j)))
        return button

    def paint(self, overlap: np.ndarray, low: float, high: float) -> None:
        """Numbers and colours of the cells, from `low` to `high`; the chosen one has a frame."""
        for pair, button in self.cells.items():
            share = (overlap[pair] - low) / max(high - low, 1e-9)
            button.description = f"{overlap[pair]:.3f}"
            button.style.button_color = to_hex(colormaps["cividis"](share))
            button.style.text_color = "white" if share < 0.475 else "black"
            button.layout.border = f"3px solid {svg.RED}" if pair == self.value else "none"


def build_overlap_explorer(
    images: np.ndarray,
    labels: torch.Tensor,
    classes: Sequence[str],
    names: Sequence[str],
    overlap: Mapping[str, np.ndarray],
    answers: Mapping[str, torch.Tensor],
) -> Explorer:
    """Choose a ladder and a pair of its rungs; see the images that both have wrong.

    Args:
        images: (N, C, H, W) uint8. labels: (N,). classes: names of all K.
        names: of the rungs, the teacher first.
        overlap: way → share of errors in common, (R, R). answers: way → answered classes (R, N).
    """
    below = np.tril_indices(len(names), -1)
    shown = np.concatenate([matrix[below] for matrix in overlap.values()])
    wrong: dict[str, torch.Tensor] = {}

    def paint(controls: Mapping[str, widgets.Widget]) -> None:
        way, grid = controls["way"].value, controls["pair"]
        grid.paint(overlap[way], shown.min(), shown.max())
        pair = answers[way][list(grid.value)] != labels
        wrong["both"], wrong["either"] = (torch.where(w)[0] for w in (pair.all(0), pair.any(0)))
        limit_to(controls["page"], -(-len(wrong["both"]) // SHOWN), "page")

    def render(way: str, pair: tuple[int, int], page: int) -> str:
        small, large = pair
        cells = []
        for row in wrong["both"][page * SHOWN : (page + 1) * SHOWN].tolist():
            told = {names[m]: classes[int(answers[way][m, row])] for m in (large, small)}
            cells.append(captioned(images[row], {"label": classes[int(labels[row])], **told}))
        return svg.sentence(
            f"{names[large]} or {names[small]} is wrong on {len(wrong['either'])} test images, "
            f"both are on {len(wrong['both'])} (one seed; the cells are means of all)."
        ) + svg.side_by_side(*cells)

    controls = {
        "way": widgets.ToggleButtons(options=list(overlap), description="taught by"),
        "pair": PairGrid(names, (len(names) - 1, 0)),
        "page": walker("page", 2),
    }
    hint = (
        "click a cell to see what both get wrong. Then compare chain and dense: does the student "
        "share more errors with the assistant that taught it?"
    )
    return Explorer(controls, render, hint=hint, before_render=paint)


def captioned(image: np.ndarray, said: Mapping[str, str]) -> str:
    """An image over lines such as "label: coat"; the first says what it is."""
    lines = [f"<div style='font-size:12px'>{escape(f'{a}: {b}')}</div>" for a, b in said.items()]
    label = next(iter(said.values()))
    return svg.picture(image, alt=f"the image, a {label}", side=84) + "".join(lines)
