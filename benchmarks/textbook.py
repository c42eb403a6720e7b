"""The loop of the textbooks: one data loader, one teacher asked at every step, float32, nothing
kept.

The two networks and the settings are those of PyTorch's knowledge distillation tutorial; the images
are Fashion-MNIST's, padded to 32×32 and repeated to three channels, as PIL pictures.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from kd_helpers import load_dataset
from kd_helpers.data.datasets import Split

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # as in the tutorial


def deep_network() -> nn.Sequential:
    """The tutorial's teacher, DeepNN."""
    return nn.Sequential(
        nn.Conv2d(3, 128, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(128, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(64, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2048, 512),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Linear(512, 10),
    )


def light_network() -> nn.Sequential:
    """The tutorial's student, LightNN."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1024, 256),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Linear(256, 10),
    )


class Normalise(nn.Module):
    """The tutorial's Normalize as a layer, for a loop that works on images of 0 to 1."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        mean, std = (images.new_tensor(v)[:, None, None] for v in (MEAN, STD))
        return (images - mean) / std


def colour_images(count: int) -> tuple[Split, Split]:
    """`count` training images and 2,000 validation images, (N, 3, 32, 32) uint8."""
    data = load_dataset("fashion-mnist")
    return tuple(
        Split(F.pad(s.images[:n], (2, 2, 2, 2)).expand(-1, 3, -1, -1).contiguous(), s.labels[:n])
        for s, n in ((data.train, count), (data.val, 2000))
    )


class Pictures(Dataset):
    """PIL pictures and their transforms, one at a time."""

    def __init__(self, split: Split, augment: bool) -> None:
        self.pictures = [
            Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0))) for image in split.images
        ]
        self.labels = split.labels.tolist()
        shaking = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()]
        self.transform = transforms.Compose(
            [*(shaking if augment else []), transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.pictures[index]), self.labels[index]


def train_by_the_book(
    student: nn.Module,
    teacher: nn.Module | None,
    split: Split,
    optimiser: torch.optim.Optimizer,
    *,
    epochs: int,
    batch_size: int,
    temperature: float = 1.0,
    kd_weight: float = 0.0,
    augment: bool = False,
    workers: int = 2,
) -> list[float]:
    """Distil as tutorials do, or without a teacher train on the labels; returns the seconds of each
    epoch. The split lies on the processor, the networks on the device to train on."""
    device = next(student.parameters()).device
    loader = DataLoader(Pictures(split, augment), batch_size, shuffle=True, num_workers=workers)
    if teacher:
        teacher.eval()
    seconds = []
    for _ in range(epochs):
        start, running_loss = time.perf_counter(), 0.0
        student.train()
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            optimiser.zero_grad()
            student_logits = student(images)
            loss = (1 - kd_weight) * F.cross_entropy(student_logits, labels)
            if teacher:
                with torch.no_grad():
                    teacher_logits = teacher(images)
                soft_targets = F.softmax(teacher_logits / temperature, dim=-1)
                soft_answers = F.log_softmax(student_logits / temperature, dim=-1)
                kd = torch.sum(soft_targets * (soft_targets.log() - soft_answers)) / len(labels)
                loss = loss + kd_weight * temperature**2 * kd
            loss.backward()
            optimiser.step()
            running_loss += loss.item()
        seconds.append(time.perf_counter() - start)
    return seconds
