"""The network that spells aloud: an LSTM reads the letters both ways, another says the phonemes.

At each place attention mixes what was read (Luong et al. 2015, arXiv 1508.04025: dot products,
after the recurrent layer). So in training, where the phonemes before each place are given, all
places are computed at once.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from kd_course.nb12_sequences.words import CLASSES, LETTERS, START

Memory = tuple[torch.Tensor, torch.Tensor]  # of the saying LSTM: (1, B, H) each


class Read(NamedTuple):
    """A word that was read: one vector for each letter, and where there are letters."""

    letters: torch.Tensor  # (B, PLACES, H)
    mask: torch.Tensor  # (B, PLACES) bool


class Speller(nn.Module):
    """Letters and the phonemes so far → logits of the next phoneme.

    Args:
        width: H, even; the network has about 12 H² weights.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.letter = nn.Embedding(len(LETTERS) + 1, width // 2)
        self.phoneme = nn.Embedding(START + 1, width // 2)
        self.reader = nn.LSTM(width // 2, width // 2, bidirectional=True, batch_first=True)
        self.sayer = nn.LSTM(width // 2, width, batch_first=True)
        self.match = nn.Linear(width, width, bias=False)
        self.mix = nn.Linear(2 * width, width)
        self.answer = nn.Linear(width, CLASSES)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Letters and phonemes before each place, (B, 2, PLACES) int64, as `Words.take` gives.

        Returns:
            (B, PLACES · CLASSES): the logits of all places side by side, as the loop expects one
            row for each example. `PerToken` takes them apart.
        """
        read, memory = self.read(words[:, 0])
        logits, _, _ = self.say(words[:, 1], read, memory)
        return logits.flatten(start_dim=1)

    def read(self, letters: torch.Tensor) -> tuple[Read, Memory]:
        """Letters (B, PLACES) → what was read, and the memory to start with."""
        told, (last, _) = self.reader(self.letter(letters))
        start = last.transpose(0, 1).reshape(1, len(letters), -1)  # both directions side by side
        return Read(told, letters > 0), (start, torch.zeros_like(start))

    def say(
        self, before: torch.Tensor, read: Read, memory: Memory
    ) -> tuple[torch.Tensor, torch.Tensor, Memory]:
        """The next phonemes after those given, (B, P) int64: P = 1 goes on from a memory.

        Returns:
            logits (B, P, CLASSES), attention (B, P, PLACES) whose rows sum to 1, memory.
        """
        state, memory = self.sayer(self.phoneme(before), memory)
        scores = self.match(state) @ read.letters.transpose(1, 2)
        attention = scores.masked_fill(~read.mask[:, None], float("-inf")).softmax(dim=-1)
        mixed = torch.cat([state, attention @ read.letters], dim=-1)
        return self.answer(F.tanh(self.mix(mixed))), attention, memory
