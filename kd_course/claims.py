"""What was claimed, and its verdicts on clothes and on the papers' own images, side by side."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kd_helpers.experiments.compare import BETTER, WORSE, Scores, Verdict, paired_verdict
from kd_helpers.widgets.figures import draw_arms, drawn


def claim_table(
    claims: Mapping[str, tuple[Hashable, Hashable]],
    clothes: Mapping,
    cifar: Mapping,
    paper: Mapping[str, float | None],
    images: str = "CIFAR-100",
) -> pd.DataFrame:
    """One row a claim; differences in points.

    Args:
        claims: words → the arm that is said to be better, and the other one. clothes, cifar: arm →
            scores. paper: words → the difference that the paper reports, None where it has none; of
            no claim: the table has no such columns. images: name of the papers' own ones.
    """
    rows = {}
    for words, pair in claims.items():
        on_clothes, on_cifar = verdict(clothes, pair), verdict(cifar, pair)
        printed = paper.get(words)
        rows[words] = {
            "Fashion-MNIST": f"{on_clothes.word} {on_clothes.mean:+.2f}",
            images: f"{on_cifar.word} {on_cifar.mean:+.2f}",
        }
        if paper:
            rows[words] |= {
                f"the paper, {images}": "no number" if printed is None else f"{printed:+.2f}",
                f"{images} and the paper": "" if printed is None else agreement(on_cifar, printed),
            }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("claim")


def verdict(scores: Mapping[Hashable, Scores], pair: tuple[Hashable, Hashable]) -> Verdict:
    one, other = pair
    return paired_verdict(scores[one], scores[other])


def agreement(verdict: Verdict, paper: float) -> str:
    """Of our verdict with the sign of the paper's difference."""
    if verdict.word not in (BETTER, WORSE):
        return "not clear"
    return "same sign" if (verdict.mean > 0) == (paper > 0) else "other sign"


def draw_students(scores: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Test accuracy of every seed of every arm, in percent."""
    means = ", ".join(f"{name} {np.mean(values):.1f} %" for name, values in scores.items())
    size, alt = (8, 1.2 + 0.42 * len(scores)), f"Test accuracy, mean of the seeds: {means}"
    return drawn(draw_arms, scores, size=size, alt=alt, title=title)
