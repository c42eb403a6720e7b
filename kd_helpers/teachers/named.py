"""Teachers by name: torchvision's, timm's and open_clip's networks, or anybody's function."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path

import torch
from torch import nn

from kd_helpers.runtime.plain import from_plain
from kd_helpers.teachers import libraries, zero_shot
from kd_helpers.teachers.adapted import Adapted, adapted
from kd_helpers.teachers.files import read_notes
from kd_helpers.teachers.libraries import Network, Wanted
from kd_helpers.teachers.preprocessing import Preprocessing
from kd_helpers.teachers.weights import NOTES, WeightsError, load_weights, outputs_in


def teacher_named(
    name: str,
    *,
    weights: str | Path | None = None,
    classes: Iterable[str] | None = None,
    head: bool = True,
    prefix: str | None = None,
    prompt: str = "a photo of a {}",
) -> Adapted:
    """A network of a library as a teacher, with its own published size and normalisation.

    Args:
        name: "torchvision:resnet18", "timm:vit_small_patch16_224", "open_clip:ViT-B-32" or, with
            the name of its weights, "open_clip:ViT-B-32/laion2b_s34b_b79k"; or "module:function",
            a function without arguments that gives an nn.Module or an `Adapted`.
        weights: a file (see `load_weights`), whose head says how many outputs the network gets;
            None: the published ones, downloaded by the library; "random": none, for tests.
        classes: the names of the network's outputs, where they are not known: ImageNet's are, and
            those in a file of `save_teacher`. For open_clip, what it is asked to tell apart.
        head, prefix: as for `load_weights`.
        prompt: open_clip's sentence about a class, {} for its name. Its logits are the scaled
            cosines of the picture with each sentence, which are read once.

    Raises:
        ValueError: the name is not known, a library is missing, or the weights could not be had.
    """
    source, colon, rest = name.partition(":")
    if not colon or not rest:
        expected = "torchvision:NAME, timm:NAME, open_clip:NAME or module:function"
        raise ValueError(f"got the teacher {name!r}; expected {expected}")
    told = None if classes is None else tuple(classes)
    wanted = Wanted(name, weights, told, head, prefix, prompt)
    return SOURCES.get(source, from_module)(rest, wanted)


def from_library(find: Callable[[str], Network]) -> Callable[[str, Wanted], Adapted]:
    return lambda rest, wanted: teacher_of(find(rest), wanted)


def teacher_of(network: Network, wanted: Wanted) -> Adapted:
    """The network with the weights that were asked for."""
    if wanted.published:
        model = network.with_published_weights(wanted.name)
        return adapted(model, **network.look, classes=checked(wanted.classes, network.classes))
    if wanted.random:
        classes = wanted.classes or network.classes
        return adapted(network.build(len(classes or ()) or None), **network.look, classes=classes)
    with torch.device("meta"):  # its names and shapes, without its memory
        plan = network.build(None)
    outputs = outputs_in(plan, wanted.weights, wanted.prefix) if wanted.head else None
    same = network.classes if len(network.classes or ()) == outputs else None
    teacher = adapted(network.build(outputs), **network.look, classes=wanted.classes or same)
    return filled(teacher, wanted)


def checked(given: tuple[str, ...] | None, known: tuple[str, ...] | None):
    """The names of the outputs of published weights."""
    if given and known and len(given) != len(known):
        raise ValueError(
            f"got {len(given)} names for {len(known)} outputs; expected the names of the teacher's "
            "own outputs. To choose those of your data: teacher.for_classes(data.classes)"
        )
    return given or known


def filled(teacher: Adapted, wanted: Wanted) -> Adapted:
    """The teacher with the weights of a file, and with what the file says about them."""
    load_weights(teacher, wanted.weights, head=wanted.head, prefix=wanted.prefix)
    notes = json.loads(read_notes(wanted.weights).get(NOTES, "null"))
    if notes is None or not wanted.head:
        return teacher
    return Adapted(
        teacher.model,
        from_plain(notes["preprocessing"], Preprocessing()),
        wanted.classes or (notes["classes"] and tuple(notes["classes"])),
        None if notes["columns"] is None else torch.tensor(notes["columns"]),
        notes["width"],
    )


def from_module(rest: str, wanted: Wanted) -> Adapted:
    """What a function of anybody's module gives."""
    made = function_named(wanted.name)()
    if not isinstance(made, nn.Module):
        raise ValueError(
            f"got a {type(made).__name__} from {wanted.name}; expected a torch.nn.Module"
        )
    teacher = made if isinstance(made, Adapted) else adapted(made, classes=wanted.classes)
    return teacher if wanted.published or wanted.random else filled(teacher, wanted)


def function_named(name: str) -> Callable:
    """The function "module:function", its module imported."""
    module, _, function = name.partition(":")
    try:
        found = getattr(import_module(module), function)
    except ModuleNotFoundError as problem:
        raise ValueError(
            f"got the teacher {name!r} ({problem}); expected torchvision:NAME, timm:NAME, "
            "open_clip:NAME, or a module that Python finds: set PYTHONPATH to its folder"
        ) from problem
    except AttributeError:
        raise ValueError(f"got the teacher {name!r}; {module} has no {function!r}") from None
    if not callable(found):
        raise ValueError(f"got the teacher {name!r}; expected a function, found {found!r}")
    return found


def from_open_clip(rest: str, wanted: Wanted) -> Adapted:
    """A zero-shot classifier, or one of a file of `save_teacher`."""
    if wanted.published or wanted.random or not read_notes(wanted.weights):
        return zero_shot.teacher(rest, wanted)
    return filled(zero_shot.with_empty_head(rest, wanted), wanted)


SOURCES: dict[str, Callable[[str, Wanted], Adapted]] = {
    "torchvision": from_library(libraries.torchvision_network),
    "timm": from_library(libraries.timm_network),
    "open_clip": from_open_clip,
}
__all__ = ["WeightsError", "teacher_named"]
