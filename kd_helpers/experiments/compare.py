"""Is one method better than another? Collect stored runs, seed by seed; decide, paired by seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
import torch

from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import Run, load_or_train

Name = TypeVar("Name")
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

    def __str__(self) -> str:
        return (
            f"{self.word}: {self.mean:+.2f} points, 95 % interval {self.low:+.2f} to "
            f"{self.high:+.2f}, {self.n} paired seeds"
        )


def paired_verdict(
    method: Sequence[float], baseline: Sequence[float], *, fewest: int = FEWEST_SEEDS
) -> Verdict:
    """Compare two lists of scores, the i-th of each from the same seed; larger is better.

    The 95 % interval is Student's t for the mean of the differences method - baseline. BETTER or
    WORSE needs an interval that leaves out 0.

    Args:
        method, baseline: one score a seed, in points (percent), at least 5 of each.
        fewest: seeds that are enough; fewer than 5 where a run takes long, and then say so.

    Raises:
        ValueError: lists of different lengths, fewer than 5 seeds, or scores that are not finite.
    """
    if len(method) != len(baseline) or len(method) < fewest:
        raise ValueError(
            f"got {len(method)} and {len(baseline)} scores; expected the same number of both, "
            f"at least {fewest}, paired by seed"
        )
    scores, others = np.asarray(method, float), np.asarray(baseline, float)
    if not (np.isfinite(scores).all() and np.isfinite(others).all()):
        raise ValueError(f"got scores that are not finite: {list(method)} and {list(baseline)}")
    differences = scores - others
    low, high = mean_interval(differences)
    word = BETTER if low > 0 else WORSE if high < 0 else NO_CLEAR_DIFFERENCE
    return Verdict(word, float(differences.mean()), low, high, len(differences))


def mean_interval(scores: Sequence[float]) -> tuple[float, float]:
    """Ends of the 95 % interval (Student's t) of the mean of one score a seed, at least 2."""
    from scipy.stats import t as student_t

    values = np.asarray(scores, float)
    if len(values) < 2:
        raise ValueError(f"got {len(values)} scores; expected 2 at least for an interval")
    half = float(student_t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)
    return float(values.mean()) - half, float(values.mean()) + half


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


def group_accuracies(
    runs: Mapping[Name, list[Run]], labels: torch.Tensor, groups: Mapping[str, torch.Tensor]
) -> dict[Name, dict[str, list[float]]]:
    """Test accuracy in percent within groups of test images, one a seed, for every arm.

    Args:
        labels: (N,) of all test images. groups: name → (N,) bool.

    Returns:
        arm → group → accuracies, in the order of the seeds.
    """
    labels = labels.cpu()
    found: dict[Name, dict[str, list[float]]] = {}
    for name, of_arm in runs.items():
        right = [run.answers() == labels for run in of_arm]
        found[name] = {
            group: [100 * seed[chosen.cpu()].double().mean().item() for seed in right]
            for group, chosen in groups.items()
        }
    return found


def gain_table(
    scores: Mapping[Name, Mapping[str, Sequence[float]]], baseline: Name
) -> tuple[np.ndarray, list[list[str]]]:
    """Mean gain of every arm over the baseline in every group, as a matrix, and as words.

    In the words a star stands for a verdict, BETTER or WORSE by the sign; without one the 95 %
    interval holds 0.
    """
    found = [
        [paired_verdict(values, scores[baseline][group]) for group, values in of_arm.items()]
        for name, of_arm in scores.items()
        if name != baseline
    ]
    words = [
        [f"{v.mean:+.2f}{'' if v.word == NO_CLEAR_DIFFERENCE else ' *'}" for v in row]
        for row in found
    ]
    return np.array([[v.mean for v in row] for row in found]), words


def verdicts(scores: Mapping[Name, Sequence[float]], baseline: Name) -> dict[Name, Verdict]:
    """Every arm but the baseline against the baseline, paired by seed."""
    return {
        name: paired_verdict(values, scores[baseline])
        for name, values in scores.items()
        if name != baseline
    }


def verdict_table(scores: Mapping[str, Sequence[float]], baseline: str) -> pd.DataFrame:
    """One row for each arm: mean ± standard deviation, and the verdict against the baseline."""
    words = verdicts(scores, baseline)
    rows = {}
    for name, values in scores.items():
        rows[name] = {"mean ± sd, %": f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}"}
        rows[name] |= verdict_cells(words[name]) if name in words else {"verdict": "(the baseline)"}
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


def verdict_tables(
    groups: Mapping[str, Mapping[str, Sequence[float]]], baseline: str
) -> pd.DataFrame:
    """`verdict_table` of every group, one below the other; the baseline is an arm of each."""
    return pd.concat({name: verdict_table(scores, baseline) for name, scores in groups.items()})


def pair_table(
    scores: Mapping[str, Sequence[float]], pairs: Iterable[tuple[str, str]]
) -> pd.DataFrame:
    """The verdict on each pair of arms (arm, baseline)."""
    found = {pair: paired_verdict(*(scores[name] for name in pair)) for pair in pairs}
    table = pd.DataFrame.from_dict({k: verdict_cells(v) for k, v in found.items()}, orient="index")
    return table.rename_axis(["arm", "against"])


def verdict_cells(verdict: Verdict) -> dict[str, str]:
    """A verdict as the cells of a table."""
    return {
        "verdict": verdict.word,
        "points": f"{verdict.mean:+.2f}",
        "95 % interval": f"{verdict.low:+.2f} to {verdict.high:+.2f}",
        "paired seeds": str(verdict.n),
    }


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
