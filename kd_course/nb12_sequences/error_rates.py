"""Phoneme and word error rate, as the field counts them for dictionaries.

A word may have several pronunciations: the nearest one counts. Phoneme error rate: edits summed
over all words, divided by the phonemes of these nearest pronunciations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

Phonemes = Sequence[object]


class Errors(NamedTuple):
    """Of one word: edits to the nearest pronunciation, and how long that is."""

    edits: int
    length: int


def edit_distance(first: Phonemes, second: Phonemes) -> int:
    """The fewest insertions, deletions and substitutions (Levenshtein 1966), a row at a time."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, start=1):
        before, row[0] = row[0], i
        for j, b in enumerate(second, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def errors(said: Phonemes, ways: Sequence[Phonemes]) -> Errors:
    """Against the nearest of the pronunciations; of equally near ones, the first."""
    return min((Errors(edit_distance(said, way), len(way)) for way in ways), key=lambda e: e.edits)


def phoneme_error_rate(found: Sequence[Errors]) -> float:
    """In percent; above 100 where more is wrong than there is."""
    return 100 * sum(e.edits for e in found) / sum(e.length for e in found)


def word_error_rate(found: Sequence[Errors]) -> float:
    """Share of words with any error, in percent."""
    return 100 * sum(e.edits > 0 for e in found) / len(found)
