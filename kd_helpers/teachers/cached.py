"""A teacher that is asked once and remembers, on disk too: later students of it are nearly free."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import torch

from kd_helpers.data.augment import PLAIN, ViewSet, make_views, to_float
from kd_helpers.runtime.device import pick_precision
from kd_helpers.runtime.files import DamagedFile, bytes_of, read_sealed, set_aside, write_sealed
from kd_helpers.runtime.plain import as_code
from kd_helpers.teachers.teacher import Batch, Teacher

MAX_BYTES = 2**30  # memory for the answers of all caches of this process together
FEATURE_BYTES = 2**28  # beside it, for what each layer that is looked at said; none is on disk
# Pictures in each call of the teacher, always just so many: the last bits of an answer may depend
# on the size of the batch, and must not depend on who else is asked. More is slower on a
# processor.
PICTURES_AT_ONCE = {"cpu": 32, "cuda": 512}
SECONDS_BETWEEN_FILES = 5.0
_alive: weakref.WeakSet[CachedTeacher] = weakref.WeakSet()


def bytes_left() -> int:
    """What is left of MAX_BYTES; a cache that nobody holds any more gives its memory back."""
    return MAX_BYTES - sum(cache.answers.nbytes for cache in _alive)


class CachedTeacher(Teacher):
    """A teacher that is asked once per (image, view) and remembers the answer in half precision.

    The key is the image's row and the view's number, never its place in a batch: shuffling cannot
    pair an answer with another picture. Use one cache for one set of images and one of views.
    Where `max_bytes` has no room for all views, those beyond are asked afresh each time.
    """

    def __init__(
        self,
        teacher: Teacher,
        images: torch.Tensor,
        view_set: ViewSet = PLAIN,
        *,
        num_classes: int,
        files: AnswerFiles | None = None,
        writes: bool = True,
        max_bytes: int | None = None,
    ) -> None:
        """images: (N, C, H, W) uint8, all that can be asked about. num_classes: K. files: answers
        on disk; writes: whether new answers are added to them. max_bytes: of memory, at most; None:
        what the other caches have left."""
        if teacher.changes:
            raise ValueError(
                "got a teacher whose answer depends on more than image and view (label, step, "
                "chance); expected one that can be remembered: put the memory round its members"
            )
        self.teacher, self.images, self.view_set = teacher, images, view_set
        self.files, self.writes = files, writes
        free = bytes_left() if max_bytes is None else max_bytes
        # How many views of each image are held.
        self.room = max(0, min(view_set.slots, free // (2 * num_classes * len(images))))
        self.answers = torch.zeros(
            len(images) * self.room, num_classes, dtype=torch.half, device=images.device
        )
        # On the processor, whatever the device: asking a GPU would make it wait for the answer.
        self.known = torch.zeros(len(self.answers), dtype=torch.bool)
        self.at_once = PICTURES_AT_ONCE.get(images.device.type, 32)
        self.held: dict[str, dict[int, torch.Tensor]] = {}  # layer → pair → features
        self.unsaved: list[torch.Tensor] = []
        self.looked, self.wrote = -float("inf"), time.monotonic()
        _alive.add(self)

    @property
    def recordable(self) -> bool:  # type: ignore[override]
        return self.room >= self.view_set.slots

    def prepare(self, index: torch.Tensor, view: torch.Tensor) -> None:
        """Ask for all that is not known yet of some coming batches, (…) int64 each, at once.

        Raises:
            ValueError: there is no such image, or it has no such view here.
        """
        index, view = index.cpu().flatten(), view.cpu().flatten()
        self._check(index, view)
        pairs, inside = self._pairs(index, view)
        new = pairs[inside]
        new = new[~self.known[new]].unique()
        if len(new) and self.files and time.monotonic() > self.looked + SECONDS_BETWEEN_FILES:
            self.read_files()
            new = new[~self.known[new]]
        for some in new.split(self.at_once) if len(new) else ():
            index, slot = some // self.room, some % self.room
            view = self.view_set.view_of(index, slot)
            self._remember(some, self._ask(self.teacher, index, view).half())
            self.unsaved.append(some)
        if self.unsaved and time.monotonic() > self.wrote + SECONDS_BETWEEN_FILES:
            self.save()

    def __call__(self, batch: Batch) -> torch.Tensor:
        """Logits (B, K) float32, from memory where the pair (image, view) is known."""
        if not batch.prepared:
            self.prepare(batch.index, batch.view)
        if self.room < self.view_set.slots:
            return self._answer_some_afresh(batch)
        pairs = batch.index * self.room + self.view_set.slot_of(batch.index, batch.view)
        return self.answers[pairs].float()

    def _answer_some_afresh(self, batch: Batch) -> torch.Tensor:
        pairs, inside = self._pairs(batch.index, batch.view)
        logits = self.answers.new_empty(len(pairs), self.answers.shape[1])
        logits[inside] = self.answers[pairs[inside]]
        for rows in torch.where(~inside)[0].split(self.at_once) if not inside.all() else ():
            logits[rows] = self._ask(self.teacher, batch.index[rows], batch.view[rows]).half()
        return logits.float()

    def _ask(self, ask: Callable, index: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
        """What is answered, (M, …), to M ≤ `at_once` pairs; the call is filled up."""
        device, missing = self.images.device, self.at_once - len(index)
        index, view = (
            torch.cat([values, values[:1].expand(missing)]).to(device) for values in (index, view)
        )
        pictures = to_float(make_views(self.images[index], view, self.view_set))
        batch = Batch(pictures, torch.zeros_like(index), index, view)
        return ask(batch)[: self.at_once - missing]

    def read_files(self) -> None:
        """Take over what is on disk by now."""
        self.looked = time.monotonic()
        for index, slot, logits in self.files.read_new() if self.files else ():
            inside = slot < self.room  # another process may have had more
            self._remember((index * self.room + slot)[inside], logits[inside])

    def save(self) -> None:
        """Put new answers on disk, if this cache has files; the teacher does the same."""
        self.wrote = time.monotonic()
        self.teacher.save()
        if self.unsaved and self.files and self.writes:
            pairs = torch.cat(self.unsaved)
            logits = self.answers[pairs.to(self.answers.device)].cpu()
            self.files.add(pairs // self.room, pairs % self.room, logits)
        self.unsaved = []

    def features(self, batch: Batch, layer: str) -> torch.Tensor:
        """On a processor they are remembered, unrounded and in memory only."""
        if self.images.device.type != "cpu":
            return self.teacher.features(batch, layer)
        held, ask = self.held.setdefault(layer, {}), partial(self.teacher.features, layer=layer)
        slot = self.view_set.slot_of(batch.index, batch.view)
        pairs = (batch.index * self.view_set.slots + slot).tolist()
        new = [row for row, pair in enumerate(pairs) if pair not in held]
        for rows in torch.tensor(new).split(self.at_once) if new else ():
            told = self._ask(ask, batch.index[rows], batch.view[rows]).clone()
            held.update(zip((pairs[row] for row in rows), told, strict=True))
        features = torch.stack([held[pair] for pair in pairs])
        if len(held) * features[0].nbytes > FEATURE_BYTES:
            for row in new:
                held.pop(pairs[row], None)
        return features

    def remember_plain(self, logits: torch.Tensor) -> None:
        """Fill in stored answers (N, K) to the plain images (view 0), as if each had been asked."""
        if len(logits) != len(self.images):
            raise ValueError(f"got answers to {len(logits)} images; expected {len(self.images)}")
        rows = torch.arange(len(logits))
        pairs, inside = self._pairs(rows, torch.zeros_like(rows))
        self._remember(pairs[inside], logits.cpu()[inside].half())

    def _check(self, index: torch.Tensor, view: torch.Tensor) -> None:
        """An answer about another picture would look like one about this one."""
        strange = (index < 0) | (index >= len(self.images))
        if bool(strange.any()):
            raise ValueError(
                f"got the image {int(index[strange][0])} of a batch; expected 0 to "
                f"{len(self.images) - 1}, the images that this teacher cache was made for"
            )
        self.view_set.check(view)
        slot = self.view_set.slot_of(index, view)
        if bool((slot >= self.view_set.slots).any()):
            raise ValueError(
                f"got views that are none of the {self.view_set.slots} of their image; expected "
                f"those of {as_code(self.view_set)}, which this teacher cache was made for"
            )

    def _pairs(self, index: torch.Tensor, view: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Places (B,) of the pairs, and which of them there is room for (the others get 0)."""
        slot = self.view_set.slot_of(index, view)
        inside = slot < self.room
        return torch.where(inside, index * self.room + slot, 0), inside

    def _remember(self, pairs: torch.Tensor, logits: torch.Tensor) -> None:
        self.answers[pairs.to(self.answers.device)] = logits.to(self.answers.device)
        self.known[pairs] = True


# Rows of the images (M,) int64, numbers of their views (M,) int64 and logits (M, K) half.
Answers = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def fingerprint(
    words: str, weights: Iterable[torch.Tensor], images: torch.Tensor, view_set: ViewSet
) -> str:
    """Sixteen hexadecimal digits of teacher (repr, weights), images, views and format."""
    told = [words, repr(dataclasses.astuple(view_set)), images.device.type]
    told.append(str(pick_precision(images.device)[0]))
    digest = hashlib.sha256(json.dumps(told).encode())
    for tensor in (*weights, images):
        digest.update(str(tuple(tensor.shape)).encode())
        digest.update(bytes_of(tensor))
    return digest.hexdigest()[:16]


OWNER, KEYS = "teacher, images and views", {"index", "slot", "logits"}


class AnswerFiles:
    """Answers on disk, in a folder that belongs to one teacher, one set of images and one of views.

    Each file holds some answers and is never changed: processes that add answers at the same time
    cannot disturb each other, and a damaged file costs no more than its own answers.
    """

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
            if about.get(OWNER) != self.folder.name or tensors.keys() != KEYS:
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
            digest.update(bytes_of(tensor))
        path = self.folder / f"{os.getpid()}-{digest.hexdigest()[:12]}.answers"
        write_sealed(path, tensors, {OWNER: self.folder.name})
        self.seen.add(path.name)
