"""What notebook 12 prints: results of all lessons, error rates, seconds for 1,000 words."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import numpy as np
import pandas as pd

from kd_course.nb12_sequences.beam import Beam, spell
from kd_course.nb12_sequences.experiments import arms, load_or_train, names
from kd_course.nb12_sequences.network import Speller
from kd_course.nb12_sequences.store import WAYS, Result
from kd_course.nb12_sequences.words import dictionary, letters_of


def collect_results(seeds: Iterable[int]) -> dict[str, list[Result]]:
    """Every lesson's results, in the order of the seeds; missing ones are trained."""
    found: dict[str, list[Result]] = {}
    for seed in seeds:
        for arm, lesson in arms(seed).items():
            found.setdefault(arm, []).append(load_or_train(arm, lesson))
    return found


def rate_table(results: Mapping[str, Sequence[Result]]) -> pd.DataFrame:
    """Mean error rates of each lesson in percent, greedily and by beam search."""
    rows = {
        arm: {
            f"{unit}s, {way}": np.mean([getattr(r, f"{unit}_error_rate")(way) for r in of_arm])
            for unit in ("phoneme", "word")
            for way in WAYS
        }
        for arm, of_arm in results.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").map("{:.2f}".format)


def disagreements(words: Sequence[str], beam: Beam) -> pd.DataFrame:
    """Words whose best hypothesis is no pronunciation of the dictionary's, and what it is."""
    rows = [
        (word, " or ".join(map(" ".join, dictionary()[word])), " ".join(said))
        for i, word in enumerate(words)
        if (said := names(beam.phonemes(i))) not in dictionary()[word]
    ]
    return pd.DataFrame(rows, columns=["word", "dictionary", "teacher"])


def seconds_per_thousand(
    spellers: Mapping[str, Speller], words: Sequence[str], width: int, repeats: int = 3
) -> pd.DataFrame:
    """Seconds for 1,000 words, greedily and by beam: the median of rounds in turn, after one more.

    The batch is what `spell` takes, 250 words.
    """
    letters = letters_of(words)
    widths = {"greedy": 1, "beam": width}
    ways = {(name, way): (s, w) for name, s in spellers.items() for way, w in widths.items()}
    found: dict[tuple[str, str], list[float]] = {}
    for _ in range(repeats + 1):
        for key, (speller, wide) in ways.items():
            start = time.perf_counter()
            spell(speller, letters, wide)
            found.setdefault(key, []).append(1000 * (time.perf_counter() - start) / len(words))
    medians = {key: median(values[1:]) for key, values in found.items()}
    slowest = max(medians.values())
    rows = {
        f"{name}, {way}": {"s for 1,000 words": f"{s:.2f}", "times as fast": f"{slowest / s:.1f}"}
        for (name, way), s in medians.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")
