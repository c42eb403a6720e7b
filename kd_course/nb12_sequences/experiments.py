"""The trainings of notebook 12: one teacher, and five lessons for a student ten times smaller.

A lesson differs from labels only in its method (word level), in its targets (sequence level), or in
both; network, words, steps and starting weights are the same. The one loop of the package trains
them all. Two things had to be generalised for it: a split says what a network gets of a row
(`Split.take`), since a word is no picture, and a method is used at every place (`PerToken`).
`Recipe` and its store could not serve: they hold that an example has one label, and measure
accuracy; a sequence is searched for, and measured by edit distance. So a lesson is a record of its
own here, and its store (`store`) has the measures of sequences.
"""

from __future__ import annotations

import datetime
import functools
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch

from kd_course.nb12_sequences.beam import Beam, spell
from kd_course.nb12_sequences.error_rates import Errors, edit_distance, errors
from kd_course.nb12_sequences.network import Speller
from kd_course.nb12_sequences.per_token import PerToken
from kd_course.nb12_sequences.store import WAYS, Result, as_json, find, folders, keep
from kd_course.nb12_sequences.words import (
    PHONEMES,
    Words,
    dictionary,
    encode,
    letters_of,
    splits,
    with_targets,
)
from kd_helpers.experiments.packed import recipe_columns, slug
from kd_helpers.methods import CrossEntropy, HintonKD, Method
from kd_helpers.runtime.device import describe
from kd_helpers.runtime.folders import checkpoint_folder
from kd_helpers.runtime.plain import Plain, to_plain
from kd_helpers.training.checkpoints import Checkpoint
from kd_helpers.training.loop import History, train
from kd_helpers.training.schedules import Schedule

SEEDS = range(5)
LABELS_ONLY, STANDARD = CrossEntropy(), Schedule()
SHORT = Schedule(steps=1000, batch_size=64, learning_rate=0.01, weight_decay=0.0, optimiser="adam")
LONG = replace(SHORT, steps=5500, batch_size=128, learning_rate=0.004)
WIDTH = 5  # of every beam, as in the paper
SOFT = HintonKD(temperature=1.0, kd_weight=0.9)
DICTIONARY, BEAM, NEAREST = "dictionary", "beam", "nearest"


@dataclass(frozen=True)
class Lesson(Plain):
    """One training of a `Speller`, complete."""

    width: int = 56  # of the network
    seed: int = 0  # starting weights and order of the words
    words: int = 20_000  # the first of the training words; 0: all
    targets: str = DICTIONARY  # whose phonemes are learnt: or those of the teacher's BEAM, NEAREST
    method: Method = LABELS_ONLY  # at each place
    schedule: Schedule = STANDARD


TEACHER = Lesson(width=192, seed=1000, words=0, schedule=LONG)


def new_speller(lesson: Lesson) -> Speller:
    """A network whose starting weights depend on the seed alone."""
    with torch.random.fork_rng():
        torch.manual_seed(lesson.seed)
        return Speller(lesson.width)


def arms(seed: int) -> dict[str, Lesson]:
    """A student's five lessons, and smoothed labels; all with one set of words and weights."""
    alone = Lesson(seed=seed, schedule=SHORT)
    return {
        "labels": alone,
        "smoothed labels": replace(alone, method=CrossEntropy(label_smoothing=0.1)),
        "word": replace(alone, method=SOFT),
        "sequence": replace(alone, targets=BEAM),
        "sequence and word": replace(alone, targets=BEAM, method=SOFT),
        "interpolated": replace(alone, targets=NEAREST),
    }


def load_or_train(arm: str, lesson: Lesson, again: bool = False) -> Result:
    """The stored result of a lesson; trained where there is none, or `again`, and kept in
    `out/runs`."""
    name, told = f"{slug(arm)}-seed{lesson.seed}", as_json(to_plain(lesson))
    if not again and (found := find(name, told)):
        return found
    checkpoint = Checkpoint(checkpoint_folder() / f"spelling-{name}.checkpoint", told)
    speller, history = train_speller(lesson, checkpoint=checkpoint)
    row = {"name": name, "arm": arm, "lesson": told, **recipe_columns(lesson)}
    tensors = measured(speller)
    keep(folders()[-1], row | numbers(Result({}, tensors), history), tensors, weights=True)
    checkpoint.remove()
    return find(name, told, folders()[-1:])  # type: ignore[return-value]


def train_speller(lesson: Lesson, **hooks) -> tuple[Speller, History]:
    """Train to the end. hooks: as for `training.train`."""
    split = targets_of(lesson.targets, lesson.words)
    speller, teacher = new_speller(lesson), None
    if lesson.method.needs_teacher:
        told = soft_answers(lesson.targets, lesson.words)
        teacher = lambda batch: told[batch.index].float()  # noqa: E731
    history = train(
        speller,
        split,
        method=PerToken(lesson.method),
        teacher=teacher,
        schedule=lesson.schedule,
        seed=lesson.seed,
        **hooks,
    )
    return speller.eval(), history


def measured(speller: Speller) -> dict[str, torch.Tensor]:
    """What is stored of a network: its weights, and the errors they make on the test words."""
    weights = {f"weights.{name}": value.half() for name, value in speller.state_dict().items()}
    speller.half().float()  # what was stored, no more digits
    said = splits()["test"]
    found = [word_errors(said, spell(speller, letters_of(said), width)) for width in (1, WIDTH)]
    edits, lengths = torch.tensor(found, dtype=torch.uint8).permute(2, 0, 1)  # (2, N) each
    return {"edits": edits.contiguous(), "lengths": lengths.contiguous(), **weights}


def numbers(result: Result, history: History) -> dict[str, object]:
    """The columns of the table for people."""
    rates = {
        f"{way} {unit} error rate, %": round(getattr(result, f"{unit}_error_rate")(way), 3)
        for way in WAYS
        for unit in ("phoneme", "word")
    }
    size = sum(value.numel() for value in result.weights.values())
    about = {"date": datetime.date.today().isoformat(), "torch": str(torch.__version__)}
    last = round(history.terms["loss"][-1], 4)
    where = describe(torch.device("cpu"))
    told = {"parameters": size, "seconds": round(history.seconds), "last loss": last}
    return rates | told | about | {"device": where}


def word_errors(words: Sequence[str], beam: Beam) -> list[Errors]:
    """The first hypothesis for each word against the dictionary."""
    known = dictionary()
    return [errors(names(beam.phonemes(i)), known[word]) for i, word in enumerate(words)]


def names(tokens: Iterable[int]) -> tuple[str, ...]:
    return tuple(PHONEMES[token] for token in tokens)


def ship(again: bool = False) -> None:
    """Train what is missing, or all again; write what ships: all results, one seed's weights.

    What ships stays until its successor is trained.
    """
    shipped = [("teacher", TEACHER)]
    shipped += [pair for seed in SEEDS for pair in arms(seed).items()]
    for arm, lesson in shipped:
        result = load_or_train(arm, lesson, again)
        kept = arm == "teacher" or lesson.seed == SEEDS[0]
        keep(folders()[0], dict(result.row), result.tensors, weights=kept)
        print(result.row["name"], f"{result.phoneme_error_rate('greedy'):.2f} %", flush=True)


# What the teacher gives


@functools.cache
def teacher() -> Speller:
    return speller_of(TEACHER, load_or_train("teacher", TEACHER))


def speller_of(lesson: Lesson, result: Result) -> Speller:
    """The network with the stored weights, in evaluation mode."""
    speller = new_speller(lesson)
    speller.load_state_dict(result.weights)
    return speller.eval().requires_grad_(False)


@functools.cache
def taught_words(count: int) -> tuple[tuple[str, ...], Beam]:
    """The first of the training words, and the teacher's beam for each."""
    words = splits()["train"][: count or None]
    return words, spell(teacher(), letters_of(words), WIDTH)


@functools.cache
def targets_of(targets: str, count: int) -> Words:
    """The first training words (0: all) with what is to be learnt of them.

    Args:
        targets: DICTIONARY; BEAM, the teacher's most probable hypothesis; NEAREST, of those in its
            beam the one with the fewest edits to the dictionary's, the more probable of equals.
    """
    words = splits()["train"][: count or None]
    true = [dictionary()[word][0] for word in words]
    if targets == DICTIONARY:
        return encode(words, true)
    beam = taught_words(count)[1]
    place = [nearest(beam, i, way) if targets == NEAREST else 0 for i, way in enumerate(true)]
    chosen = [beam.phonemes(i, p) for i, p in enumerate(place)]
    return with_targets(letters_of(words), chosen)


def nearest(beam: Beam, word: int, truth: Sequence[str]) -> int:
    """The place in the beam with the fewest edits to the truth."""
    width = beam.tokens.shape[1]
    return min(range(width), key=lambda p: edit_distance(names(beam.phonemes(word, p)), truth))


@functools.cache
def soft_answers(targets: str, count: int) -> torch.Tensor:
    """The teacher's logits at every place of every target, (N, PLACES · CLASSES) in half precision.

    No augmentation, so each answer is asked for once, before the training.
    """
    split = targets_of(targets, count)
    rows = torch.arange(len(split)).split(500)
    with torch.no_grad():
        return torch.cat([teacher()(split.images[r].long()).half() for r in rows])


if __name__ == "__main__":
    ship(again="--retrain" in sys.argv)
