"""Is one method better than another? Collect stored runs, seed by seed; decide, paired by seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import torch

from kd_helpers.experiments.intervals import crossed_interval, holm, mean_interval
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import Run, load_or_train

Name = TypeVar("Name")
Scores = Sequence[float] | np.ndarray  # one a seed, in percent; or (S, N) bool of `right_answers`
BETTER, WORSE, NO_CLEAR_DIFFERENCE = "BETTER", "WORSE", "NO CLEAR DIFFERENCE"
FEWEST_SEEDS = 5


@dataclass(frozen=True)
class Verdict:
    """The word, and the paired differences that it rests on (same unit as the input)."""

    word: str
    mean: float
    low: float  # ends of the 95 % interval of the mean difference
    high: float
    n: int
    with_images: tuple[float, float] | None = None  # ends over seeds and test images, where known

    @property
    def p(self) -> float:
        """The two-sided p-value of the paired t test."""
        from scipy.stats import t as student_t

        half = (self.high - self.low) / 2
        if half == 0:
            return float(self.mean == 0)
        ratio = abs(self.mean) / half * student_t.ppf(0.975, self.n - 1)
        return float(2 * student_t.sf(ratio, self.n - 1))

    @property
    def only_over_seeds(self) -> bool:
        """Whether other test images might undo it: their luck counted too, the interval holds 0."""
        low, high = self.with_images or (self.low, self.high)
        return self.word != NO_CLEAR_DIFFERENCE and low <= 0 <= high

    @property
    def said(self) -> str:
        """The word, and where the two intervals disagree, that they do."""
        doubt = " over seeds, but not over seeds and test images"
        return self.word + doubt * self.only_over_seeds

    def __str__(self) -> str:
        ends = f"{self.low:+.2f} to {self.high:+.2f}"
        if self.only_over_seeds and self.with_images:
            ends += " (over both {:+.2f} to {:+.2f})".format(*self.with_images)
        return f"{self.said}: {self.mean:+.2f} points, 95 % interval {ends}, {self.n} paired seeds"


def paired_verdict(method: Scores, baseline: Scores, *, fewest: int = FEWEST_SEEDS) -> Verdict:
    """Compare two arms, the i-th score of each from the same seed; larger is better.

    The 95 % interval is Student's t for the mean of the differences method - baseline. BETTER or
    WORSE needs an interval that leaves out 0. From right answers to the same test images, the
    verdict has the interval over seeds and test images as well.

    Args:
        method, baseline: one score a seed, in points (percent), at least 5 of each; or right
            answers (S, N) bool.
        fewest: seeds that are enough; fewer than 5 where a run takes long, and then say so.

    Raises:
        ValueError: arms of different lengths, fewer than 5 seeds, or scores that are not finite.
    """
    if len(method) != len(baseline) or len(method) < fewest:
        raise ValueError(
            f"got {len(method)} and {len(baseline)} scores; expected the same number of both, "
            f"at least {fewest}, paired by seed"
        )
    scores, others = percent(method), percent(baseline)
    if not (np.isfinite(scores).all() and np.isfinite(others).all()):
        raise ValueError(f"got scores that are not finite: {list(scores)} and {list(others)}")
    differences = scores - others
    low, high = mean_interval(differences)
    word = BETTER if low > 0 else WORSE if high < 0 else NO_CLEAR_DIFFERENCE
    both = interval_with_images(np.asarray(method), np.asarray(baseline))
    return Verdict(word, float(differences.mean()), low, high, len(differences), both)


def percent(scores: Scores) -> np.ndarray:
    """One score a seed, (S,), of scores or of right answers."""
    values = np.asarray(scores, float)
    return 100 * values.mean(axis=1) if values.ndim == 2 else values


def interval_with_images(method: np.ndarray, baseline: np.ndarray) -> tuple[float, float] | None:
    """In points; None unless both are right answers, (S, N) bool, of two seeds at least."""
    if not method.ndim == baseline.ndim == 2 or min(method.shape) < 2:
        return None
    if method.shape != baseline.shape:
        raise ValueError(
            f"got right answers {method.shape} and {baseline.shape}; expected the same seeds and "
            "test images of both"
        )
    low, high = crossed_interval(method.astype(float) - baseline)
    return 100 * low, 100 * high


# Stored runs into numbers and tables


def collect(
    arms: Callable[[int], Mapping[Name, Recipe]], seeds: Iterable[int]
) -> dict[Name, list[Run]]:
    """The runs of every arm, in the order of the seeds; missing ones are trained.

    Args:
        arms: seed → {name of the arm: recipe}. seeds: at least one.
    """
    runs: dict[Name, list[Run]] = {}
    for seed in seeds:
        for name, recipe in arms(seed).items():
            runs.setdefault(name, []).append(load_or_train(recipe, quiet=True))
    return runs


def accuracies(runs: Mapping[Name, list[Run]]) -> dict[Name, list[float]]:
    """Test accuracy in percent, one a seed, for every arm."""
    return {name: [run.accuracy for run in of_arm] for name, of_arm in runs.items()}


def right_answers(runs: Mapping[Name, list[Run]], labels: torch.Tensor) -> dict[Name, np.ndarray]:
    """Which test images each arm has right, (S, N) bool: scores that know their images.

    Whatever compares scores takes them in place of `accuracies`, or `[:, group]` of them, and
    then has the interval over seeds and test images too.

    Args:
        labels: (N,) of all test images.

    Raises:
        ValueError: they are not the labels that the stored accuracies were counted with.
    """
    found = {}
    for name, of_arm in runs.items():
        found[name] = np.stack([(run.answers() == labels.cpu()).numpy() for run in of_arm])
        for run, share in zip(of_arm, found[name].mean(axis=1), strict=True):
            if abs(100 * share - run.accuracy) > 1e-3:
                raise ValueError(
                    f"got labels by which run {run.recipe.hash} has {100 * share:.2f} % right; "
                    f"expected its {run.accuracy:.2f} %: give the labels of the test split of "
                    f"{run.recipe.dataset}, in its order"
                )
    return found


def group_accuracies(
    runs: Mapping[Name, list[Run]], labels: torch.Tensor, groups: Mapping[str, torch.Tensor]
) -> dict[Name, dict[str, list[float]]]:
    """Test accuracy in percent within groups of test images, one a seed, for every arm.

    Args:
        labels: (N,) of all test images. groups: name → (N,) bool.

    Returns:
        arm → group → accuracies, in the order of the seeds.
    """
    chosen = {group: mask.cpu().numpy() for group, mask in groups.items()}
    return {
        name: {group: percent(right[:, mask]).tolist() for group, mask in chosen.items()}
        for name, right in right_answers(runs, labels).items()
    }


def gain_table(
    scores: Mapping[Name, Mapping[str, Scores]], baseline: Name, *, corrected: bool = False
) -> tuple[np.ndarray, list[list[str]]]:
    """Mean gain of every arm over the baseline in every group, as a matrix, and as words.

    In the words a star stands for a verdict, BETTER or WORSE by the sign; without one the 95 %
    interval holds 0. corrected: only for one that stands after Holm's correction for all cells.
    """
    found = [
        [paired_verdict(values, scores[baseline][group]) for group, values in of_arm.items()]
        for name, of_arm in scores.items()
        if name != baseline
    ]
    gains = np.array([[verdict.mean for verdict in row] for row in found])
    p = np.array([[verdict.p for verdict in row] for row in found])
    clear = (holm(p.ravel()).reshape(p.shape) if corrected else p) < 0.05
    words = [
        [f"{gain:+.2f}{' *' if sure else ''}" for gain, sure in zip(*row, strict=True)]
        for row in zip(gains, clear, strict=True)
    ]
    return gains, words


def verdicts(scores: Mapping[Name, Scores], baseline: Name) -> dict[Name, Verdict]:
    """Every arm but the baseline against the baseline, paired by seed."""
    return {
        name: paired_verdict(values, scores[baseline])
        for name, values in scores.items()
        if name != baseline
    }


def verdict_table(
    scores: Mapping[str, Scores], baseline: str, *, corrected: bool = False
) -> pd.DataFrame:
    """One row for each arm: mean ± standard deviation, and the verdict against the baseline.

    corrected: also the p-value of the paired t test, by Holm's correction for all arms at once.
    """
    words = verdicts(scores, baseline)
    rows = {}
    for name, values in scores.items():
        each = percent(values)
        rows[name] = {"mean ± sd, %": f"{each.mean():.2f} ± {each.std(ddof=1):.2f}"}
        rows[name] |= verdict_cells(words[name]) if name in words else {"verdict": "(the baseline)"}
    table = pd.DataFrame.from_dict(rows, orient="index").fillna("")
    return with_holm(table, words) if corrected else table


def verdict_tables(
    groups: Mapping[str, Mapping[str, Scores]], baseline: str, *, corrected: bool = False
) -> pd.DataFrame:
    """`verdict_table` of every group, one below the other; the baseline is an arm of each.

    corrected: the p-values too, by Holm's correction for all arms of all groups at once.
    """
    table = pd.concat({group: verdict_table(arms, baseline) for group, arms in groups.items()})
    if not corrected:
        return table
    found = {group: verdicts(arms, baseline) for group, arms in groups.items()}
    return with_holm(table, {(g, name): v for g, arms in found.items() for name, v in arms.items()})


def with_holm(table: pd.DataFrame, found: Mapping[Any, Verdict]) -> pd.DataFrame:
    """The table with corrected p-values; found: label of a row → its verdict."""
    p = dict(zip(found, holm([verdict.p for verdict in found.values()]), strict=True))
    words = {row: "< 0.001" if value < 0.001 else f"{value:.3f}" for row, value in p.items()}
    return table.assign(**{f"p, Holm for {len(p)}": [words.get(row, "") for row in table.index]})


def pair_table(scores: Mapping[str, Scores], pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """The verdict on each pair of arms (arm, baseline)."""
    found = {pair: paired_verdict(*(scores[name] for name in pair)) for pair in pairs}
    table = pd.DataFrame.from_dict({k: verdict_cells(v) for k, v in found.items()}, orient="index")
    return table.rename_axis(["arm", "against"])


def verdict_cells(verdict: Verdict) -> dict[str, str]:
    """A verdict as the cells of a table."""
    cells = {
        "verdict": verdict.word,
        "points": f"{verdict.mean:+.2f}",
        "95 % interval": f"{verdict.low:+.2f} to {verdict.high:+.2f}",
        "paired seeds": str(verdict.n),
    }
    if verdict.with_images:
        low, high = verdict.with_images
        held = ", holds 0" if verdict.only_over_seeds else ""
        cells["over images too"] = f"{low:+.2f} to {high:+.2f}{held}"
    return cells


def mean_soft_labels(probabilities: torch.Tensor, labels: torch.Tensor) -> np.ndarray:
    """Mean answer for the images of each class: (N, K), (N,) → (K, K), row = true class."""
    classes = range(probabilities.shape[1])
    return torch.stack([probabilities[labels == k].mean(dim=0) for k in classes]).cpu().numpy()


def quality_row(runs: list[Run]) -> dict[str, str]:
    """A row of a closing table: means over seeds of quality, then size and speed of the first."""
    test = [run.record["test"] for run in runs]
    first = runs[0].record
    latency = {entry["batch_size"]: entry["median_ms"] for entry in first["latency"]}
    mean = lambda values: f"{100 * np.mean(values):.2f}"  # noqa: E731
    return {
        "seeds": str(len(runs)),
        "accuracy %": mean([t["accuracy"] for t in test]),
        **{
            f"macro {m} %": mean([t["macro"][m] for t in test])
            for m in ("precision", "recall", "f1")
        },
        "calibration error %": mean([t["calibration_error"] for t in test]),
        "parameters": f"{first['parameters']:,}",
        "multiply-adds": f"{first['multiply_adds']:,}",
        "kB": f"{first['bytes'] / 1000:,.0f}",
        "ms, 1 image": f"{latency[1]:.2f}",
        "ms, 256 images": f"{latency[256]:.1f}",
    }
