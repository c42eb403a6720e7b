"""A new head for a teacher that was trained on other classes: a linear probe, then, if asked for,
steps of the whole network.

The probe is logistic regression on the features that the old head saw (Alain and Bengio 2016,
arXiv 1610.01644): the features of all training pictures are computed once, its strength is chosen
on validation.
"""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from kd_helpers.data.augment import PLAIN, ViewSet, to_float
from kd_helpers.data.splits import Dataset, Split
from kd_helpers.methods.method import CrossEntropy
from kd_helpers.teachers.adapted import Adapted, adapted
from kd_helpers.teachers.teacher import output_of
from kd_helpers.teachers.weights import head_of
from kd_helpers.training.examine import AT_ONCE, answers, spread
from kd_helpers.training.loop import train
from kd_helpers.training.schedules import Schedule

STRENGTHS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)  # of the L2 penalty, on standardised features


def fit_head(
    teacher: nn.Module,
    data: Dataset,
    *,
    steps: int = 0,
    learning_rate: float = 0.01,
    augmentation: ViewSet = PLAIN,
    seed: int = 0,
) -> Adapted:
    """A copy of the teacher with a head for the classes of the data; prints how good it is.

    Args:
        teacher: an `Adapted` or any network whose logits come from a linear layer.
        steps: of fine-tuning the whole network after the probe, with batches of 64 and SGD.
        learning_rate: the highest of these steps. augmentation: what they see of the pictures.
        seed: decides the batches.

    Raises:
        ValueError: the network has no linear layer whose outputs are its logits.
    """
    given = teacher if isinstance(teacher, Adapted) else adapted(teacher)
    model = copy.deepcopy(given.model).to(data.train.images.device)
    open_teacher = Adapted(model, given.preprocessing)
    name = checked_head(open_teacher, data.train.images[:2])
    parts = [labelled(data.train), labelled(data.val)]
    features = [features_of(open_teacher, name, part.images) for part in parts]
    head, told = best_probe(features, [part.labels for part in parts], len(data.classes))
    model.set_submodule(name, head)
    fitted = Adapted(model, given.preprocessing, tuple(data.classes))
    print(f"head {name!r} fitted to {len(parts[0]):,} pictures: {told}")
    if steps:
        tune(fitted, parts[0], steps, learning_rate, augmentation, seed)
        few = spread(parts[1], 1000)
        right = (answers(fitted, few.images).argmax(dim=1) == few.labels).float().mean()
        print(f"after {steps} steps of the whole network: {100 * right:.1f} % of {len(few):,}")
    return fitted


def labelled(split: Split) -> Split:
    return split.subset(torch.where(split.labels >= 0)[0])


def checked_head(teacher: Adapted, pictures: torch.Tensor) -> str:
    """The name of the linear layer whose outputs are the logits."""
    name = head_of(teacher.model)
    if name is None:
        raise ValueError(
            f"got a {type(teacher.model).__name__} without a linear layer; expected one whose last "
            "layer is linear: replace its last layer and train it on your pictures, then "
            "adapted(model, classes=data.classes)"
        )
    with output_of(teacher.model, name) as seen:
        logits = teacher(to_float(pictures))
    # The softmax agrees too where a log-softmax or a constant follows.
    if (
        len(seen) != 1
        or seen[0].shape != logits.shape
        or not torch.allclose(seen[0].softmax(dim=1), logits.softmax(dim=1), atol=1e-4)
    ):
        raise ValueError(
            f"got a {type(teacher.model).__name__} whose last linear layer, {name!r}, does not "
            "give its logits; expected one head: replace it and train it on your pictures, then "
            "adapted(model, classes=data.classes)"
        )
    return name


def features_of(teacher: Adapted, name: str, images: torch.Tensor) -> torch.Tensor:
    """What the head sees of pictures (N, C, H, W) uint8: (N, D) float32."""
    seen: list[torch.Tensor] = []
    layer = teacher.model.get_submodule(name)
    handle = layer.register_forward_pre_hook(lambda module, given: seen.append(given[0].float()))
    try:
        for some in tqdm(images.split(AT_ONCE), "features of pictures", disable=None, leave=False):
            teacher(to_float(some))
    finally:
        handle.remove()
    return torch.cat(seen)


def best_probe(
    features: list[torch.Tensor], labels: list[torch.Tensor], classes: int
) -> tuple[nn.Linear, str]:
    """The head that is best on validation, and how good. Both lists: training, validation."""
    mean, std = features[0].mean(dim=0), features[0].std(dim=0, correction=0)
    std = torch.where(std > 1e-6, std, 1.0)
    train_features, val_features = ((part - mean) / std for part in features)
    weight, bias, found = train_features.new_zeros(classes, len(mean)), mean.new_zeros(classes), []
    for strength in STRENGTHS:  # each starts from the stronger one before
        weight, bias = probe(train_features, labels[0], strength, weight, bias)
        logits = val_features @ weight.T + bias
        loss = F.cross_entropy(logits, labels[1]).item()
        right = (logits.argmax(dim=1) == labels[1]).float().mean().item()
        found.append((loss, strength, right, weight, bias))
    _, strength, right, weight, bias = min(found, key=lambda one: one[0])
    told = f"{100 * right:.1f} % of {len(labels[1]):,} validation pictures right (L2 {strength:g})"
    return linear(weight / std, bias - (weight / std) @ mean), told


def probe(
    features: torch.Tensor,
    labels: torch.Tensor,
    strength: float,
    weight: torch.Tensor,
    bias: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logistic regression by L-BFGS on all pictures at once: weight (K, D) and bias (K,)."""
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    optimiser = torch.optim.LBFGS(
        [weight, bias], max_iter=60, tolerance_change=1e-6, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        penalty = strength / 2 * weight.square().sum()
        value = F.cross_entropy(features @ weight.T + bias, labels) + penalty
        value.backward()
        return value

    optimiser.step(loss)  # type: ignore[arg-type]
    return weight.detach(), bias.detach()


def linear(weight: torch.Tensor, bias: torch.Tensor) -> nn.Linear:
    head = nn.Linear(weight.shape[1], weight.shape[0], device=weight.device)
    head.weight.data, head.bias.data = weight, bias
    return head.requires_grad_(False)


class Open(nn.Module):
    """A teacher that learns: it answers in the mode that it is in, with a gradient."""

    def __init__(self, teacher: Adapted) -> None:
        super().__init__()
        self.teacher = teacher

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.teacher.answer(images)


def tune(
    teacher: Adapted, split: Split, steps: int, rate: float, augmentation: ViewSet, seed: int
) -> None:
    """Train the whole network in place, by the one loop, on the labels."""
    teacher.model.requires_grad_(True)
    schedule = Schedule(steps=steps, batch_size=min(64, len(split)), learning_rate=rate)
    try:
        train(
            Open(teacher),
            split,
            method=CrossEntropy(),
            schedule=schedule,
            augmentation=augmentation,
            seed=seed,
        )
    finally:
        teacher.model.requires_grad_(False)
