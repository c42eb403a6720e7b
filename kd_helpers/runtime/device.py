"""Which device and which number format to use, and why."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import platform
import time
from pathlib import Path

import torch

from kd_helpers.runtime.files import write_atomically
from kd_helpers.runtime.folders import out_dir

PROCESSOR = torch.device("cpu")
WORTHWHILE_GAIN = 1.3  # bfloat16 has to be this much faster to be worth its rounding


def pick_device(name: str | None = None) -> torch.device:
    """The GPU if PyTorch sees one, else the processor; `name` ("cpu", "cuda") overrides.

    Raises:
        ValueError: CUDA was asked for and there is none.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' was asked for, but PyTorch sees no GPU; use 'cpu'")
    return device


def pick_precision(device: torch.device) -> tuple[torch.dtype, str]:
    """The number format for the matrix products of a training step, and the reason in words.

    On a processor bfloat16 is *timed*, because having the instructions says little: some processors
    run them at half the speed of float32, some at twice. The time is taken once for a processor and
    a version of PyTorch and kept in `out/`, so that all processes agree. The environment variable
    KD_PRECISION ("float32" or "bfloat16") overrides the choice.
    """
    return _pick_precision(device.type, os.environ.get("KD_PRECISION", ""))


@functools.lru_cache
def _pick_precision(device_type: str, wanted: str) -> tuple[torch.dtype, str]:
    if wanted:
        if wanted not in ("float32", "bfloat16"):
            raise ValueError(f"got KD_PRECISION={wanted!r}; expected float32 or bfloat16")
        return getattr(torch, wanted), "KD_PRECISION asks for it"
    if device_type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.bfloat16, "this GPU multiplies bfloat16 natively"
        return torch.float32, "this GPU has no native bfloat16"
    gain = remembered_gain()
    reason = f"bfloat16 products run at {gain:.1f} times the speed of float32 on this processor"
    return (torch.bfloat16 if gain > WORTHWHILE_GAIN else torch.float32), reason


def remembered_gain() -> float:
    """`bfloat16_gain()`, measured once for this processor and this PyTorch."""
    path = out_dir() / "bfloat16-gain.json"
    who = f"{processor_name()}, torch {torch.__version__}"
    try:
        return float(json.loads(path.read_text())[who])
    except (OSError, ValueError, KeyError, TypeError):
        gain = bfloat16_gain()
        with contextlib.suppress(
            OSError
        ):  # a folder that cannot be written costs a second, no more
            write_atomically(path, json.dumps({who: gain}).encode())
        return gain


def processor_name() -> str:
    """What the system calls the processor: on Linux its model, elsewhere at least its family."""
    lines = (
        Path("/proc/cpuinfo").read_text().splitlines() if os.path.exists("/proc/cpuinfo") else []
    )
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def bfloat16_gain(rounds: int = 8) -> float:
    """How many times faster a matrix product is in bfloat16 than in float32 on this processor.

    The two take turns and the fastest of each counts: what else the machine does meanwhile then
    slows both down and does not decide.
    """
    times: dict[torch.dtype, list[float]] = {dtype: [] for dtype in (torch.float32, torch.bfloat16)}
    for _ in range(rounds + 1):
        for dtype, seconds in times.items():
            seconds.append(matmul_seconds(dtype))
    return min(times[torch.float32][1:]) / min(times[torch.bfloat16][1:])  # the first warms up


def matmul_seconds(dtype: torch.dtype, size: int = 768, device: torch.device = PROCESSOR) -> float:
    """Seconds for one size × size matrix product of random numbers (equal ones are faster)."""
    a = torch.rand(size, size, dtype=dtype, device=device)
    synchronise(device)
    start = time.perf_counter()
    a @ a
    synchronise(device)
    return time.perf_counter() - start


def autocast(device: torch.device, dtype: torch.dtype) -> contextlib.AbstractContextManager:
    """Autocast to `dtype`; does nothing for float32. Thread-local: enter it where you compute."""
    if dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=dtype)


def synchronise(device: torch.device) -> None:
    """Wait until the device has done everything asked of it; needed around every timing."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def describe(device: torch.device) -> str:
    """The device in words, for records and tables: name and number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU {platform.machine()}, {torch.get_num_threads()} threads"
