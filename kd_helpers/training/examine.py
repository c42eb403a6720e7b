"""A teacher's examination before it teaches: is it any good on the student's data, and if not, why?

A student learns whatever it is told. A teacher with an untrained head, with its classes in another
order or with the wrong normalisation teaches as gladly as a good one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import nn
from tqdm.auto import tqdm

from kd_helpers.data.augment import to_float
from kd_helpers.data.remarks import few
from kd_helpers.data.splits import Dataset, Split
from kd_helpers.teachers.adapted import Adapted, adapted

Asked = Callable[[torch.Tensor], torch.Tensor]  # pictures (B, C, H, W) in 0..1 → logits (B, K)
AT_ONCE = 64  # pictures
FEW = 256  # pictures for a second look, in another way
NORMALISATION = "expected the one that it was trained with: mean=, std="
STATISTICS = (
    "expected batch normalisation with running statistics that belong to its weights: were they in "
    "the file? was it saved in the middle of its training? or trained on pictures of another size "
    "(size=, on the command line --teacher-size)?"
)
NOT_IN_EVALUATION = (
    "expected one in evaluation mode: call model.eval() before it answers, and look for dropout or "
    "batch statistics that do not heed it"
)
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Examination:
    """How often a teacher names the right class, as shares in 0..1."""

    accuracy: float  # on all pictures looked at
    per_class: tuple[float, ...]  # on those of each class; NaN where there were none
    classes: tuple[str, ...]
    images: int  # how many of the validation split were looked at

    def __str__(self) -> str:
        told = [(name, share) for name, share in zip(self.classes, self.per_class, strict=True)]
        heading = "of each class"
        if len(told) > 20:
            known = [pair for pair in told if pair[1] == pair[1]]
            heading, told = "of the ten worst classes", sorted(known, key=lambda p: p[1])[:10]
        shares = ", ".join(
            f"{name} {100 * share:.0f} %" if share == share else f"{name}: no picture"
            for name, share in told
        )
        return (
            f"teacher: {100 * self.accuracy:.1f} % of {self.images:,} validation pictures right; "
            f"{heading}: {shares}"
        )


def examine(teacher: Asked, data: Dataset, *, images: int = 1000, stop: bool = True) -> Examination:
    """Ask a teacher about validation pictures; print how many it has right, in all and by class.

    Args:
        teacher: an `Adapted` or any network, looked at in evaluation mode; or a function of
            pictures (B, C, H, W) float32 in 0..1.
        images: the most that are looked at, spread evenly over the split.
        stop: False prints what is wrong instead of raising it.

    Raises:
        ValueError: it is no better than chance, or would be far better with its outputs in another
            order, with another normalisation, or with the statistics of the batch; its answers
            are no logits, or depend on chance or on the other pictures. Says which, and what to do.
    """
    if isinstance(teacher, nn.Module):
        teacher = teacher if isinstance(teacher, Adapted) else adapted(teacher)
        teacher = teacher.to(data.val.images.device)
    split = spread(data.val, images)
    logits = answers(teacher, split.images)
    problem = form_problem(logits, len(data.classes)) or chance_problem(teacher, split)
    if problem:
        raise ValueError(f"got a teacher {problem}")
    right = logits.argmax(dim=1) == split.labels
    shares = [right[split.labels == k].float().mean().item() for k in range(len(data.classes))]
    found = Examination(right.float().mean().item(), tuple(shares), data.classes, len(split))
    print(found)
    problem = likely_reason(teacher, split, logits, data)
    if problem and stop:
        raise ValueError(f"got a teacher {problem}")
    if problem:
        print(f"warning: a teacher {problem}")
    return found


def spread(split: Split, most: int) -> Split:
    """So many of the pictures, evenly over the split, in an order in which classes are mixed."""
    if not len(split):
        raise ValueError("got no validation pictures; expected some, to examine the teacher with")
    rows = torch.linspace(0, len(split) - 1, min(most, len(split))).round().long()
    mixed = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    return split.subset(rows[mixed].to(split.labels.device))


def answers(teacher: Asked, images: torch.Tensor) -> torch.Tensor:
    """Logits (N, K) float32 of pictures (N, C, H, W) uint8."""
    with torch.no_grad():
        parts = images.tensor_split(-(-len(images) // AT_ONCE))  # of about one size
        bar = tqdm(parts, "asking the teacher", disable=None, leave=False)
        return torch.cat([teacher(to_float(some)).float() for some in bar])


def form_problem(logits: torch.Tensor, classes: int) -> str | None:
    """What keeps answers from being logits of so many classes."""
    if logits.shape[1] != classes:
        return (
            f"with {logits.shape[1]} outputs for {classes} classes; expected as many: "
            "teacher.for_classes(data.classes), or fit_head(teacher, data)"
        )
    if not torch.isfinite(logits).all():
        return "whose answers are not finite numbers; expected logits: look at its weights"
    if (logits >= 0).all() and (logits.sum(dim=1) - 1).abs().max() < 1e-3:
        return (
            "that answers with probabilities; expected logits, or the softmax is taken twice: "
            "leave its softmax out, or answer with their logarithm"
        )
    return None


def chance_problem(teacher: Asked, split: Split) -> str | None:
    """Whether an answer depends on chance, or on who else is in the batch."""
    some = split.images[:8]
    together = answers(teacher, some).softmax(dim=1)
    alone = torch.cat([answers(teacher, picture[None]) for picture in some]).softmax(dim=1)
    again = answers(teacher, some).softmax(dim=1)
    if (together - again).abs().max() > 0.02:
        return "that answers the same pictures differently each time; " + NOT_IN_EVALUATION
    if (together - alone).abs().max() > 0.02:
        return "whose answers depend on the other pictures in the batch; " + NOT_IN_EVALUATION
    return None


def likely_reason(teacher: Asked, split: Split, logits: torch.Tensor, data: Dataset) -> str | None:
    """Why a teacher is worse than it should be; None: it is not."""
    order = order_problem(logits.argmax(dim=1), split.labels, data.classes)
    if order:
        return order
    sample = Split(split.images[:FEW], split.labels[:FEW])
    told = logits[:FEW].argmax(dim=1) == sample.labels
    if isinstance(teacher, Adapted) and told.float().mean() < 0.9:  # else nothing is far better
        why, right = best_way(teacher, sample)
        if far_better(right, told):
            shares = [f"{100 * part.float().mean():.0f} %" for part in (told, right)]
            return f"with {shares[0]} of {len(sample)} pictures right, and {shares[1]} {why}"
    return untrained_problem(logits.argmax(dim=1), split.labels, data.classes)


def far_better(after: torch.Tensor, before: torch.Tensor) -> bool:
    """Whether clearly more pictures are right, both (N,) bool: a tenth of them at least, and three
    standard deviations of their number."""
    mended, broken = (after & ~before).sum().item(), (before & ~after).sum().item()
    gain = mended - broken
    return gain >= len(after) / 10 and gain > 3 * (mended + broken) ** 0.5


def order_problem(told: torch.Tensor, labels: torch.Tensor, classes: tuple) -> str | None:
    """Whether the outputs stand in another order: found on half of the pictures (Hungarian
    assignment), tried on the others."""
    means = best_order(told[::2], labels[::2], len(classes))  # (K,): output → class
    told, labels = told[1::2], labels[1::2]
    moved = (means != torch.arange(len(classes)))[labels.cpu()].to(labels.device)
    before, after = told == labels, means.to(told.device)[told] == labels
    # Of the classes that change places half must be right then: an untrained network, too, has
    # an order that suits it best.
    if not moved.any() or not far_better(after[moved], before[moved]):
        return None
    if after[moved].float().mean() < 0.5:
        return None
    pairs = [
        f"{classes[a]!r} read as {classes[b]!r}" for a, b in enumerate(means.tolist()) if a != b
    ]
    return (
        f"whose classes stand in another order: {100 * before.float().mean():.0f} % right, and "
        f"{100 * after.float().mean():.0f} % with its output {few(pairs, 10)}; "
        "expected the order of the data: say what its "
        "outputs are, adapted(model, classes=…), and then .for_classes(data.classes)"
    )


def best_order(told: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
    """The class (K,) that each output should mean, so that most pictures are right; what is
    already right stays where nothing is won."""
    counts = torch.bincount(told.cpu() * classes + labels.cpu(), minlength=classes**2)
    counts = counts.view(classes, classes) * (classes + 1) + torch.eye(classes, dtype=torch.long)
    return torch.from_numpy(linear_sum_assignment(counts.numpy(), maximize=True)[1])


def best_way(teacher: Adapted, sample: Split) -> tuple[str, torch.Tensor]:
    """In which other way the teacher has most pictures right, and which, (N,) bool."""

    def right(way: Asked) -> torch.Tensor:
        return answers(way, sample.images).argmax(dim=1) == sample.labels

    tried = {name: right(way) for name, way in normalisations(teacher, sample).items()}
    best = max(tried, key=lambda name: tried[name].sum().item())
    why = f"with another normalisation, {best}; {NORMALISATION}"
    if len(sample) >= 32 and batch_norms(teacher):
        # They mend a wrong normalisation too, so they have to be far better than another one.
        by_batch = right(with_batch_statistics(teacher))
        if far_better(by_batch, tried[best]):
            return f"with the statistics of the batch; {STATISTICS}", by_batch
    return why, tried[best]


def normalisations(teacher: Adapted, sample: Split) -> dict[str, Adapted]:
    """The teacher with other common normalisations."""
    pictures = to_float(sample.images)
    own = pictures.mean(dim=(0, 2, 3)).tolist(), pictures.std(dim=(0, 2, 3)).tolist()
    common = {
        "none": ((), ()),
        "ImageNet's": IMAGENET,
        "mean 0.5 and std 0.5": ((0.5,), (0.5,)),
        "that of the data": own,
        "pictures in 0..255": ((0.0,), (1 / 255,)),
    }
    channels = teacher.preprocessing.channels or sample.images.shape[1]
    return {
        name: teacher.seeing(mean=tuple(mean), std=tuple(std))
        for name, (mean, std) in common.items()
        if len(mean) in {0, 1, channels}
    }


def with_batch_statistics(teacher: Adapted) -> Asked:
    """A copy whose batch normalisation is in training mode, all else in evaluation mode."""
    copied = copy.deepcopy(teacher).eval()
    for part in batch_norms(copied):
        part.train()
    return copied.answer


def batch_norms(model: nn.Module) -> list[nn.Module]:
    return [part for part in model.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]


def untrained_problem(told: torch.Tensor, labels: torch.Tensor, classes: tuple) -> str | None:
    """Whether a teacher knows no more than chance, class by class: at most twice the share, or a
    tenth of the way up to certainty."""
    rows = [told[labels == label] == label for label in labels.unique()]
    mean = sum(row.float().mean().item() for row in rows) / len(rows)  # balanced accuracy
    chance = 1 / len(classes)
    error = (chance * (1 - chance) / len(labels)) ** 0.5
    if mean > chance + max(error, (1 - chance) * min(0.1, chance)):
        return None
    return (
        f"that is no better than chance: {100 * mean:.1f} % right on the average of the classes, "
        f"chance is {100 * chance:.1f} %; expected a trained one. Is its head untrained? "
        "fit_head(teacher, data) fits one; else look at its weights, classes and pictures"
    )
