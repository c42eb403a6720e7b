"""Word-level distillation: a method for images, used at every place of a sequence.

Kim and Rush 2016, arXiv 1606.07947, section 3.1: the student's distribution of the next token is
compared with the teacher's, both after the same (true) tokens. So the loss of a sequence is that
of its places, and any `Method` serves: `PerToken(HintonKD(temperature=2.0, kd_weight=0.5))`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kd_course.nb12_sequences.words import CLASSES
from kd_helpers.data.splits import UNLABELLED
from kd_helpers.methods.method import CrossEntropy, Method, Terms

LABELS_ONLY = CrossEntropy()


@dataclass(frozen=True)
class PerToken(Method):
    """`method` with every place of every word in the batch as an example of its own."""

    method: Method = LABELS_ONLY

    @property
    def core(self) -> Method:
        return self.method.core

    def __call__(
        self,
        student_logits: torch.Tensor,
        teacher_logits: torch.Tensor | None,
        labels: torch.Tensor,
    ) -> Terms:
        """Logits (B, PLACES · CLASSES) of all places side by side, labels (B, PLACES).

        Places behind the end, labelled UNLABELLED, are no examples.
        """
        there = labels.flatten() != UNLABELLED
        places = lambda logits: logits.reshape(-1, CLASSES)[there]  # noqa: E731
        told = None if teacher_logits is None else places(teacher_logits)
        return self.method(places(student_logits), told, labels.flatten()[there])
