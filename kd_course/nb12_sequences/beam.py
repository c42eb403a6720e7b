"""Beam search: of all beginnings that were tried, the most probable ones go on. Greedy is width 1.

A hypothesis ends with END or after PLACES - 1 phonemes. Scores are log-probabilities of the whole
sequence, END included, and are not divided by its length: a beam as wide as all sequences gives the
most probable one (a test compares with brute force).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from kd_course.nb12_sequences.network import Speller
from kd_course.nb12_sequences.words import END, PLACES

# (previous token (R,), state of all rows, rows to keep first) → log-probabilities (R, K), new state
Step = Callable[[torch.Tensor, Any], tuple[torch.Tensor, Any]]


class Beam(NamedTuple):
    """The hypotheses of each word, the most probable first."""

    tokens: torch.Tensor  # (B, W, PLACES) int64, filled up with END
    scores: torch.Tensor  # (B, W) log-probabilities, falling; -inf where there are fewer than W

    def phonemes(self, word: int, place: int = 0, end: int = END) -> list[int]:
        """The numbers of a hypothesis before its end."""
        tokens = self.tokens[word, place].tolist()
        return tokens[: tokens.index(end)]


def search(step: Step, states: tuple[torch.Tensor, ...], width: int, end: int, most: int) -> Beam:
    """Beam search over any model.

    Args:
        step: (last tokens (R,), states) → log-probabilities (R, K) of the next, new states; the
            first token is K. Every state is a tensor with R rows.
        states: with one row for each of B words. width: hypotheses kept, W ≥ 1.
        end: token after which nothing comes. most: tokens at most, the end included.
    """
    words = len(states[0])
    states = tuple(s.repeat_interleave(width, dim=0) for s in states)
    tokens = torch.empty(words, width, 0, dtype=torch.long)
    scores = torch.full((words, width), float("-inf"))
    scores[:, 0] = 0.0  # all hypotheses of a word are still the same one
    last = torch.full((words * width,), end + 1)
    for place in range(most):
        told, states = step(last, states)
        told = told.reshape(words, width, -1)
        over = (tokens == end).any(dim=-1)  # these can only stay as they are
        stay = torch.full_like(told[:, 0], float("-inf"))
        stay[:, end] = 0.0
        told = torch.where(over[..., None], stay[:, None], told)
        if place == most - 1:  # no room for more: what has not ended is no hypothesis
            told[..., torch.arange(told.shape[-1]) != end] = float("-inf")
        total = (scores[..., None] + told).flatten(start_dim=1)  # (B, W · K)
        scores, best = total.topk(width, dim=1)
        parent, token = best // told.shape[-1], best % told.shape[-1]
        tokens = torch.cat(
            [tokens.gather(1, parent[..., None].expand(-1, -1, place)), token[..., None]], dim=-1
        )
        rows = (torch.arange(words)[:, None] * width + parent).flatten()
        states, last = tuple(s[rows] for s in states), token.flatten()
        if bool((token == end).all()):
            break
    rest = torch.full((words, width, most - tokens.shape[-1]), end)
    return Beam(torch.cat([tokens, rest], dim=-1), scores)


@torch.no_grad()
def spell(speller: Speller, letters: torch.Tensor, width: int, batch_size: int = 250) -> Beam:
    """The phonemes of words (N, PLACES), by a beam of this width; 1 is greedy."""
    parts = [_spell(speller, chunk.long(), width) for chunk in letters.split(batch_size)]
    return Beam(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _spell(speller: Speller, letters: torch.Tensor, width: int) -> Beam:
    read, (state, cell) = speller.read(letters)

    def step(last, states):
        told, mask, state, cell = states
        memory = state[None].contiguous(), cell[None].contiguous()
        logits, _, (state, cell) = speller.say(last[:, None], type(read)(told, mask), memory)
        return logits[:, 0].log_softmax(dim=-1), (told, mask, state[0], cell[0])

    return search(step, (*read, state[0], cell[0]), width, END, PLACES)
