"""Small networks wait for launches, not for arithmetic: steps recorded as CUDA graphs or compiled,
and several students of one teacher at once.

The loop of the package records its steps, too, where that is faster (`training.recorded`); here
both kinds take the same steps, and their losses are compared.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext

import torch
from gpu_speed import CLASSES, INPUT, SOFT, Note, Size, attempted, random_split, slow
from torch import nn

from kd_helpers.data.augment import PLAIN, make_views, to_float
from kd_helpers.data.splits import Split
from kd_helpers.runtime.device import pick_device, synchronise
from kd_helpers.teachers import Batch, CachedTeacher
from kd_helpers.teachers.teacher import Teacher
from kd_helpers.training.loop import make_student, train_step
from kd_helpers.training.schedules import make_optimiser

SMALL = ("cnn-2", "resnet-20")  # compiled, and several at once
WORTHWHILE = 1.1  # times the plain speed
SAME = 0.02  # of the loss, after so many steps:
PROBE = 10


class Steps:
    """A student and its next step; which images that sees stands in `index`, always the same
    memory, as a recording needs it."""

    def __init__(self, name: str, split: Split, answers: torch.Tensor, size: int, seed: int = 0):
        """answers: the teacher's (N, K). size: of the batches."""
        self.split, device = split, split.images.device
        self.student = make_student(name, seed=seed, **INPUT).to(device)
        self.network: nn.Module = self.student.train()
        self.cache = CachedTeacher(Teacher(), split.images, num_classes=CLASSES)
        self.cache.remember_plain(answers)
        self.optimiser, _ = make_optimiser(self.student, slow(1, size))
        self.start = copy.deepcopy(self.student.state_dict())
        self.index = torch.zeros(size, dtype=torch.long, device=device)
        self.loss = torch.zeros((), device=device)

    def batch(self) -> Batch:
        """The images `index`, unchanged, whose answers are known."""
        view = torch.zeros_like(self.index)
        images = to_float(make_views(self.split.images[self.index], view, PLAIN))
        return Batch(images, self.split.labels[self.index], self.index, view, prepared=True)

    def step(self) -> None:
        """The loop's own step."""
        terms = train_step(self.network, self.batch(), self.cache, SOFT, self.optimiser)
        self.loss = terms["loss"]

    def begin_again(self) -> None:
        """Weights and momentum of the start, in the memory where they are."""
        self.student.load_state_dict(self.start)
        for state in self.optimiser.state.values():
            state["momentum_buffer"].zero_()


def recorded(step: Callable[[], None]) -> Callable[[], None]:
    """The step as one CUDA graph, after three steps on a side stream, as PyTorch's documentation
    asks; the step itself where there is no GPU."""
    if pick_device().type != "cuda":
        return step
    stream = torch.cuda.Stream()  # of its own: what runs beside it has other workspaces
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        step()
    return graph.replay


def run(steps: Steps, step: Callable[[], None], order: Iterable[torch.Tensor]) -> torch.Tensor:
    """The losses of steps from the start on, (M,)."""
    steps.begin_again()
    losses = []
    for index in order:
        steps.index.copy_(index)
        step()
        losses.append(steps.loss.clone())
    return torch.stack(losses)


def seconds_of(work: Callable[[], object], repeats: int = 2) -> float:
    """The shortest of some times, after a first one that is not counted."""
    times = []
    for _ in range(1 + repeats):
        synchronise(pick_device())
        start = time.perf_counter()
        work()
        synchronise(pick_device())
        times.append(time.perf_counter() - start)
    return min(times[1:])


def graphs(size: Size, note: Note, seconds: float) -> None:
    """Part c: small networks both ways, then the others recorded."""
    for name in SMALL:
        for way in ("recorded", "compiled") if pick_device().type == "cuda" else ("recorded",):
            compare_ways(name, size.batch_size, size, note, way)
    for name in (name for name in size.pairs if name not in SMALL):
        compare_ways(name, size.batch_size, size, note, "recorded")


def compare_ways(name: str, batch_size: int, size: Size, note: Note, way: str) -> None:
    found = attempted(against_plain, name, batch_size, size, WAYS[way])
    note(f"{name}, batch {batch_size}, {way}", found)


def recorded_way(steps: Steps) -> Callable[[], None]:
    return recorded(steps.step)


def compiled_way(steps: Steps) -> Callable[[], None]:
    steps.network = torch.compile(steps.student, mode="reduce-overhead")

    def step() -> None:
        torch.compiler.cudagraph_mark_step_begin()
        steps.step()

    return step


WAYS = {"recorded": recorded_way, "compiled": compiled_way}


def against_plain(
    name: str, batch_size: int, size: Size, way: Callable[[Steps], Callable[[], None]]
) -> dict:
    """Another way to take the step: its speed, its losses, and which one is to be chosen."""
    split, order = pictures_and_order(size.steps, batch_size)
    answers = torch.randn(len(split), CLASSES)
    plain, other = (Steps(name, split, answers, batch_size) for _ in range(2))
    step = way(other)
    probe = order[:PROBE]
    expected, again = (run(plain, plain.step, probe) for _ in range(2))
    difference, noise = (
        (losses / expected - 1).abs().max().item() for losses in (run(other, step, probe), again)
    )
    taken = seconds_of(lambda: run(plain, plain.step, order))
    shorter = seconds_of(lambda: run(other, step, order))
    return {
        "images/s": len(split) / shorter,
        "images/s, plain": len(split) / taken,
        "ratio": taken / shorter,
        "difference of the losses": difference,
        "of two plain trainings": noise,
        "choice": choice(taken / shorter, difference),
    }


def choice(gain: float, difference: float) -> str:
    """Which of the two steps a training should take, and why."""
    if not difference <= SAME:
        return f"plain: the other step's losses differ by {difference:.1%}"
    if gain < WORTHWHILE:
        return f"plain: the other step has {gain:.2f} times its speed"
    return f"other: {gain:.2f} times the speed, and losses that differ by {difference:.2%} at most"


def pictures_and_order(steps: int, batch_size: int) -> tuple[Split, torch.Tensor]:
    """Random pictures, and which of them each step sees: (steps, batch_size)."""
    split = random_split(steps * batch_size)
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))
    return split, order.to(split.labels.device).view(steps, batch_size)


def students_at_once(size: Size, note: Note, seconds: float) -> None:
    """Part d: images a second of all students together."""
    for name in SMALL:
        for count in size.students:
            found = attempted(together, name, count, size)
            note(f"{name}, batch {size.batch_size}, students: {count}", found)


def together(name: str, count: int, size: Size) -> dict:
    """Students of one teacher, each with weights of its own, on the same images."""
    split, order = pictures_and_order(size.steps, size.batch_size)
    answers = torch.randn(len(split), CLASSES)
    students = [Steps(name, split, answers, size.batch_size, seed) for seed in range(count)]
    one, *_ = students
    seconds = {"one after the other": count * seconds_of(lambda: run(one, one.step, order))}
    replays = [recorded(one.step) for one in students]
    seconds["recorded, a stream each"] = seconds_of(lambda: side_by_side(students, replays, order))
    return {f"{way}, images/s": count * len(split) / s for way, s in seconds.items()}


def side_by_side(
    students: Sequence[Steps], replays: Sequence[Callable[[], None]], order: torch.Tensor
) -> None:
    """A step of every student, each on a stream of its own, then the next."""
    streams = [torch.cuda.Stream() if order.is_cuda else None for _ in students]
    for index in order:
        for one, replay, stream in zip(students, replays, streams, strict=True):
            with torch.cuda.stream(stream) if stream else nullcontext():
                one.index.copy_(index)
                replay()
