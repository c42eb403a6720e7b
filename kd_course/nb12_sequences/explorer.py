"""The explorer of notebook 12: type a word, see what teacher and student would say, and why."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets as widgets
import numpy as np
import torch

from kd_course.nb12_sequences.beam import Beam, spell
from kd_course.nb12_sequences.experiments import WIDTH, names
from kd_course.nb12_sequences.network import Speller
from kd_course.nb12_sequences.words import END, START, dictionary, letters_of, splits
from kd_helpers.widgets import svg
from kd_helpers.widgets.explorer import Explorer, walker

CELL = 24  # pixels


def build_spelling_explorer(spellers: Mapping[str, Speller], student: str) -> Explorer:
    """Beams of the first network (the teacher) and of two others, and where one of them looks.

    Args:
        spellers: name → network, three at least; the second is the student of labels.
        student: the name of the other one that is shown first.
    """
    known = list(spellers)

    def render(word: str, lesson: str, looks: str, place: int) -> str:
        word = word.strip().lower()
        try:
            letters = letters_of([word])
        except ValueError as problem:
            return svg.sentence(f"{str(problem).capitalize()}.")
        shown = dict.fromkeys((known[0], known[1], lesson))
        beams = {name: spell(spellers[name], letters, WIDTH) for name in shown}
        charts = [
            beam_chart(name, beam, dictionary().get(word, ())) for name, beam in beams.items()
        ]
        seen = beams.get(looks) or spell(spellers[looks], letters, WIDTH)
        phonemes = seen.phonemes(0, place)
        weights = attention(spellers[looks], letters, phonemes)
        charts.append(attention_chart(f"{looks}: where it looks", word, phonemes, weights))
        return svg.side_by_side(*charts) + svg.sentence(where_from(word))

    controls = {
        "word": widgets.Text("thought", description="word"),
        "lesson": widgets.Dropdown(options=known[1:], value=student, description="student"),
        "looks": widgets.Dropdown(options=known, description="attention of"),
        "place": walker("hypothesis", WIDTH),
    }
    hint = (
        "type your name, then a word that you have made up. Where is the teacher unsure, and do "
        "the students hesitate between the same phonemes? Which letters does nobody look at?"
    )
    return Explorer(controls, render, hint=hint)


def where_from(word: str) -> str:
    """What the dictionary says of a word, and whether the teacher learnt it."""
    ways = dictionary().get(word)
    if not ways:
        return f"“{word}” is not among the words of this chapter: nobody was taught it."
    part = next(part for part, words in splits().items() if word in words)
    told = {"train": "the teacher learnt it", "val": "held out", "test": "held out"}[part]
    return f"Dictionary: {' or '.join(map(' '.join, ways))} ({told})."


def beam_chart(name: str, beam: Beam, ways: tuple) -> str:
    """The hypotheses for the first word with their probabilities; right ones in orange."""
    parts, row = [svg.heading(name)], 22
    for place, score in enumerate(beam.scores[0].exp().tolist()):
        said, y = names(beam.phonemes(0, place)), 24 + place * row
        colour = svg.ORANGE if said in ways else svg.BLUE
        parts += [
            svg.rect(46, y, 60 * score, row - 5, colour),
            svg.text(40, y + 13, f"{score:.3f}", anchor="end"),
            svg.text(112, y + 13, " ".join(said) or "(silence)"),
        ]
    alt = f"{name}: {' '.join(names(beam.phonemes(0)))} first"
    return svg.svg(320, 30 + row * beam.tokens.shape[1], alt, "".join(parts))


@torch.no_grad()
def attention(speller: Speller, letters: torch.Tensor, phonemes: list[int]) -> np.ndarray:
    """Weights of one word's letters, (phonemes and the end, letters); rows sum to 1."""
    read, memory = speller.read(letters.long())
    _, weights, _ = speller.say(torch.tensor([[START, *phonemes]]), read, memory)
    return weights[0, :, : int((letters > 0).sum())].numpy()


def attention_chart(title: str, word: str, phonemes: list[int], weights: np.ndarray) -> str:
    """A heat map: a row a phoneme, a column a letter, the darker the more weight."""
    left, top = 44, 44
    parts = [svg.heading(title)]
    parts += [
        svg.text(left + (j + 0.5) * CELL, top - 6, letter, anchor="middle")
        for j, letter in enumerate(word)
    ]
    said = names(p for p in phonemes if p != END)
    for i, (phoneme, row) in enumerate(zip((*said, "end"), weights, strict=True)):
        y = top + i * CELL
        parts.append(svg.text(left - 6, y + 16, phoneme, anchor="end"))
        for j, weight in enumerate(row):
            shade = f"fill-opacity='{weight:.2f}' stroke='{svg.PALE}'"
            parts.append(svg.rect(left + j * CELL, y, CELL, CELL, svg.BLUE, shade))
    size = max(left + CELL * len(word), 200), top + CELL * len(weights) + 6
    return svg.svg(*size, f"{title}: phonemes from top to bottom, letters across", "".join(parts))
