"""Where the course keeps what it makes: beside the data that ships, never among it."""

from __future__ import annotations

import os
from pathlib import Path


def data_dir() -> Path:
    """The folder `data/`: $KD_DATA if set, else the one beside the package in the repository."""
    return Path(os.environ.get("KD_DATA") or Path(__file__).resolve().parents[2] / "data")


def out_dir() -> Path:
    """The folder `out/`: $KD_OUT if set, else the one beside `data/`."""
    return Path(os.environ.get("KD_OUT") or data_dir().parent / "out")


def run_folders() -> list[Path]:
    """Where runs are looked for: what ships with the course, then what was trained here."""
    return [data_dir() / "runs", out_dir() / "runs"]


def cache_folder() -> Path:
    """Where the answers of teachers are kept."""
    return out_dir() / "cache"


def checkpoint_folder() -> Path:
    """Where trainings that are under way keep their state."""
    return out_dir() / "checkpoints"
