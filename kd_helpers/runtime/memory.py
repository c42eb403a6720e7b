"""How much memory is free, asked before it is taken rather than after."""

from __future__ import annotations

import contextlib
from pathlib import Path

GROUP = Path("/sys/fs/cgroup")


def free_memory() -> int | None:
    """Bytes that a new array may take without swapping; None where the system does not tell.

    On Linux that of the machine, or of the container where that is less; elsewhere psutil is
    asked, if it is installed.
    """
    found = [machine_memory(), container_memory()]
    return min((value for value in found if value is not None), default=None)


def machine_memory() -> int | None:
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        line = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(line.split()[1]) * 1024
    with contextlib.suppress(ImportError):
        import psutil

        return psutil.virtual_memory().available
    return None


def container_memory() -> int | None:
    """What is left of the limit of a Linux container; files in its cache can make room."""
    with contextlib.suppress(OSError, ValueError):  # there is no limit: no file, or "max"
        limit = int((GROUP / "memory.max").read_text())
        used = int((GROUP / "memory.current").read_text())
        lines = map(str.split, (GROUP / "memory.stat").read_text().splitlines())
        cached = sum(int(count) for name, count in lines if name.endswith("active_file"))
        return limit - used + cached
    return None
