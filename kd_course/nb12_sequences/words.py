"""English words and their phonemes: the CMU Pronouncing Dictionary as three splits.

Taken are words of 3 to 10 letters a to z with at most 10 phonemes, stress left out: 39 phonemes.
A family (an inflected word and all others with its stem) lies in one split as a whole.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from kd_helpers.data.splits import UNLABELLED, DataError, Split
from kd_helpers.runtime.folders import data_dir

SHA256 = "81917843c7f44ce2b094ac63873c2c7a4cf802040792c455ba3ca406891c3d22"  # of the text
VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW"
CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH"
PHONEMES = tuple(sorted(f"{VOWELS} {CONSONANTS}".split()))
END, START = len(PHONEMES), len(PHONEMES) + 1  # after the last phoneme, before the first
CLASSES = len(PHONEMES) + 1  # what can come next: a phoneme, or the end
LETTERS = "abcdefghijklmnopqrstuvwxyz"  # 1 to 26; 0 is no letter
LONGEST = 10  # letters, and phonemes
PLACES = LONGEST + 1  # the phonemes and the end
HELD_OUT = {"test": 4000, "val": 2000}  # words, and the rest of the last family
# Endings of inflected and of some derived words, the longest that fits is taken off first.
LONG_ENDINGS = "iness ingly edly ness less ings ing ers ies ied ier est"
SHORT_ENDINGS = "ely ly le es ed er en s d e y i l"
ENDINGS = tuple(f"{LONG_ENDINGS} {SHORT_ENDINGS}".split())

Pronunciations = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Words(Split):
    """Words as the loop sees them: instead of pictures, what the network reads at each place.

    images (N, 2, PLACES) uint8: the letters, and the phonemes before each place (START first);
    labels (N, PLACES) int64: the phonemes and the end, UNLABELLED behind it.
    """

    def __post_init__(self) -> None:
        if self.images.shape != (len(self.labels), 2, PLACES) or self.labels.shape[1:] != (PLACES,):
            raise ValueError(
                f"got words {tuple(self.images.shape)} and phonemes {tuple(self.labels.shape)}; "
                f"expected (N, 2, {PLACES}) and (N, {PLACES}), as `encode` gives"
            )

    def take(self, rows: torch.Tensor, prepare: Callable) -> torch.Tensor:
        """The words in these rows, (M, 2, PLACES) int64: no augmentation, no grey levels."""
        return self.images[rows].long()


def encode(words: Sequence[str], phonemes: Sequence[Sequence[str]]) -> Words:
    """Words with one pronunciation each, the phonemes by name."""
    number = {name: i for i, name in enumerate(PHONEMES)}
    return with_targets(letters_of(words), [[number[p] for p in one] for one in phonemes])


def letters_of(words: Iterable[str]) -> torch.Tensor:
    """Words as (N, PLACES) uint8.

    Raises:
        ValueError: a word is empty, too long, or has other signs than a to z.
    """
    rows = []
    for word in words:
        if not 1 <= len(word) <= LONGEST or set(word) - set(LETTERS):
            raise ValueError(f"got the word {word!r}; expected 1 to {LONGEST} letters a to z")
        row = [LETTERS.index(letter) + 1 for letter in word]
        rows.append(row + [0] * (PLACES - len(row)))
    return torch.tensor(rows, dtype=torch.uint8)


def with_targets(letters: torch.Tensor, targets: Sequence[Sequence[int]]) -> Words:
    """Letters (N, PLACES) and the phonemes to learn, by number: a teacher's or the dictionary's."""
    before = torch.full((len(targets), PLACES), END, dtype=torch.uint8)
    labels = torch.full((len(targets), PLACES), UNLABELLED)
    for i, target in enumerate(targets):
        told = torch.tensor([START, *target, END])
        before[i, : len(target) + 1] = told[:-1]
        labels[i, : len(target) + 1] = told[1:]
    return Words(torch.stack([letters, before], dim=1), labels)


@functools.cache
def dictionary() -> dict[str, Pronunciations]:
    """Word → all its pronunciations, the dictionary's first one first; in the order of the file.

    Raises:
        DataError: the file is missing or another one.
    """
    path = data_dir() / "cmudict" / "cmudict.dict.gz"
    content = gzip.decompress(path.read_bytes()) if path.is_file() else b""
    if (found := hashlib.sha256(content).hexdigest()) != SHA256:
        raise DataError(
            f"{path}: expected a text with SHA-256 {SHA256}, found {found}: the file is missing or "
            "altered. Get it back with `git checkout -- data/cmudict`"
        )
    told: dict[str, list[tuple[str, ...]]] = {}
    for line in content.decode().splitlines():
        head, *phonemes = line.partition("#")[0].split()
        word = head.partition("(")[0]
        if 3 <= len(word) <= LONGEST and not set(word) - set(LETTERS):
            told.setdefault(word, []).append(tuple(p.rstrip("012") for p in phonemes))
    return {
        word: tuple(dict.fromkeys(ways))
        for word, ways in told.items()
        if max(map(len, ways)) <= LONGEST
    }


def stem(word: str) -> str:
    """What is left without endings and double consonants: hopping → hop, cities → cit.

    It is crude, and joins strangers too; for splits that does no harm.
    """
    while ending := next((e for e in ENDINGS if word.endswith(e) and len(word) - len(e) > 1), ""):
        word = word[: -len(ending)]
    if len(word) > 2 and word[-1] == word[-2]:
        return stem(word[:-1])
    return word


@functools.cache
def splits() -> Mapping[str, tuple[str, ...]]:
    """train, val, test → their words: whole families, in an order that their SHA-256 says."""
    families: dict[str, list[str]] = {}
    for word in dictionary():
        families.setdefault(stem(word), []).append(word)
    order = sorted(families, key=lambda name: hashlib.sha256(name.encode()).digest())
    found: dict[str, list[str]] = {name: [] for name in (*HELD_OUT, "train")}
    for family in order:
        part = next((p for p, size in HELD_OUT.items() if len(found[p]) < size), "train")
        found[part] += families[family]
    return {name: tuple(words) for name, words in found.items()}
