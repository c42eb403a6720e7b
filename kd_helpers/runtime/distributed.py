"""One training on several GPUs or machines, started by PyTorch's `torchrun`.

With one process every function here does nothing, so the loop is the same. With several, each
process answers its share of every batch, and the logits of all shares are gathered before the loss,
so that any loss is that of the whole batch. On GPUs batch normalisation takes the whole batch's
statistics, by PyTorch's `SyncBatchNorm`, and the result is that of one process up to rounding. On
processors that does not work: there each process normalises its own share, and a network with
batch normalisation becomes another one than with one process, as if its batches were smaller.
(There, rounding in batch normalisation is coarse anyway: see `models.zoo.Classifier`.)
"""

from __future__ import annotations

import datetime
import os

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

PATIENCE = datetime.timedelta(hours=12)  # others wait while one of them holds a lock or stores


def start() -> None:
    """Join the other processes if torchrun started this one."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)


def stop() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def size() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def is_main() -> bool:
    """Whether this process is the one that writes files and prints."""
    return rank() == 0


def wait_for_all() -> None:
    if size() > 1:
        dist.barrier()


def share(whole: torch.Tensor) -> torch.Tensor:
    """This process's equal part of batches (…, B), in the order of the ranks.

    Raises:
        ValueError: the batch cannot be divided equally.
    """
    if whole.shape[-1] % size():
        raise ValueError(
            f"got a batch of {whole.shape[-1]} images for {size()} processes; expected a multiple: "
            "choose another batch_size or number of processes"
        )
    return whole.chunk(size(), dim=-1)[rank()]


def gather(part: torch.Tensor) -> torch.Tensor:
    """The parts (B / size, …) of all processes as one batch (B, …), with gradient where it has one.

    Every process then computes the same loss. Going back, its gradient arrives from all of them,
    `size` times too large in sum; DistributedDataParallel's mean over the processes undoes just
    that.
    """
    return part if size() == 1 else Gather.apply(part)


class Gather(torch.autograd.Function):
    """(B / size, …) on every process → (B, …); back, the sum of all processes' gradients."""

    @staticmethod
    def forward(ctx, part: torch.Tensor) -> torch.Tensor:
        parts = [torch.empty_like(part) for _ in range(size())]
        dist.all_gather(parts, part.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total.chunk(size())[rank()]


def wrap(student: nn.Module) -> nn.Module:
    """The network to call in a training step; the weights stay those of `student`."""
    if size() == 1:
        return student
    if next(student.parameters()).is_cuda:
        student = nn.SyncBatchNorm.convert_sync_batchnorm(student)  # in place, but for the root
    return DistributedDataParallel(student)
