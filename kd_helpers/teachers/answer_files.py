"""A teacher's answers on disk, beside the runs, shared by every later student.

A folder belongs to one teacher, one set of images and one set of views; its name is a hash of
these. Each file in it holds some answers and is never changed: processes that add answers at the
same time cannot disturb each other, and a damaged file costs no more than its own answers.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import torch
from torch import nn

from kd_helpers.data.augment import ViewSet
from kd_helpers.runtime.device import pick_precision
from kd_helpers.runtime.files import DamagedFile, read_sealed, set_aside, write_sealed

# Rows of the images (M,) int64, numbers of their views (M,) int64 and logits (M, K) half.
Answers = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def fingerprint(teacher: nn.Module, images: torch.Tensor, view_set: ViewSet) -> str:
    """Sixteen hexadecimal digits that change with the weights, the images, the views or the
    format."""
    told = [repr(teacher), repr(dataclasses.astuple(view_set)), images.device.type]
    told.append(str(pick_precision(images.device)[0]))
    digest = hashlib.sha256(json.dumps(told).encode())
    for tensor in (*teacher.state_dict().values(), images):
        digest.update(str(tuple(tensor.shape)).encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()[:16]


OWNER = "teacher, images and views"


class AnswerFiles:
    """The files of one folder: read what is new, add what was learnt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: set[str] = set()

    def read_new(self) -> list[Answers]:
        """What other students, or other processes, have stored since the last look."""
        if not self.folder.is_dir():
            return []
        new = [path for path in self.folder.glob("*.answers") if path.name not in self.seen]
        self.seen |= {path.name for path in new}
        return [answers for path in new if (answers := self._read(path))]

    def _read(self, path: Path) -> Answers | None:
        try:
            tensors, about = read_sealed(path)
            if about.get(OWNER) != self.folder.name or tensors.keys() != {
                "index",
                "slot",
                "logits",
            }:
                raise DamagedFile(
                    f"{path}: expected answers for {self.folder.name}, found {', '.join(tensors)} "
                    f"for {about.get(OWNER, 'something else')}"
                )
            return tensors["index"].long(), tensors["slot"].long(), tensors["logits"]
        except FileNotFoundError:
            return None
        except DamagedFile as problem:
            set_aside(path, problem)
            return None

    def add(self, index: torch.Tensor, slot: torch.Tensor, logits: torch.Tensor) -> None:
        """Store answers in a file of their own, named by process and content."""
        tensors = {"index": index.int(), "slot": slot.int(), "logits": logits.clone()}
        digest = hashlib.sha256()
        for tensor in tensors.values():
            digest.update(tensor.contiguous().numpy().data)
        path = self.folder / f"{os.getpid()}-{digest.hexdigest()[:12]}.answers"
        write_sealed(path, tensors, {OWNER: self.folder.name})
        self.seen.add(path.name)
