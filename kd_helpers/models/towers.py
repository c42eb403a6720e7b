"""Specialists in one structure, trained at once: towers on the same image, classes with two owners.

After the public code of Zaras, Passalis and Tefas 2021 ("unified ensembles of specialized
teachers", USTE); its paper could not be read beyond the abstract. Each tower answers for its own
classes and has a bucket for all others, which is left out when the towers' answers are put
together.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from kd_helpers.data.class_groups import check_group
from kd_helpers.models.zoo import make_model
from kd_helpers.runtime.plain import Plain, as_code

AVERAGES = ("logits", "probabilities")


@dataclass(frozen=True)
class Towers(Plain):
    """How the towers share the work; the network of each tower is the recipe's `student`."""

    groups: tuple[tuple[int, ...], ...] = ()  # the classes of each tower
    trunk: bool = False  # one first stage for all towers
    # What is averaged over the owners of a class. "probabilities" is what the public code does,
    # with a softmax after it: no class of ten can then get more than e/(e + 9) = 0.23.
    average: str = "logits"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.groups and (self.trunk or self.average != Towers.average):
            raise ValueError(f"got {as_code(self)}; expected the classes of each tower as well")
        if self.average not in AVERAGES:
            raise ValueError(f"got average={self.average!r}; expected one of {', '.join(AVERAGES)}")

    def __bool__(self) -> bool:
        return bool(self.groups)


ONE_NETWORK = Towers()


def make_network(name: str, towers: Towers, **given: int) -> nn.Module:
    """One network, or towers of it; given: num_classes, in_channels, image_size."""
    return UnifiedSpecialists(name, towers, **given) if towers else make_model(name, **given)


def by_index(classes: int, towers: int) -> tuple[tuple[int, ...], ...]:
    """Groups of neighbours in the list of classes; every class has exactly two owners.

    Args:
        classes: K, at least 4. towers: from 3 to K.
    """
    if classes < 4 or not 3 <= towers <= classes:
        raise ValueError(
            f"got {towers} towers for {classes} classes; expected at least 4 classes and 3 to "
            "as many towers as classes"
        )
    ends = [round(m * classes / towers) for m in range(towers + 1)]
    return with_two_owners([tuple(range(a, b)) for a, b in itertools.pairwise(ends)])


def with_two_owners(segments: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """Tower m gets segment m and the next one, round the circle: every class has two owners.

    Args:
        segments: at least 3 disjoint groups of classes, such as `specialists.cluster_classes`.
    """
    if len(segments) < 3:
        raise ValueError(f"got {len(segments)} segments; expected at least 3, or towers own all")
    turned = [*segments[1:], segments[0]]
    return tuple(tuple(sorted((*a, *b))) for a, b in zip(segments, turned, strict=True))


class UnifiedSpecialists(nn.Module):
    """Towers over one image; a class's score is its owners' mean: (B, C, H, W) → (B, K)."""

    share: torch.Tensor  # (towers, K) of each class

    def __init__(self, name: str, towers: Towers, *, num_classes: int, **given: int) -> None:
        """name: the network of each tower. given: in_channels, image_size.

        Raises:
            ValueError: a group is empty, has all classes or unknown ones; a class has no owner.
        """
        super().__init__()
        for group in towers.groups:
            check_group(group, num_classes)
        self.groups, self.average = towers.groups, towers.average
        self.towers = nn.ModuleList(
            make_model(name, num_classes=len(group) + 1, **given) for group in towers.groups
        )
        self.trunk = share_first_stage(self.towers) if towers.trunk else nn.Identity()
        owned = torch.zeros(len(towers.groups), num_classes)
        for row, group in zip(owned, towers.groups, strict=True):
            row[list(group)] = 1
        if lost := torch.where(owned.sum(dim=0) == 0)[0].tolist():
            raise ValueError(f"got no tower for the classes {lost}; expected an owner for each")
        # It moves to a GPU with the weights, and is not stored with them.
        self.register_buffer("share", owned / owned.sum(dim=0), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores = torch.zeros((), device=images.device)
        told = zip(self.tower_outputs(images), self.groups, self.share, strict=True)
        for outputs, group, share in told:
            own = (outputs if self.average == "logits" else outputs.softmax(dim=1))[:, :-1]
            places = torch.tensor(group, device=share.device)
            padded = own.new_zeros(own.shape[0], len(share)).index_copy(1, places, own)
            scores = scores + padded * share
        return scores

    def tower_outputs(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Logits of every tower, (B, |group| + 1), the bucket last."""
        features = self.trunk(images)
        return [tower(features) for tower in self.towers]


class TowersApart(nn.Module):
    """The scores that each tower gives its own classes, side by side: (B, C, H, W) → (B, Σ|group|).

    Without the buckets: where scores are averaged as logits, no gradient ever reaches a bucket.
    """

    def __init__(self, model: UnifiedSpecialists) -> None:
        super().__init__()
        self.model = model
        self.outputs = sum(len(group) for group in model.groups)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.cat([z[:, :-1] for z in self.model.tower_outputs(images)], dim=1)


def share_first_stage(towers: nn.ModuleList) -> nn.Module:
    """Cut the layers before the first halving off all towers; those of the first, for all."""
    bodies: list[Any] = [tower.body for tower in towers]
    cut = first_stage(bodies[0])
    for i, body in enumerate(bodies):
        towers[i] = body[cut:]
    return bodies[0][:cut]


def first_stage(body: nn.Sequential) -> int:
    """How many layers work at the full size of the image, a first pooling and its ReLU included."""
    for i, layer in enumerate(body):
        if isinstance(layer, nn.MaxPool2d):
            return i + 2
        if any(isinstance(m, nn.Conv2d) and max(m.stride) > 1 for m in layer.modules()):
            return i
    raise ValueError(
        "got a network that never halves the image; expected one that does, for a trunk"
    )
