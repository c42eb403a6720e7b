"""The networks of torchvision and timm: how to build one, and how it wants to see pictures.

Size, normalisation and interpolation are those that the library publishes with the weights.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from kd_helpers.teachers.files import WeightsError

HUB = "https://huggingface.co"


@dataclass(frozen=True)
class Wanted:
    """What was asked of `teacher_named`."""

    name: str
    weights: Any  # a path, None for the published ones, or "random"
    classes: tuple[str, ...] | None
    head: bool
    prefix: str | None
    prompt: str

    @property
    def published(self) -> bool:
        return self.weights is None

    @property
    def random(self) -> bool:
        return self.weights == "random"


@dataclass(frozen=True)
class Network:
    """One network of a library."""

    build: Callable[[int | None], nn.Module]  # with so many outputs, None: as published; untrained
    published: Callable[[], nn.Module]  # the same with its published weights, downloaded if need be
    look: dict  # how it wants to see pictures: arguments of `adapted`
    classes: tuple[str, ...] | None  # of the published weights
    here: Callable[[], bool]  # whether those were downloaded before
    advice: str  # how to bring them by hand

    def with_published_weights(self, name: str) -> nn.Module:
        return bring(name, self.published, self.here, self.advice)


def bring(name: str, published: Callable, here: Callable[[], bool], advice: str):
    """What `published` downloads, unless KD_OFFLINE forbids it.

    Raises:
        WeightsError: the weights are not here and could not be had.
    """
    try:
        if os.environ.get("KD_OFFLINE", "0") not in ("", "0") and not here():
            raise OSError("KD_OFFLINE is set, so nobody was asked for them")
        return published()
    except Exception as problem:  # each library has its own kinds
        told = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise WeightsError(
            f"{name}: found no published weights, and got none ({told}): {advice}"
        ) from problem


def library(name: str) -> ModuleType:
    """An optional library, imported.

    Raises:
        ValueError: it is not installed.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as problem:
        raise ValueError(
            f"got a teacher of {name}, which is not installed ({problem}); install the extra "
            'for teachers: pip install -e ".[teachers]"'
        ) from problem


def unknown(name: str, known: Iterable[str], whose: str) -> ValueError:
    near = difflib.get_close_matches(name, list(known), n=3) or list(known)[:3]
    return ValueError(f"{whose} has no network {name!r}; expected one such as {', '.join(near)}")


def torchvision_network(name: str) -> Network:
    from torchvision import models

    known = models.list_models(module=models)  # classifiers only
    if name not in known:
        raise unknown(name, known, "torchvision")
    builder, published = models.get_model_builder(name), models.get_model_weights(name).DEFAULT
    look = published.transforms()
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(published.url).name
    return Network(
        build=lambda outputs: builder(weights=None, **outputs_as(outputs)),
        published=lambda: builder(weights=published),
        look={
            "size": look.crop_size[0],
            "resize": look.resize_size[0],
            "mean": look.mean,
            "std": look.std,
            "interpolation": look.interpolation.value,
        },
        classes=tuple(published.meta["categories"]),
        here=file.is_file,
        advice=f"put {published.url} into {file.parent}, or anywhere with weights=PATH",
    )


def timm_network(name: str) -> Network:
    timm = library("timm")
    if not timm.is_model(name):
        raise unknown(name, timm.list_models(), "timm")
    with torch.device("meta"):
        plan = timm.create_model(name)
    config = plan.pretrained_cfg
    where = f"{HUB}/{config['hf_hub_id']}" if config.get("hf_hub_id") else config.get("url")
    return Network(
        build=lambda outputs: timm.create_model(name, **outputs_as(outputs)),
        published=lambda: timm.create_model(name, pretrained=True),
        look=timm_look(timm.data.resolve_model_data_config(plan)),
        classes=imagenet() if timm.data.infer_imagenet_subset(plan) == "imagenet-1k" else None,
        here=lambda: on_hub(config.get("hf_hub_id") or ""),
        advice=f"take the weights from {where} and say where they are: weights=PATH",
    )


def timm_look(config: dict) -> dict:
    """timm resizes to size / crop_pct, the shorter side or ("squash") both, and crops the middle.

    Raises:
        ValueError: it pads, which is not done here.
    """
    if config["crop_mode"] == "border":
        raise ValueError("got a network that wants pictures with a border; expected one that crops")
    channels, *size = config["input_size"]
    resize = tuple(math.floor(side / config["crop_pct"]) for side in size)
    square = config["crop_mode"] == "center" and len({*resize}) == 1
    return {
        "size": tuple(size),
        "resize": resize[0] if square else resize,
        "mean": config["mean"],
        "std": config["std"],
        "channels": channels,
        "interpolation": config["interpolation"],
    }


def outputs_as(outputs: int | None) -> dict[str, int]:
    return {} if outputs is None else {"num_classes": outputs}


def imagenet() -> tuple[str, ...]:
    """The names of ImageNet's 1,000 classes, as torchvision publishes them."""
    from torchvision.models import ResNet18_Weights

    return tuple(ResNet18_Weights.DEFAULT.meta["categories"])


def on_hub(repository: str) -> bool:
    """Whether Hugging Face's cache holds the weights of a repository."""
    from huggingface_hub import try_to_load_from_cache

    names = ("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors")
    return any(
        isinstance(try_to_load_from_cache(repository, name), str)
        for name in (names if repository else ())
    )
