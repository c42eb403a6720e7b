"""A network of one's own as a student: a function that makes it, or the network itself.

In a recipe it is named "module:function#DIGEST", so that every process can make it and a change of
the code is noticed; what cannot be imported is "own:NAME#DIGEST", for this process alone.
"""

from __future__ import annotations

import copy
import hashlib
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from kd_helpers.runtime.files import bytes_of

Maker = Callable[..., nn.Module]
HERE = "own:"
_given: dict[str, Maker] = {}  # what this process was given and no other can import


def is_own(name: object) -> bool:
    """Whether a student's name stands for a network that is not of the zoo."""
    return isinstance(name, str) and ":" in name


def key_of(student: str | nn.Module | Maker) -> str:
    """What names a student in a recipe; names of the zoo and whole keys stay as they are.

    A module starts from the weights that it has, with every seed. A function is called anew under
    the seed of each run, with those of `num_classes`, `in_channels`, `image_size` that it takes.

    Raises:
        ValueError: it is neither, or there is no such module or function.
    """
    if isinstance(student, nn.Module):
        return _key_of_module(student)
    if isinstance(student, str):
        whole = not is_own(student) or "#" in student
        return student if whole else f"{student}#{digest_of(imported(student))}"
    if not callable(student):
        raise ValueError(
            f"got student={student!r}; expected a name, a torch.nn.Module, or a function that "
            "makes one from num_classes, in_channels and image_size"
        )
    name = f"{student.__module__}:{getattr(student, '__qualname__', type(student).__name__)}"
    if _importable(name, student):
        return f"{name}#{digest_of(student)}"
    key = f"{HERE}{name.partition(':')[2]}#{digest_of(student)}"
    _given[key] = student
    return key


def _key_of_module(module: nn.Module) -> str:
    digest = hashlib.sha256((repr(module) + _source(type(module))).encode())
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(bytes_of(tensor))
    key = f"{HERE}{type(module).__name__}#{digest.hexdigest()[:8]}"
    start = copy.deepcopy(module).cpu()  # the caller may go on changing its own
    if not any(parameter.requires_grad for parameter in start.parameters()):
        start.requires_grad_(True)  # it was somebody's teacher
    _given.setdefault(key, lambda: copy.deepcopy(start))
    return key


def imported(name: str) -> Maker:
    """The function "module:function".

    Raises:
        ValueError: there is no such module, or nothing of that name in it.
    """
    where, _, what = name.partition("#")[0].partition(":")
    try:
        found: Any = importlib.import_module(where)
        for part in what.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as problem:
        raise ValueError(
            f"got the network {name!r}; expected a function that can be imported, as in "
            f"my_networks:small for `def small(num_classes, in_channels, image_size)` in "
            f"my_networks.py: {problem}"
        ) from problem
    return found


def make(key: str, **given: Any) -> nn.Module:
    """The untrained network with this key; given: num_classes, in_channels, image_size.

    Raises:
        ValueError: this process does not know it, its code is not what it was, or what it makes
            is no network for such images and classes.
    """
    maker = _given.get(key) or (None if key.startswith(HERE) else imported(key))
    if maker is None:
        raise ValueError(
            f"got the student {key}, which another process was given; give it to this one as well, "
            "as Recipe(student=…), or name it as module:function"
        )
    if key not in _given and "#" in key and digest_of(maker) != key.partition("#")[2]:
        raise ValueError(
            f"got the student {key}, but the code of its module has changed since; "
            f"Recipe(student={key.partition('#')[0]!r}) is another one by now"
        )
    takes = inspect.signature(maker).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in takes.values())
    network = maker(**{k: v for k, v in given.items() if open_ended or k in takes})
    return _checked(network, key, **given)


def _checked(network: object, key: str, **given: Any) -> nn.Module:
    if not isinstance(network, nn.Module):
        raise ValueError(f"{key} gave a {type(network).__name__}; expected a torch.nn.Module")
    size, classes = given["image_size"], given["num_classes"]
    height, width = (size, size) if isinstance(size, int) else size
    images, was_training = torch.zeros(2, given["in_channels"], height, width), network.training
    wanted = f"it takes images {tuple(images.shape)} and answers with logits (2, {classes})"
    try:
        with torch.no_grad():
            told = network.eval()(images)
    except Exception as problem:  # whatever goes wrong in a stranger's network
        raise ValueError(f"{key}: expected that {wanted}; it says: {problem}") from problem
    network.train(was_training)
    if not isinstance(told, torch.Tensor) or told.shape != (2, classes):
        found = tuple(told.shape) if isinstance(told, torch.Tensor) else type(told).__name__
        raise ValueError(f"{key}: expected that {wanted}; got {found}")
    return network


def digest_of(maker: Maker) -> str:
    """Eight digits that change with the code: of the whole module where it can be imported."""
    module = inspect.getmodule(maker)
    whole = _source(module) if module and module.__name__ != "__main__" else ""
    return hashlib.sha256((whole or _source(maker)).encode()).hexdigest()[:8]


def _source(thing: Any) -> str:
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError):
        return repr(thing)


def _importable(name: str, maker: Maker) -> bool:
    try:
        return not name.startswith("__main__:") and imported(name) is maker
    except ValueError:
        return False
