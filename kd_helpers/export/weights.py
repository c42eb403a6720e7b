"""`.safetensors`: the weights alone, with a `config.json` that says which network they belong to.

For who has the network's code. The network takes float32 images in 0..1, not uint8: the config says
so.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save
from torch import nn

from kd_helpers.data.augment import to_float
from kd_helpers.export.deployed import Deployed, Loaded, strings_of
from kd_helpers.models.towers import ONE_NETWORK, make_network
from kd_helpers.models.zoo import MODEL_NAMES
from kd_helpers.runtime.plain import from_plain

CONFIG = "config.json"


def write(deployed: Deployed, path: Path) -> None:
    """Write the weights, and the config beside them."""
    about = deployed.about.to_json()
    shape = "(B, {}, {}, {})".format(*deployed.about.image_shape)
    about["input"] = f"images: float32 {shape}, 0 to 1: uint8 pictures divided by 255"
    about["weights"] = path.name
    state = deployed.network.state_dict()
    # Not by save_file, whose files only their owner can read.
    path.write_bytes(save({k: v.clone().contiguous() for k, v in state.items()}))
    text = json.dumps(about, indent=2, ensure_ascii=False)
    path.with_name(CONFIG).write_text(text + "\n", encoding="utf-8")


def check_place(path: Path) -> None:
    """Raise ValueError if the folder's `config.json` speaks of other weights."""
    config = path.with_name(CONFIG)
    told = read_config(path).get("weights") if config.is_file() else path.name
    if told != path.name:
        raise ValueError(
            f"{config} belongs to {told or 'something else'}; give {path.name} a folder of its own"
        )


def load(path: Path, network: nn.Module) -> Loaded:
    """The weights in a network of the zoo made anew, or in a copy of one that has no name there."""
    config = read_config(path)
    again = from_config(config) or copy.deepcopy(network)
    again.load_state_dict(load_file(path))
    again.eval()
    return Loaded("safetensors", lambda images: again(to_float(images)), strings_of(config))


def read_config(path: Path) -> dict[str, Any]:
    return json.loads(path.with_name(CONFIG).read_text(encoding="utf-8"))


def from_config(config: dict[str, Any]) -> nn.Module | None:
    """The untrained network of a config, or None where the zoo has none of that name."""
    if config["network"] not in MODEL_NAMES:
        return None
    channels, height, _ = config["image_shape"]
    given = {"in_channels": channels, "image_size": height}
    towers = from_plain(config.get("towers", {}), ONE_NETWORK)
    return make_network(config["network"], towers, num_classes=len(config["classes"]), **given)
