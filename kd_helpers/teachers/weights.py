"""Weights from a file into a network: by name, all of them, and said how many."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from kd_helpers.data.remarks import quoted
from kd_helpers.runtime.files import write_atomically
from kd_helpers.runtime.plain import to_plain
from kd_helpers.teachers.adapted import Adapted
from kd_helpers.teachers.files import WeightsError, read_weights

NOTES = "kd_teacher"  # in the header of a file that `save_teacher` wrote
COUNTERS = "num_batches_tracked"  # no weights, and not in old files
Tensors = dict[str, torch.Tensor]


def load_weights(
    model: nn.Module, path: str | Path, *, head: bool = True, prefix: str | None = None
) -> str:
    """Load the weights of a file into a network, in place; prints and returns what matched.

    Reads safetensors, and files of torch.save as far as no code in them has to run: a
    `state_dict`, bare or nested as trainers do, with any prefix before its names (`module.`,
    `model.`, `student.`, `_orig_mod.`, that of a Lightning file).

    Args:
        model: any network, or an `Adapted` one.
        head: False leaves the last linear layer as it is, to be fitted by `fit_head`.
        prefix: of the names in the file; None: the one that makes most names and shapes agree.

    Raises:
        WeightsError: the file cannot be used, or a tensor of the network is not in it or has
            another shape; the network is then as it was.
    """
    network = model.model if isinstance(model, Adapted) else model
    found, at = read_weights(path)
    fit = match(network.state_dict(), found, path, prefix)
    left = head_tensors(network) if not head else set()
    check_fit(fit, left, head_tensors(network), path)
    network.load_state_dict({k: v for k, v in fit.tensors.items() if k not in left}, strict=False)
    report = fit.report(path, at, left)
    print(report)
    return report


@dataclass(frozen=True)
class Fit:
    """A network's tensors, and what a file has for them."""

    own: Tensors
    tensors: Tensors  # of the file, under the network's names
    others: list[str]  # of the file, not in the network
    prefix: str

    @property
    def missing(self) -> list[str]:
        return [n for n in self.own if n not in self.tensors and not n.endswith(COUNTERS)]

    @property
    def misshapen(self) -> list[str]:
        return [n for n, value in self.tensors.items() if value.shape != self.own[n].shape]

    def report(self, path: str | Path, at: str, left: set[str]) -> str:
        taken, own = (
            [n for n in names if not n.endswith(COUNTERS)] for names in (self.tensors, self.own)
        )
        parts = [f"{len([n for n in taken if n not in left])} of {len(own)} tensors"]
        parts += [f"from {at!r} in the file"] if at else []
        parts += [f"without the prefix {self.prefix!r}"] if self.prefix else []
        parts += ["without the head, which is to be fitted"] if left else []
        parts += [f"{len(self.others)} more not used: {quoted(self.others)}"] if self.others else []
        return f"{Path(path).name}: {', '.join(parts)}"


def match(own: Tensors, found: Tensors, path: str | Path, prefix: str | None = None) -> Fit:
    """The tensors of a file under a network's names, without the prefix that fits best.

    Raises:
        WeightsError: nothing fits, or two networks in the file fit equally.
    """
    found = {name.replace("_orig_mod.", ""): value for name, value in found.items()}
    fits = [fit_with(own, found, p) for p in ([prefix] if prefix else prefixes(found))]
    best = max(fits, key=lambda fit: len(fit.tensors) - len(fit.misshapen) / 2)
    if not best.tensors:
        raise WeightsError(
            f"{path}: got no tensor of the network's names; expected names such as {quoted(own)}, "
            f"found {quoted(found)}: is it of this network?"
        )
    good = len(best.tensors) - len(best.misshapen)
    equal = [f for f in fits if len(f.tensors) - len(f.misshapen) == good and not f.misshapen]
    if len(equal) > 1:
        raise WeightsError(
            f"{path}: got {len(equal)} networks that fit, under the names "
            f"{quoted([fit.prefix for fit in equal])}; say which one: prefix={equal[0].prefix!r}"
        )
    return best


def fit_with(own: Tensors, found: Tensors, prefix: str) -> Fit:
    tensors = {name: found[prefix + name] for name in own if prefix + name in found}
    others = [name for name in found if name.removeprefix(prefix) not in own]
    return Fit(own, tensors, others, prefix)


def prefixes(found: Tensors) -> list[str]:
    """All that could stand before the names of a network in a file, "" first."""
    dots = {name[: at + 1] for name in found for at, sign in enumerate(name) if sign == "."}
    return ["", *sorted(dots, key=lambda prefix: (prefix.count("."), prefix))]


def check_fit(fit: Fit, left: set[str], of_head: set[str], path: str | Path) -> None:
    """Raise WeightsError unless every tensor of the network is there and has its shape."""
    wrong = [name for name in fit.misshapen if name not in left]
    absent = [name for name in fit.missing if name not in left]
    if not wrong and not absent:
        return
    told = [
        f"{name} is {tuple(fit.tensors[name].shape)} in the file and {tuple(fit.own[name].shape)} "
        "in the network"
        for name in wrong[:3]
    ]
    told += [f"{len(absent)} tensors are not in the file: {quoted(absent)}"] if absent else []
    advice = "is it of this network?"
    if {*wrong, *absent} <= of_head:
        advice = (
            "the head does not fit: build the network with as many outputs as the file has, or "
            "load the rest (head=False) and fit a new head: fit_head(teacher, data)"
        )
    raise WeightsError(
        f"{path}: {len(fit.tensors) - len(fit.misshapen)} of {len(fit.own)} tensors fit, but "
        f"{'; '.join(told)}; {advice}"
    )


def head_of(model: nn.Module) -> str | None:
    """The name of the last linear layer, such as "fc", "classifier.6", "heads.head"; None: there
    is none.

    timm's networks say it themselves; elsewhere it is the last one that was registered, as in
    torchvision's and Hugging Face's networks.
    """
    linear = {name: part for name, part in model.named_modules() if isinstance(part, nn.Linear)}
    ask = getattr(model, "get_classifier", None)
    if callable(ask):
        said = ask()
        linear = {name: part for name, part in linear.items() if part is said} or linear
    return list(linear)[-1] if linear else None


def head_tensors(network: nn.Module) -> set[str]:
    head = head_of(network)
    return {name for name in network.state_dict() if head and name.startswith(f"{head}.")}


def outputs_in(network: nn.Module, path: str | Path, prefix: str | None = None) -> int | None:
    """How many outputs the head in a file has, for a network of the same build; None: no head."""
    fit = match(network.state_dict(), read_weights(path)[0], path, prefix)
    head = fit.tensors.get(f"{head_of(network)}.weight")
    return None if head is None else len(head)


def save_teacher(teacher: Adapted, path: str | Path) -> Path:
    """Write a teacher's weights as safetensors, with its classes and preprocessing in the header.

    Its weights are read by `load_weights`; `teacher_named(name, weights=path)` finds the classes
    too. The file is written whole or not at all.
    """
    weights = {
        k: v.detach().cpu().contiguous().clone() for k, v in teacher.model.state_dict().items()
    }
    columns = None if teacher.columns is None else teacher.columns.tolist()
    notes = {
        "classes": teacher.classes,
        "columns": columns,
        "width": teacher.width,
        "preprocessing": to_plain(teacher.preprocessing),
    }
    write_atomically(Path(path), save(weights, {NOTES: json.dumps(notes)}))
    return Path(path)
