"""Mistakes of published code in how a teacher is asked, to be switched on in the real loop.

For notebook 08 only; where each was found is in `museum`. Each of these is made anew for each run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from kd_helpers.runtime.device import autocast, pick_precision
from kd_helpers.teachers.teacher import Batch, Members, NetworkTeacher, Teacher
from kd_helpers.teachers.team import Team
from kd_helpers.training.schedules import Schedule, make_optimiser

# Fashion-MNIST's classes from "Ankle boot" to "Trouser"; four of the ten stay where they were.
BY_NAME = (9, 8, 4, 3, 2, 5, 6, 7, 0, 1)


class TrainModeTeacher(Teacher):
    """A teacher in training mode: its batch normalisation takes the statistics of the batch, so
    that the answer to an image depends on who else is in it, and its own statistics drift."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    @torch.no_grad()
    def __call__(self, batch: Batch) -> torch.Tensor:
        self.model.train()
        return self.model(batch.images).float()


class LearningTeacher(Teacher):
    """A teacher whose answer keeps its gradient and whose weights the optimiser knows.

    It takes a step with what the last loss left in its gradients, then answers: the same as one
    optimiser for both networks.
    """

    def __init__(self, model: nn.Module, schedule: Schedule) -> None:
        self.model = model.requires_grad_(True)
        self.optimiser, self.scheduler = make_optimiser(model, schedule)

    def __call__(self, batch: Batch) -> torch.Tensor:
        if any(weight.grad is not None for weight in self.model.parameters()):
            self.optimiser.step()
            self.scheduler.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.model.eval()
        with (
            torch.enable_grad(),
            autocast(batch.images.device, pick_precision(batch.images.device)[0]),
        ):
            return self.model(batch.images).float()


class Reshuffled(Members):
    """Answers that were listed in one shuffled pass, read by place while the pictures are shuffled
    anew: each picture gets the answer to another one."""

    def __init__(self, teacher: Teacher, rows: torch.Tensor, seed: int) -> None:
        """rows: (M,) the rows that the student sees."""
        shuffled = torch.randperm(
            len(rows), generator=torch.Generator().manual_seed(2_000_003 + seed)
        )
        self.members, self.listed = [teacher], rows[shuffled.to(rows.device)]

    def __call__(self, batch: Batch) -> torch.Tensor:
        size = len(batch.index)
        places = (batch.step * size + torch.arange(size, device=self.listed.device)) % len(
            self.listed
        )
        return self.members[0](batch._replace(index=self.listed[places], prepared=False))


class OtherView(Members):
    """Answers to the plain pictures, while the student sees them shifted and mirrored."""

    def __init__(self, teacher: Teacher) -> None:
        self.members = [teacher]

    def __call__(self, batch: Batch) -> torch.Tensor:
        return self.members[0](batch._replace(view=torch.zeros_like(batch.view), prepared=False))


class MeansAsLogits(Members):
    """The members' probabilities at T = 1, averaged, then handed on as if they were logits: all lie
    between 0 and 1, so that softening them once more leaves nearly the same for every class."""

    def __init__(self, members: Sequence[Teacher]) -> None:
        self.members = members

    def __call__(self, batch: Batch) -> torch.Tensor:
        return torch.stack([member(batch).softmax(dim=1) for member in self.members]).mean(dim=0)


class InOrder(Members):
    """The columns of a teacher's answers in another order."""

    def __init__(self, teacher: Teacher, order: Sequence[int]) -> None:
        self.members, self.order = [teacher], list(order)

    def __call__(self, batch: Batch) -> torch.Tensor:
        return self.members[0](batch)[:, self.order]


@dataclass(frozen=True)
class Faulty(Team):
    """One teacher, asked in a wrong way."""

    resumable: ClassVar[bool] = False

    @property
    def words(self) -> str:
        return f"fault: {type(self).__name__}"


class TrainMode(Faulty):
    def build(self, room):
        return TrainModeTeacher(room.network(self.members[0]))


class LearningToo(Faulty):
    def build(self, room):
        return LearningTeacher(room.network(self.members[0]), room.schedule)


class ReshuffledAnswers(Faulty):
    def build(self, room):
        return Reshuffled(room.cached(self.members[0]), room.rows, room.seed)


class PlainView(Faulty):
    def build(self, room):
        return OtherView(room.cached(self.members[0]))


class ProbabilitiesAsLogits(Faulty):
    def build(self, room):
        return MeansAsLogits([room.cached(member) for member in self.members])


class UntrainedHead(Faulty):
    """The last layer did not fit and was made anew."""

    def build(self, room):
        network = room.network(self.members[0])
        *_, head = (layer for layer in network.modules() if isinstance(layer, nn.Linear))
        with torch.random.fork_rng():
            torch.manual_seed(room.seed)
            head.reset_parameters()
        return room.remembered(NetworkTeacher(network))


class AlphabeticalClasses(Faulty):
    def build(self, room):
        return InOrder(room.cached(self.members[0]), BY_NAME)


TEACHER_FAULTS: dict[str, type[Faulty]] = {
    "train mode": TrainMode,
    "learning teacher": LearningToo,
    "reshuffled": ReshuffledAnswers,
    "other view": PlainView,
    "untrained head": UntrainedHead,
    "classes by name": AlphabeticalClasses,
    "means as logits": ProbabilitiesAsLogits,
}
