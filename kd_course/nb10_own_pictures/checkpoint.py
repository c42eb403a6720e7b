"""A teacher's file as one gets it from somebody."""

from __future__ import annotations

import io
from pathlib import Path

import torch

from kd_course.nb02_hinton.experiments import TEACHER
from kd_course.nb10_own_pictures.folder import place
from kd_helpers.experiments.run import load_or_train
from kd_helpers.runtime.files import write_atomically


def save_checkpoint() -> Path:
    """`resnet20.pth`: the course's ResNet-20, saved as trainers do that ran it on several GPUs:
    the weights among other things, each name led by "module."."""
    weights = load_or_train(TEACHER, quiet=True).model().state_dict()
    content = io.BytesIO()
    named = {f"module.{name}": value for name, value in weights.items()}
    torch.save({"epoch": 14, "state_dict": named}, content)
    path = place() / "resnet20.pth"
    write_atomically(path, content.getvalue())
    return path
