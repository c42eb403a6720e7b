"""PyTorch's own graphs, which need no code of the network; `about.json` lies inside.

`.pt2`: `torch.export`, read by `torch.export.load`. `.ts`, `.torchscript`: for libtorch (C++,
mobile) and older PyTorch, read by `torch.jit.load`; PyTorch has declared it deprecated.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch
from torch import nn

from kd_helpers.export.deployed import ABOUT, Deployed, Loaded, read_about


def write_export(deployed: Deployed, path: Path) -> None:
    """Write the recorded graph, with any number of images in a batch."""
    batch = ({0: torch.export.Dim.DYNAMIC},)
    graph = torch.export.export(deployed, (deployed.example,), dynamic_shapes=batch)
    with warnings.catch_warnings():
        # It takes weights in channels_last for parts of larger tensors, and saves them rightly.
        warnings.filterwarnings("ignore", "No complete tensor found")
        torch.export.save(graph, path, extra_files={ABOUT: json.dumps(deployed.about.to_json())})


def load_export(path: Path, network: nn.Module) -> Loaded:
    """The file in PyTorch, on the processor."""
    files = {ABOUT: ""}
    graph = torch.export.load(path, extra_files=files).module()
    return Loaded(f"torch.export {torch.__version__}", graph, read_about(files[ABOUT]))


def write_script(deployed: Deployed, path: Path) -> None:
    """Write the trace of the network (scripting would refuse much ordinary Python)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its deprecation, and of constants in the trace
        traced = torch.jit.trace(deployed, deployed.example, check_trace=False)  # compared later
        torch.jit.save(traced, path, _extra_files={ABOUT: json.dumps(deployed.about.to_json())})


def load_script(path: Path, network: nn.Module) -> Loaded:
    """The file in PyTorch, on the processor."""
    files = {ABOUT: ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = torch.jit.load(path, map_location="cpu", _extra_files=files)
    return Loaded(f"TorchScript {torch.__version__}", graph, read_about(files[ABOUT]))
