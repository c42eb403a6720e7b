"""Steps recorded as a CUDA graph: a small network waits for launches, not for arithmetic.

A GPU does the work of a step of a small network in a tenth of a millisecond; to ask for its hundred
pieces one by one takes Python ten times as long. Recorded once, a step is asked for as a whole. It
is the same arithmetic on the same memory; what Python does meanwhile is not done again. So a step
is recorded only where nothing in it changes but the pictures: no random numbers, no dynamic
temperature, a teacher that answers from memory. Whether it pays is measured.

After PyTorch's notes on CUDA graphs (https://docs.pytorch.org/docs/stable/notes/cuda.html).
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import repeat
from typing import Any

import numpy as np
import torch

from kd_helpers.methods.method import Method, Terms
from kd_helpers.runtime import distributed
from kd_helpers.teachers.teacher import Teacher
from kd_helpers.training.batches import Draw

WARM_UP = 3  # plain steps on a stream of their own, as PyTorch's notes ask for
TIMED = 20  # steps of each kind, to see which is faster
WORTHWHILE = 1.1  # times the speed of plain steps
Kind = Callable[[Draw], Terms]


def why_not(device: torch.device, teacher: Teacher | None, method: Method) -> str:
    """Why the steps of a training are not to be recorded, in words; "" where they can be."""
    reasons = {
        "recorded ones are for a GPU": device.type != "cuda",
        "KD_RECORDED=0 asks for it": os.environ.get("KD_RECORDED") == "0",
        "several processes train together": distributed.size() > 1,
        "the method may do more than arithmetic on logits": not method.recordable,
        "the teacher's answers are not all in memory": bool(teacher and not teacher.recordable),
    }
    return next((words for words, holds in reasons.items() if holds), "")


class Recorder:
    """Takes the steps of one training, whose method says the same in all of them.

    Some plain steps are timed, then as many recorded ones, and the faster kind goes on; all of them
    train. `how` says in words which kind it is, and why.
    """

    def __init__(
        self,
        step: Callable[..., Terms],
        seeded: Callable[[int], AbstractContextManager],
        optimiser: torch.optim.Optimizer,
        reason: str,
    ) -> None:
        """step: takes one. seeded: inside, random numbers depend on the number of the step alone.
        reason: why none is to be recorded, or ""."""
        self.step, self.seeded, self.optimiser = step, seeded, optimiser
        self.how = f"plain: {reason}" if reason else ""
        self.random = False  # whether a step has drawn random numbers
        self.kinds = self.choose()

    def __call__(self, draw: Draw) -> Terms:
        self.draw = draw
        return next(self.kinds)(draw)

    def plain(self, draw: Draw, *given: Any) -> Terms:
        with self.seeded(draw.step):
            return self.step(draw, *given)

    def choose(self) -> Iterator[Kind]:
        """Which kind takes the next step, for ever."""
        if self.how:
            yield from repeat(self.plain)
        self.stream = stream_beside()
        yield from repeat(self.watched, WARM_UP)
        if self.random:
            self.how = "plain: they draw random numbers"
            yield from repeat(self.plain)
        start = clock()
        yield from repeat(self.plain, TIMED)
        plain = clock() - start
        try:
            replay = self.record()
        except RuntimeError as problem:
            self.how = f"plain: to record them failed ({str(problem).splitlines()[0]})"
            yield from repeat(self.plain)
        start = clock()
        yield from repeat(replay, TIMED)
        gain = plain / (clock() - start)
        kind = "recorded" if gain > WORTHWHILE else "plain"
        self.how = f"{kind}: recorded ones have {gain:.1f} times the speed of plain ones"
        yield from repeat(replay if gain > WORTHWHILE else self.plain)

    def watched(self, draw: Draw) -> Terms:
        """A plain step on a stream of its own; sees whether it draws random numbers."""
        with self.seeded(draw.step), on(self.stream):
            before = random_states()
            terms = self.step(draw)
            self.random |= random_states() != before
        return terms

    def record(self) -> Kind:
        """A step as one graph, whose pictures stand in the same memory each time."""
        index, view = self.draw.index.clone(), self.draw.view.clone()
        for group in self.optimiser.param_groups:  # a number would be recorded as it is now
            group["lr"] = torch.tensor(float(group["lr"]), device=index.device)
            group |= {"capturable": True} if "capturable" in group else {}
        graph = new_graph()
        self.optimiser.zero_grad(set_to_none=True)
        with capture(graph, self.stream):
            terms = self.step(Draw(index, view))

        def replay(draw: Draw) -> Terms:
            index.copy_(draw.index)
            view.copy_(draw.view)
            graph.replay()
            return terms

        return replay


def stream_beside() -> Any:
    return torch.cuda.Stream()


@contextmanager
def on(stream: Any) -> Iterator[None]:
    """Inside, work goes to another stream, after what was asked before; it is waited for."""
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        yield
    torch.cuda.current_stream().wait_stream(stream)


def new_graph() -> Any:
    return torch.cuda.CUDAGraph()


def capture(graph: Any, stream: Any) -> Any:
    return torch.cuda.graph(graph, stream=stream)


def clock() -> float:
    """Seconds, when all that was asked for is done."""
    torch.cuda.synchronize()
    return time.perf_counter()


def random_states() -> tuple:
    """Of all that a step could draw random numbers from."""
    states = [torch.get_rng_state(), torch.cuda.get_rng_state()]
    numpys = np.random.get_state(legacy=False)["state"]  # noqa: NPY002
    theirs = numpys["key"].tobytes(), numpys["pos"], random.getstate()
    return (*(bytes(s.numpy()) for s in states), *theirs)
