"""What was claimed, and its verdicts on clothes and on the papers' own images, side by side."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import pandas as pd

from kd_helpers.experiments.compare import BETTER, WORSE, Scores, Verdict, paired_verdict


def claim_table(
    claims: Mapping[str, tuple[Hashable, Hashable]],
    clothes: Mapping,
    cifar: Mapping,
    paper: Mapping[str, float | None],
) -> pd.DataFrame:
    """One row a claim; differences in points.

    Args:
        claims: words → the arm that is said to be better, and the other one. clothes, cifar: arm →
            scores. paper: words → the difference that the paper reports, None where it has none.
    """
    rows = {}
    for words, pair in claims.items():
        on_clothes, on_cifar = verdict(clothes, pair), verdict(cifar, pair)
        printed = paper.get(words)
        rows[words] = {
            "Fashion-MNIST": f"{on_clothes.word} {on_clothes.mean:+.2f}",
            "CIFAR-100": f"{on_cifar.word} {on_cifar.mean:+.2f}",
            "the paper, CIFAR-100": "no number" if printed is None else f"{printed:+.2f}",
            "CIFAR-100 and the paper": "" if printed is None else agreement(on_cifar, printed),
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
