"""Mistakes of published code in how a teacher is asked, to be switched on in the real loop.

For notebook 08 only; where each was found is in `museum`. Each of these is made anew for each run.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from kd_helpers.data.splits import Split
from kd_helpers.experiments.metrics import accuracy
from kd_helpers.runtime.device import autocast, pick_precision
from kd_helpers.teachers.cached import Batch, Teacher
from kd_helpers.training.loop import History, predict
from kd_helpers.training.schedules import Schedule, make_optimiser


class Spoiled:
    """What the loop asks of a teacher at its end."""

    asked: Sequence[Teacher] = ()  # teachers with a memory of their own

    def save(self) -> None:
        for teacher in self.asked:
            if hasattr(teacher, "save"):
                teacher.save()


class TrainModeTeacher(Spoiled):
    """A teacher in training mode: its batch normalisation takes the statistics of the batch, so
    that the answer to an image depends on who else is in it, and its own statistics drift."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    @torch.no_grad()
    def __call__(self, batch: Batch) -> torch.Tensor:
        self.model.train()
        return self.model(batch.images).float()


class LearningTeacher(Spoiled):
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


class Reshuffled(Spoiled):
    """Answers that were listed in one shuffled pass, read by place while the pictures are shuffled
    anew: each picture gets the answer to another one."""

    def __init__(self, teacher: Teacher, rows: torch.Tensor, seed: int) -> None:
        """rows: (M,) the rows that the student sees."""
        shuffled = torch.randperm(
            len(rows), generator=torch.Generator().manual_seed(2_000_003 + seed)
        )
        self.asked, self.listed = [teacher], rows[shuffled.to(rows.device)]

    def __call__(self, batch: Batch) -> torch.Tensor:
        size = len(batch.index)
        places = (batch.step * size + torch.arange(size, device=self.listed.device)) % len(
            self.listed
        )
        return self.asked[0](batch._replace(index=self.listed[places], prepared=False))


class OtherView(Spoiled):
    """Answers to the plain pictures, while the student sees them shifted and mirrored."""

    def __init__(self, teacher: Teacher) -> None:
        self.asked = [teacher]

    def __call__(self, batch: Batch) -> torch.Tensor:
        return self.asked[0](batch._replace(view=torch.zeros_like(batch.view), prepared=False))


class MeansAsLogits(Spoiled):
    """The members' probabilities at T = 1, averaged, then handed on as if they were logits: all lie
    between 0 and 1, so that softening them once more leaves nearly the same for every class."""

    def __init__(self, members: Sequence[Teacher]) -> None:
        self.asked = members

    def __call__(self, batch: Batch) -> torch.Tensor:
        return torch.stack([member(batch).softmax(dim=1) for member in self.asked]).mean(dim=0)


class BestStep:
    """Looks at the test images at every report, and at the end hands in the best of these
    students."""

    def __init__(self, student: nn.Module, test: Split) -> None:
        self.student, self.test = student, test
        self.best, self.weights = -1.0, None

    def __call__(self, history: History) -> None:
        found = accuracy(predict(self.student, self.test.images), self.test.labels)
        if found > self.best:
            self.best, self.weights = found, copy.deepcopy(self.student.state_dict())

    def hand_in(self) -> None:
        self.student.load_state_dict(self.weights)


def spoil(
    teacher: Teacher,
    model: nn.Module | None,
    fault: str,
    *,
    rows: torch.Tensor,
    schedule: Schedule,
    seed: int,
) -> Teacher:
    """The teacher with a fault.

    Args:
        teacher: the right one, with its memory; of several members for "means as logits".
        model: a network of its own, in the teacher's weights; None for a team. fault: one of
            `faults.FAULTS`; those of the loss leave the teacher as it is.
    """
    if fault == "train mode":
        return TrainModeTeacher(model)
    if fault == "learning teacher":
        return LearningTeacher(model, schedule)
    if fault == "reshuffled":
        return Reshuffled(teacher, rows, seed)
    if fault == "other view":
        return OtherView(teacher)
    if fault == "means as logits":
        return MeansAsLogits(teacher.members)
    return teacher
