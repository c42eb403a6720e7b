"""Figures: arrays in, Axes out. No torch, no plt.show(), no global state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kd_helpers.widgets import svg
from kd_helpers.widgets.still import figure_of
from kd_helpers.widgets.svg import BLACK, BLUE, GREEN, GREY, ORANGE, PALE, RED

CYCLE = (GREY, BLUE, ORANGE, RED, GREEN, BLACK)


def new_figure(
    width: float = 6.0, height: float = 3.2, columns: int = 1
) -> tuple[Figure, list[Axes]]:
    """A figure of its own (not pyplot's, which is not safe in a thread) and its axes in a row."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(np.atleast_1d(figure.subplots(1, columns)))


def drawn(
    draw: Callable[..., Axes], *arrays: object, size: tuple[float, float], alt: str, **words: object
) -> Figure:
    """A figure with the axes of one `draw_*` function; its label says in words what it shows."""
    figure, (ax,) = new_figure(*size)
    draw(ax, *arrays, **words)
    return described(figure, alt)


def described(figure: Figure, alt: str) -> Figure:
    """The figure with a label that says in words what it shows, for readers without pictures."""
    figure.set_label(alt)
    return figure


def tidy(ax: Axes, *, title: str = "", x: str = "", y: str = "") -> Axes:
    """Title and axis labels; no box above and at the right."""
    ax.set_title(title, loc="left", fontsize=11)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def draw_images(
    figure: Figure, images: np.ndarray, titles: Sequence[str], columns: int = 10
) -> Figure:
    """A grid of images (N, C, H, W) uint8, each with a title."""
    rows = -(-len(images) // columns)
    axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for ax in axes:
        ax.axis("off")
    for ax, image, title in zip(axes, images, titles, strict=False):
        pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        ax.imshow(pixels, cmap="gray", interpolation="nearest", vmin=0, vmax=255)
        ax.set_title(title, fontsize=8)
    return figure


def draw_targets(
    targets: Mapping[str, np.ndarray],
    classes: Sequence[str],
    label: int,
    image: np.ndarray | None = None,
    *,
    alt: str = "",
) -> Figure:
    """Targets (K,) of one image as in an explorer, on the scale of the largest probability.

    Args:
        targets: title → probabilities. label: the true class. image: (C, H, W) uint8.
    """
    largest = max(float(max(values)) for values in targets.values())
    return figure_of(svg.targets(targets, classes, label, image, largest=largest), alt)


def draw_matrix(
    ax: Axes,
    matrix: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    fmt: str = ".2f",
    cmap: str = "cividis",
    unit: str = "",
    centre: float | None = None,
    words: Sequence[Sequence[str]] | None = None,
    limits: tuple[float | None, float | None] = (None, None),
    **labels: str,
) -> Axes:
    """A heat map with its numbers, or with `words` in their place, by seaborn.

    Args:
        limits: of the colours. labels: title, x and y, here and below.
    """
    import seaborn

    seaborn.heatmap(
        matrix,
        ax=ax,
        annot=True if words is None else np.array(words),
        fmt=fmt if words is None else "",
        cmap=cmap,
        xticklabels=columns,
        yticklabels=rows,
        annot_kws={"fontsize": 8},
        cbar_kws={"label": unit},
        center=centre,
        vmin=limits[0],
        vmax=limits[1],
    )
    ax.tick_params(axis="y", rotation=0)
    return tidy(ax, **labels)


def draw_gains(
    ax: Axes,
    gains: np.ndarray,
    words: Sequence[Sequence[str]],
    rows: Sequence[str],
    columns: Sequence[str],
    **labels: str,
) -> Axes:
    """A heat map of gains in points round 0, with the words of `labs.gain_table`."""
    how = {"unit": "points", "cmap": "PuOr", "centre": 0}
    draw_matrix(ax, gains, rows, columns, words=words, **how, **labels)
    if not any("\n" in name for name in columns):
        ax.set_xticks(ax.get_xticks(), columns, rotation=25, ha="right", rotation_mode="anchor")
    return ax


def draw_lines(
    ax: Axes,
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    log_y: bool = False,
    **labels: str,
) -> Axes:
    """Lines with markers, one colour and one line style each, named in a legend."""
    for i, (name, (xs, ys)) in enumerate(series.items()):
        look = {"color": CYCLE[(i + 1) % len(CYCLE)], "linestyle": ("-", "--", "-.", ":")[i % 4]}
        ax.plot(xs, ys, marker="o", markersize=3, label=name, **look)
    if log_y:
        ax.set_yscale("log")
    ax.legend(frameon=False, fontsize=9)
    return tidy(ax, **labels)


def draw_arms(ax: Axes, arms: Mapping[str, Sequence[float]], **labels: str) -> Axes:
    """Every seed of every arm as a point, the mean as a bar across; arms from top to bottom."""
    for i, scores in enumerate(arms.values()):
        colour, mean = CYCLE[i % len(CYCLE)], np.mean(scores)
        ax.scatter(scores, [i] * len(scores), color=colour, alpha=0.6, s=24, zorder=2)
        ax.plot([mean] * 2, [i - 0.3, i + 0.3], color=colour, linewidth=3, zorder=3)
        ax.text(mean, i - 0.36, f"{mean:.2f}", ha="center", va="bottom", fontsize=9)
    ax.set_yticks(range(len(arms)), list(arms))
    ax.set_ylim(len(arms) - 0.5, -0.8)
    ax.grid(axis="x", color=PALE, zorder=0)
    return tidy(ax, **{"x": "test accuracy, %", **labels})


def draw_distributions(
    ax: Axes, groups: Mapping[str, np.ndarray], *, bins: int = 40, **labels: str
) -> Axes:
    """Histograms of several groups of numbers over one axis, each scaled to area 1, by seaborn."""
    import seaborn

    known = np.concatenate([np.asarray(values) for values in groups.values()])
    how = {"bins": np.linspace(known.min(), known.max(), bins + 1), "stat": "density"}
    for i, (name, values) in enumerate(groups.items()):
        look = {"element": "step", "color": CYCLE[i + 1], "alpha": 0.3, "label": name}
        seaborn.histplot(x=np.asarray(values), ax=ax, **how, **look)
    ax.legend(frameon=False, fontsize=9)
    return tidy(ax, y="density", **labels)


def draw_class_map(
    figure: Figure,
    similarity: np.ndarray,
    classes: Sequence[str],
    groups: Sequence[Sequence[int]],
    title: str = "",
) -> list[int]:
    """A heat map of the similarity of classes (K, K), symmetric, sorted by a dendrogram above it.

    The diagonal is left out. Cells of two classes of one group have a dot. Distance in the
    dendrogram: 1 - similarity, mean linkage. Returns the order of the classes.
    """
    from scipy.cluster.hierarchy import dendrogram, linkage
    from scipy.spatial.distance import squareform

    figure.set_layout_engine("constrained")
    tree_ax, ax = figure.subplots(2, 1, height_ratios=(1, 3))
    apart = ~np.eye(len(similarity), dtype=bool)
    tree = linkage(squareform(np.where(apart, 1 - similarity, 0), checks=False), "average")
    style = {"color_threshold": 0, "above_threshold_color": BLACK, "no_labels": True}
    order = dendrogram(tree, ax=tree_ax, **style)["leaves"]
    heights = tree[:, 2]
    tree_ax.set_ylim(heights.min() - 0.3 * np.ptp(heights), heights.max() + 0.1 * np.ptp(heights))
    tidy(tree_ax, title=title, y="1 - similarity")
    same = np.array([[any(i in g and j in g for g in groups) for j in order] for i in order])
    shown = np.where(apart, similarity, np.nan)[np.ix_(order, order)]
    words = [
        [f"{v:.2f}{' •' if dot else ''}" for v, dot in zip(*pair, strict=True)]
        for pair in zip(shown, same, strict=True)
    ]
    names = [classes[k] for k in order]
    draw_matrix(ax, shown, names, names, words=words)
    ax.set_xticks(ax.get_xticks(), names, rotation=30, ha="right", rotation_mode="anchor")
    return order


def draw_points(
    ax: Axes, points: Mapping[str, tuple[float, float]], *, log_x: bool = True, **labels: str
) -> Axes:
    """Named points, each with a colour and a mark of its own for a legend."""
    for i, (name, (px, py)) in enumerate(points.items()):
        mark, colour = "osD^v<>P*Xph"[i % 12], CYCLE[i % len(CYCLE)]
        ax.plot(px, py, mark, color=colour, markersize=7, label=name)
    if log_x:
        ax.set_xscale("log")
    ax.grid(color=PALE)
    return tidy(ax, **labels)
