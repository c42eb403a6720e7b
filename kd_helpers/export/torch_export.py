"""`.pt2`: PyTorch's own recorded graph, read by `torch.export.load` without the network's code."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch
from torch import nn

from kd_helpers.export.deployed import ABOUT, Deployed, read_about
from kd_helpers.export.loaded import Loaded


def write(deployed: Deployed, path: Path) -> None:
    """Write the graph, with any number of images in a batch; `about.json` lies inside."""
    batch = ({0: torch.export.Dim.DYNAMIC},)
    graph = torch.export.export(deployed, (deployed.example,), dynamic_shapes=batch)
    with warnings.catch_warnings():
        # It takes weights in channels_last for parts of larger tensors, and saves them rightly.
        warnings.filterwarnings("ignore", "No complete tensor found")
        torch.export.save(graph, path, extra_files={ABOUT: json.dumps(deployed.about.to_json())})


def load(path: Path, network: nn.Module) -> Loaded:
    """The file in PyTorch, on the processor."""
    files = {ABOUT: ""}
    graph = torch.export.load(path, extra_files=files).module()
    return Loaded(f"torch.export {torch.__version__}", graph, read_about(files[ABOUT]))
