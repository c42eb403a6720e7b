"""CLIP as a teacher without training: each class is a sentence. Radford et al. 2021,
arXiv 2103.00020, section 3.1.

logits = scale · cosine(picture, "a photo of a CLASS"), a linear layer over normalised features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from kd_helpers.teachers.adapted import Adapted, adapted
from kd_helpers.teachers.files import read_weights
from kd_helpers.teachers.libraries import HUB, Wanted, bring, library, on_hub, unknown
from kd_helpers.teachers.weights import load_weights


class ZeroShot(nn.Module):
    """The half of CLIP that sees, and a linear layer that holds what was read."""

    def __init__(self, visual: nn.Module, head: nn.Linear) -> None:
        """visual: pictures → features (B, D). head: from features of length 1 to logits."""
        super().__init__()
        self.visual, self.head = visual, head

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found = self.visual(images)
        features = found[0] if isinstance(found, tuple) else found  # CoCa gives its tokens too
        return self.head(F.normalize(features, dim=-1))


def teacher(name: str, wanted: Wanted) -> Adapted:
    """The zero-shot classifier of open_clip's network NAME or NAME/TAG.

    Raises:
        ValueError: no classes were given, the name is unknown, or the weights could not be had.
    """
    if not wanted.classes:
        raise ValueError(
            f"got {wanted.name} without classes; expected their names, to make sentences of: "
            "classes=data.classes"
        )
    architecture, tag, config = published(name)
    model = clip_of(architecture, tag, config, wanted)
    if not wanted.published and not wanted.random:
        load_weights(model, wanted.weights, prefix=wanted.prefix)
    sentences = [wanted.prompt.format(name.replace("_", " ")) for name in wanted.classes]
    head = head_of_sentences(model, library("open_clip").get_tokenizer(architecture), sentences)
    return adapted(
        ZeroShot(model.visual, head), **look(model.visual, config), classes=wanted.classes
    )


def with_empty_head(name: str, wanted: Wanted) -> Adapted:
    """The same for weights from a file of `save_teacher`, which has the head too."""
    architecture, _, config = published(name)
    visual = library("open_clip").create_model(architecture, **speed(config)).visual
    kept = read_weights(wanted.weights)[0]
    outputs, features = kept["head.weight"].shape
    head = nn.Linear(features, outputs, bias="head.bias" in kept)
    return adapted(ZeroShot(visual, head), **look(visual, config))


def published(name: str) -> tuple[str, str, dict]:
    """Architecture, name of the weights, and what open_clip publishes about them."""
    open_clip = library("open_clip")
    architecture, _, tag = name.partition("/")
    if architecture not in open_clip.list_models():
        raise unknown(architecture, open_clip.list_models(), "open_clip")
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if tag and tag not in tags:
        raise unknown(tag, tags, f"open_clip's {architecture}")
    tag = tag or (tags[0] if tags else "")
    return architecture, tag, open_clip.get_pretrained_cfg(architecture, tag) if tag else {}


def clip_of(architecture: str, tag: str, config: dict, wanted: Wanted) -> Any:
    create, how = library("open_clip").create_model, speed(config)
    if not wanted.published:
        return create(architecture, **how).eval()
    repository = config.get("hf_hub", "").rpartition("/")[0]
    where = f"{HUB}/{repository}" if repository else config.get("url", "")
    return bring(
        wanted.name,
        lambda: create(architecture, pretrained=tag, **how).eval(),
        lambda: on_hub(repository),
        f"take the weights from {where} and say where they are: weights=PATH",
    )


def speed(config: dict) -> dict[str, bool]:
    """OpenAI's networks have their own approximation of GELU, which the weights belong to."""
    return {"force_quick_gelu": True} if config.get("quick_gelu") else {}


@torch.no_grad()
def head_of_sentences(model: Any, tokenizer: Any, sentences: Sequence[str]) -> nn.Linear:
    """A linear layer without bias: a row for each sentence, scale times its feature."""
    read = [
        model.encode_text(tokenizer(list(sentences[at : at + 64])), normalize=True)
        for at in range(0, len(sentences), 64)
    ]
    rows = torch.cat(read) * model.logit_scale.exp()
    head = nn.Linear(rows.shape[1], rows.shape[0], bias=False)
    head.weight.copy_(rows)
    return head


def look(visual: nn.Module, config: dict) -> dict:
    """How the network wants to see pictures: its own sizes, and what is published with weights."""
    own = dict(getattr(visual, "preprocess_cfg", {}) or {})
    own |= {k: config[k] for k in ("mean", "std", "interpolation", "resize_mode") if k in config}
    if own.get("resize_mode") == "longest":
        raise ValueError("got a network that wants pictures with a border; expected one that crops")
    size = own["size"]
    squash = own.get("resize_mode") == "squash"
    sides = (size, size) if isinstance(size, int) else tuple(size)
    return {
        "size": sides,
        "resize": sides if squash or len({*sides}) > 1 else sides[0],
        "mean": own["mean"],
        "std": own["std"],
        "interpolation": own.get("interpolation", "bicubic"),
    }
