"""Scheme A of Apprentice: a teacher that starts untrained and learns beside its student.

Here it is the student's float32 twin: the same starting weights, images and steps, so that at the
end it is the network that the same training without a student gives. It minimises the cross-entropy
with the labels; what the student gets from it is a constant. (Whether the third term of the paper's
loss moves its teacher too could not be read.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from kd_helpers.experiments.run import input_of
from kd_helpers.methods.terms import hard_loss
from kd_helpers.runtime.device import pick_device
from kd_helpers.teachers.teacher import Batch, Teacher
from kd_helpers.teachers.team import Team
from kd_helpers.training.loop import make_student
from kd_helpers.training.schedules import Schedule, make_optimiser


class LearningBeside(Teacher):
    """Answers each batch, then takes a step on its labels."""

    changes = True

    def __init__(self, model: nn.Module, schedule: Schedule) -> None:
        self.model = model
        self.optimiser, self.scheduler = make_optimiser(model, schedule)

    def __call__(self, batch: Batch) -> torch.Tensor:
        logits = self.model.train()(batch.images)
        self.optimiser.zero_grad(set_to_none=True)
        hard_loss(logits, batch.labels).backward()
        self.optimiser.step()
        self.scheduler.step()
        return logits.detach().float()


@dataclass(frozen=True)
class Together(Team):
    """A network of the zoo that is trained along with its student, by the same schedule."""

    network: str = "cnn-2"
    fewest: ClassVar[int] = 0
    changes: ClassVar[bool] = True
    resumable: ClassVar[bool] = False  # a checkpoint holds the student alone

    @property
    def words(self) -> str:
        return f"{self.network}, trained together"

    def build(self, room) -> Teacher:
        given = input_of(room.dataset)
        model = make_student(self.network, seed=room.seed, **given)
        return LearningBeside(model.to(pick_device()), room.schedule)
