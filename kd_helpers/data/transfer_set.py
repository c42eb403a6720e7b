"""The transfer set: which pictures a student sees, and which of them with a label."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from kd_helpers.data.datasets import Dataset, Split
from kd_helpers.data.splits import UNLABELLED
from kd_helpers.runtime.plain import Plain, check_share, check_whole

SOURCES = ("train", "digits", "noise")
NOISES = ("symmetric", "pair")


@dataclass(frozen=True)
class TransferSet(Plain):
    """What a student is shown (Hinton et al. 2015, section 1: it may be unlabelled, or partial)."""

    images: int | None = None  # how many, drawn at random with the run's seed; None: all
    labelled: int | None = None  # how many of these show their label; None: all
    hidden_classes: tuple[int, ...] = ()  # classes without a single image in the set
    source: str = "train"  # "train", or mismatched and without labels: "digits", "noise"
    label_noise: float = 0.0  # share of the images whose label is replaced by a wrong one
    noise: str = "symmetric"  # any other class, all equally likely; or "pair": the next class

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share("label_noise", self.label_noise)
        check_whole("images", self.images, 1)
        check_whole("labelled", self.labelled, 0)
        if self.noise not in NOISES:
            raise ValueError(f"unknown noise {self.noise!r}; known: {', '.join(NOISES)}")
        if self.source not in SOURCES:
            raise ValueError(f"unknown source {self.source!r}; known: {', '.join(SOURCES)}")
        if self.label_noise and self.source != "train":
            raise ValueError(f"got label_noise and {self.source}: these pictures have no labels")
        if self.label_noise and self.hidden_classes:
            raise ValueError(
                "got label_noise and hidden classes, which it would bring back as labels"
            )
        if self.hidden_classes and self.source != "train":
            raise ValueError(f"got hidden classes and {self.source}: these pictures have none")
        if self.noise != TransferSet.noise and not self.label_noise:
            raise ValueError(f"got noise={self.noise!r} and label_noise=0: there is none of it")
        if self.labelled is not None and self.labelled > (self.images or self.labelled):
            raise ValueError(
                f"got {self.labelled} labelled of {self.images} images; expected from 0 to the "
                "number of images, or None for all"
            )
        # One way to say one thing: all labels are shown; pictures of other things have none.
        if self.labelled is not None and self.labelled == self.images and self.source == "train":
            object.__setattr__(self, "labelled", None)
        if self.source != "train":
            object.__setattr__(self, "labelled", 0)


def load_source(dataset: Dataset, source: str) -> Split:
    """All pictures that a transfer set can be drawn from, in the shape of the data set's images.

    "digits" are the 1,797 handwritten digits that come with scikit-learn (8×8, enlarged); "noise"
    is 12,000 pictures of independent uniform pixels. Neither has a label that the teacher knows.
    """
    if source == "train":
        return dataset.train
    device, shape = dataset.train.images.device, dataset.train.images.shape[1:]
    pictures = digit_images(shape) if source == "digits" else noise_images(shape)
    labels = torch.full((len(pictures),), UNLABELLED)
    return Split(pictures.to(device), labels.to(device))


def digit_images(shape: torch.Size) -> torch.Tensor:
    from sklearn.datasets import load_digits

    digits = torch.from_numpy(load_digits().images).float().unsqueeze(1) * (255 / 16)  # 0..255
    large = F.interpolate(digits, size=tuple(shape[1:]), mode="bilinear", align_corners=False)
    return large.round().to(torch.uint8).expand(-1, shape[0], -1, -1).contiguous()


def noise_images(shape: torch.Size, count: int = 12_000) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, *shape), dtype=torch.uint8, generator=generator)


def select(source: Split, transfer: TransferSet, seed: int) -> tuple[Split, torch.Tensor]:
    """The rows of `source` that a student sees, and `source` with the other labels hidden.

    Returns:
        (split, rows): the whole split, so that a row number means the same picture in every run;
        labels that the student may not see are UNLABELLED. rows: (M,) int64, the labelled first.
    """
    order = torch.randperm(len(source), generator=torch.Generator().manual_seed(seed))
    order = order.to(source.labels.device)
    if transfer.hidden_classes:
        hidden = torch.tensor(transfer.hidden_classes, device=order.device)
        order = order[~torch.isin(source.labels[order], hidden)]
    if (transfer.images or 1) > len(order):
        raise ValueError(
            f"got images={transfer.images} of {len(order)} in the source {transfer.source!r}"
            f"{' without the hidden classes' if transfer.hidden_classes else ''}; expected at most "
            "these, or None for all"
        )
    rows = order[: transfer.images]
    labels = torch.full_like(source.labels, UNLABELLED)
    shown = rows[: transfer.labelled]
    labels[shown] = noisy_labels(source.labels, transfer, seed)[shown]
    return Split(source.images, labels), rows


def noisy_labels(labels: torch.Tensor, transfer: TransferSet, seed: int) -> torch.Tensor:
    """Labels (N,) of which each is wrong with probability `transfer.label_noise`.

    Drawn for every image of the source, so that a smaller transfer set has the same wrong labels.
    """
    if not transfer.label_noise:
        return labels
    classes = int(labels.max()) + 1
    # Not the seed of the choice of images: from one stream, the two choices would be related.
    generator = torch.Generator().manual_seed(1_000_003 + seed)
    wrong = torch.rand(len(labels), generator=generator) < transfer.label_noise
    steps = torch.randint(1, classes, (len(labels),), generator=generator)
    if transfer.noise == "pair":
        steps = torch.ones_like(steps)
    return torch.where(
        wrong.to(labels.device), (labels + steps.to(labels.device)) % classes, labels
    )
