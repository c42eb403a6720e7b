"""A recipe says everything that a run depends on; its hash names the stored result."""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from torch import nn

from kd_helpers.data import datasets
from kd_helpers.data.augment import PLAIN, ViewSet
from kd_helpers.data.datasets import Dataset
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.methods import CrossEntropy, HintonKD, Method
from kd_helpers.models import own, zoo
from kd_helpers.models.towers import ONE_NETWORK, Towers
from kd_helpers.runtime.plain import Plain, as_code, check_whole, from_plain, to_plain
from kd_helpers.teachers.outside import outside
from kd_helpers.teachers.team import Team
from kd_helpers.training.schedules import Schedule

ALL_IMAGES, STANDARD, LABELS_ONLY = TransferSet(), Schedule(), CrossEntropy()


@dataclass(frozen=True)
class Recipe(Plain):
    """One training, complete: two recipes with the same training are equal and have one hash.

    What would have no effect is refused: a teacher that the method does not ask, a weight of 0.
    A student, a data set or a teacher of one's own may be given as it is, as a network or a
    `Dataset`; the recipe then holds its key.
    """

    student: str = "cnn-2"  # name or key of the network to train
    seed: int = 0  # starting weights, choice and order of images
    dataset: str = "fashion-mnist"  # name or key
    transfer: TransferSet = ALL_IMAGES  # which images it sees, which of them labelled
    teacher: Recipe | Team | None = None  # how the teacher was trained; None: no teacher
    method: Method = LABELS_ONLY  # what the student minimises
    schedule: Schedule = STANDARD
    augmentation: ViewSet = PLAIN
    towers: Towers = ONE_NETWORK  # several of the named network in one, each for some classes
    special: tuple[int, ...] = ()  # classes that it tells apart, all others being one ("dustbin")
    start: Recipe | None = None  # whose weights it starts from, where names and shapes agree

    def __post_init__(self) -> None:
        object.__setattr__(self, "student", own.key_of(self.student))
        if isinstance(self.dataset, Dataset):
            object.__setattr__(self, "dataset", datasets.key_of(self.dataset))
        if isinstance(self.teacher, nn.Module):
            object.__setattr__(self, "teacher", outside(self.teacher))
        super().__post_init__()
        check_whole("seed", self.seed, 0)
        zoo.check_name(self.student)
        datasets.check_name(self.dataset)
        self._check_teaching()
        self._check_start()

    def _check_teaching(self) -> None:
        method, told = self.method, as_code(self.method)
        if not isinstance(self.teacher, (Recipe, Team, type(None))):
            raise ValueError(
                f"got teacher={self.teacher!r}; expected a recipe, a team of them, a network, None"
            )
        if self.teacher is None and method.needs_teacher:
            raise ValueError(
                f"got method={told} and no teacher; give one, or method=CrossEntropy()"
            )
        if self.teacher is not None and not method.needs_teacher:
            raise ValueError(
                f"got a teacher and method={told}, which asks none; give a method that does, such "
                "as HintonKD(temperature=4, kd_weight=0.9)"
            )
        weights = [getattr(method.core, name, 1) for name in ("kd_weight", "strength")]
        if not all(weights) and not method.needs_features:
            raise ValueError(f"got method={told}: no weight for the soft term; use CrossEntropy()")
        known = self.teacher.special if isinstance(self.teacher, Recipe) else ()
        if self.teacher is not None and known != self.special:
            raise ValueError(
                f"got special={self.special} and a teacher with {known}; expected the same "
                "classes, in the same order, for student and teacher"
            )
        apart = isinstance(self.teacher, Team) and self.teacher.apart
        if self.teacher is not None and apart != method.sources_apart:
            raise ValueError(
                f"got method={told} with {self.who_teaches()}; expected a team of sources side by "
                "side for a method with a soft term for each, and for no other"
            )

    def _check_start(self) -> None:
        if self.start is None:
            return
        if not isinstance(self.start, Recipe):
            raise ValueError(f"got start={self.start!r}; expected a recipe or None")
        kinds = [(zoo.full_precision(r.student), r.towers, r.dataset) for r in (self.start, self)]
        if kinds[0] != kinds[1]:
            raise ValueError(
                f"got start={self.start}; expected weights of {self._words()[0]}, from "
                f"{self.dataset} as well"
            )

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Recipe:
        """The recipe of a stored run, equal to the one that it was trained by.

        Raises:
            ValueError: the record's recipe names a class or a field that is not known here.
        """
        return from_plain(record["recipe"], cls())

    def to_plain(self) -> dict[str, Any]:
        """What differs from the defaults, as data for JSON; `from_record` is the way back."""
        return to_plain(self, self)

    @functools.cached_property
    def hash(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of what differs from the defaults."""
        text = json.dumps(self.to_plain(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def __str__(self) -> str:
        return ", ".join([*self._words(), f"seed {self.seed}"])

    def describe(self) -> str:
        """The recipe in words without its seed, with every setting that is not at its default."""
        settings = {} if self.dataset == Recipe.dataset else {"dataset": self.dataset}
        for part in (self.transfer, self.schedule, self.augmentation):
            settings |= to_plain(part, part)
        settings |= {f"towers.{k}": v for k, v in to_plain(self.towers, self.towers).items()}
        if not isinstance(self.method, (CrossEntropy, HintonKD)) or self.method != self._told():
            settings["method"] = as_code(self.method)
        if self.start:
            settings["start"] = self.start.hash
        return ", ".join([*self._words(), *(f"{k}={v}" for k, v in settings.items())])

    @property
    def teachers(self) -> tuple[Recipe, ...]:
        """The recipes of all teachers: none, one, or the members of a team."""
        if self.teacher is None:
            return ()
        return self.teacher.members if isinstance(self.teacher, Team) else (self.teacher,)

    @property
    def needs(self) -> tuple[Recipe, ...]:
        """The recipes that have to be trained before this one."""
        return (*self.teachers, self.start) if self.start else self.teachers

    @property
    def resumable(self) -> bool:
        """Whether a training that was cut off can go on where it was."""
        return self.method.resumable and getattr(self.teacher, "resumable", True)

    def who_teaches(self) -> str:
        """The teachers in a few words."""
        counts = Counter(teacher._words()[0] for teacher in self.teachers)
        who = " + ".join(f"{n} × {word}" if n > 1 else word for word, n in counts.items())
        team = self.teacher.words if isinstance(self.teacher, Team) else ""
        return ", ".join(filter(None, (who, team))) or "a virtual teacher"

    def _told(self) -> Method:
        """The method as far as `_words` tells it."""
        core = self.method.core
        if isinstance(core, CrossEntropy):
            return CrossEntropy(label_smoothing=core.label_smoothing)
        settings = ("temperature", "kd_weight", "label_smoothing")
        return HintonKD(**{name: getattr(core, name) for name in settings})

    def _words(self) -> list[str]:
        groups = self.towers.groups
        parts = [f"{len(groups)} towers of {self.student}" if groups else self.student]
        if self.special:
            parts.append(f"special classes {', '.join(map(str, self.special))}")
        core: Any = self.method.core
        if not isinstance(core, CrossEntropy):
            how = f"T={core.temperature:g}, weight {core.kd_weight:g}"
            parts.append(f"taught by {self.who_teaches()} ({how})")
        if core.label_smoothing:
            parts.append(f"labels smoothed by {core.label_smoothing:g}")
        return parts
