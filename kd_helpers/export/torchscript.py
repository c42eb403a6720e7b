"""`.ts`, `.torchscript`: for libtorch (C++, mobile) and older PyTorch, read by `torch.jit.load`.

PyTorch has declared TorchScript deprecated: `.pt2` is its successor.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch
from torch import nn

from kd_helpers.export.deployed import ABOUT, Deployed, read_about
from kd_helpers.export.loaded import Loaded


def write(deployed: Deployed, path: Path) -> None:
    """Trace the network (scripting would refuse much ordinary Python); `about.json` lies inside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its deprecation, and of constants in the trace
        traced = torch.jit.trace(deployed, deployed.example, check_trace=False)  # compared later
        torch.jit.save(traced, path, _extra_files={ABOUT: json.dumps(deployed.about.to_json())})


def load(path: Path, network: nn.Module) -> Loaded:
    """The file in PyTorch, on the processor."""
    files = {ABOUT: ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = torch.jit.load(path, map_location="cpu", _extra_files=files)
    return Loaded(f"TorchScript {torch.__version__}", graph, read_about(files[ABOUT]))
