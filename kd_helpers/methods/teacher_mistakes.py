"""What to do where the teacher is wrong: swap, replace, leave out, trust less. Pure functions.

Images without a label (UNLABELLED) are left as they are: nobody knows that they are wrong.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from kd_helpers.data.splits import UNLABELLED
from kd_helpers.methods.targets import smooth_labels
from kd_helpers.runtime.validate import check_share, check_temperature


def mistaken(teacher_logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Where the teacher's answer is not the label: (B, K), (B,) → (B,) bool."""
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
    """Weights (B,) that leave wrong answers out of the lesson: 0.0 where wrong, else 1.0."""
    return (~mistaken(teacher_logits, labels)).float()


def trust_weights(teacher_logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Weights (B,) by the teacher's cross-entropy: exp(-CE), its probability of the true class.

    A teacher who is wrong a little is trusted a little less, not left out. 1.0 without a label.
    """
    loss = F.cross_entropy(
        teacher_logits.float(), labels, reduction="none", ignore_index=UNLABELLED
    )
    return torch.exp(-loss)  # of a loss of 0 where there is no label
