"""Features for methods that need more than logits: a look into both networks."""

from __future__ import annotations

import torch
from torch import nn

from kd_helpers.data.augment import to_float
from kd_helpers.data.splits import Split
from kd_helpers.methods.method import Method
from kd_helpers.teachers.teacher import Batch, Teacher, output_of


class WithFeatures(nn.Module):
    """A student that also answers with a layer's output, brought to the size of the teacher's."""

    def __init__(self, student: nn.Module, layer: str, regressor: nn.Module) -> None:
        super().__init__()
        self.student, self.layer, self.regressor = student, layer, regressor

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with output_of(self.student, self.layer) as seen:
            logits = self.student(images)
        return logits, self.regressor(seen[0])


def with_features(
    student: nn.Module, method: Method, teacher: Teacher | None, split: Split, seed: int
) -> WithFeatures:
    """The student and the method's regressor, whose starting weights depend on the seed alone.

    Raises:
        ValueError: there is no teacher, it has no such layer, or it is no single network.
    """
    if teacher is None:
        raise ValueError(f"got {type(method).__name__} and no teacher; give one network")
    mine, its = method.needs_features
    index = torch.arange(2, device=split.images.device)
    images = to_float(split.images[:2])  # plain ones
    batch = Batch(images, split.labels[:2], index, torch.zeros_like(index))
    with torch.no_grad(), output_of(student.eval(), mine) as seen:
        student(batch.images)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        regressor = method.regressor(seen[0], teacher.features(batch, its))
    return WithFeatures(student, mine, regressor.to(split.images.device))
