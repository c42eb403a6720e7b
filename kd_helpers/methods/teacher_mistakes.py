"""What to do where the teacher is wrong: swap, replace, leave out, trust less. Chapter 04.

Swapping is the probability shift, replacing the knowledge adjustment of Wen et al., arXiv
1911.07471. Images without a label (UNLABELLED) are left as they are: nobody knows that they are
wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from kd_helpers.data.splits import UNLABELLED
from kd_helpers.methods.labels import check_classes
from kd_helpers.methods.targets import smooth_labels
from kd_helpers.methods.terms import check_batch
from kd_helpers.methods.treatment import Treatment, Weighted
from kd_helpers.runtime.plain import check_share, check_temperature


def mistaken(teacher_logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Where the teacher's answer is not the label: (B, K), (B,) → (B,) bool."""
    check_batch("teacher", teacher_logits)
    check_classes(labels, teacher_logits.shape, "who corrects mistakes")
    return (teacher_logits.argmax(dim=-1) != labels) & (labels != UNLABELLED)


def swap_mistakes(teacher_logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Exchange the entries of the answer and of the true class where the teacher is wrong.

    Probability shift (Wen et al., arXiv 1911.07471) on logits, as in swapped logit distillation;
    softmax commutes with an exchange of entries, so at one T the two are one operation. Images that
    the teacher gets right stay as they are, bit for bit. (B, K), (B,) → (B, K).
    """
    top = teacher_logits.argmax(dim=-1, keepdim=True)
    # Where the teacher is right, or nobody knows, the answer changes places with itself.
    true = torch.where(mistaken(teacher_logits, labels)[:, None], labels[:, None], top)
    swapped = teacher_logits.scatter(1, true, teacher_logits.gather(1, top))
    return swapped.scatter(1, top, teacher_logits.gather(1, true))


def replace_mistakes(
    teacher_logits: torch.Tensor, labels: torch.Tensor, *, smoothing: float, temperature: float
) -> torch.Tensor:
    """Put the smoothed label in the place of a wrong answer (Wen et al., arXiv 1911.07471).

    Returns:
        (B, K) logits; softened at this temperature the replaced rows are (1 - ε)·onehot + ε/K.
    """
    check_temperature(temperature)
    check_share("smoothing", smoothing)
    if smoothing == 0:
        raise ValueError("got smoothing=0.0; expected more than 0: logits cannot say 'never'")
    wrong = mistaken(teacher_logits, labels)
    target = smooth_labels(labels.where(wrong, 0), teacher_logits.shape[1], smoothing)
    logits = (temperature * target.log()).to(teacher_logits.dtype)
    return torch.where(wrong[:, None], logits, teacher_logits)


def mask_weights(teacher_logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Weights (B,) that leave wrong answers out of the soft term: 0.0 where wrong, else 1.0."""
    return (~mistaken(teacher_logits, labels)).float()


def trust_weights(teacher_logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Weights (B,) by the teacher's cross-entropy: exp(-CE), its probability of the true class.

    A teacher who is wrong a little is trusted a little less, not left out. 1.0 without a label.
    """
    check_batch("teacher", teacher_logits)
    check_classes(labels, teacher_logits.shape, "TrustTrueClass")
    loss = F.cross_entropy(
        teacher_logits.float(), labels, reduction="none", ignore_index=UNLABELLED
    )
    return torch.exp(-loss)  # of a loss of 0 where there is no label


@dataclass(frozen=True)
class SwapMistakes(Treatment):
    """Probability shift: a wrong answer and the true class exchange their entries."""

    def treated(self, student, teacher, labels):
        return student, swap_mistakes(teacher, labels)


@dataclass(frozen=True)
class ReplaceMistakes(Treatment):
    """Knowledge adjustment: a smoothed label takes the place of a wrong answer.

    It is the target as it stands or, with `soften`, softened by T like the other answers.
    """

    smoothing: float = 0.1  # ε of that label, above 0 and at most 1
    soften: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.smoothing <= 1:
            raise ValueError(f"got smoothing={self.smoothing}; expected more than 0, at most 1")

    def treated(self, student, teacher, labels):
        heat = 1.0 if self.soften else self.core.temperature
        how = {"smoothing": self.smoothing, "temperature": heat}
        return student, replace_mistakes(teacher, labels, **how)


@dataclass(frozen=True)
class MaskMistakes(Weighted):
    """Wrong answers are left out of the soft term."""

    def weights(self, student, teacher, labels):
        return mask_weights(teacher, labels)


@dataclass(frozen=True)
class TrustTrueClass(Weighted):
    """Each answer counts by the probability that it gives to the true class."""

    def weights(self, student, teacher, labels):
        return trust_weights(teacher, labels)
