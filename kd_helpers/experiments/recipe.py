"""A recipe says everything that a run depends on; its hash names the stored result."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, fields, is_dataclass

from kd_course.nb08_faults.faulty_losses import FAULTS, RIGHT
from kd_helpers.data.augment import PLAIN, ViewSet
from kd_helpers.data.datasets import LOADERS
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.methods.dgkd import ALL_SOURCES, Sources
from kd_helpers.methods.objective import HINTON, Lesson
from kd_helpers.models.towers import ONE_NETWORK, Towers
from kd_helpers.models.zoo import MODEL_NAMES
from kd_helpers.runtime.validate import check_share, check_temperature
from kd_helpers.teachers.ensemble import JoinedTeacher
from kd_helpers.training.schedules import Schedule

ALL_IMAGES, STANDARD = TransferSet(), Schedule()
SPECIALISTS, SPECIALISTS_MEAN = "specialists", "specialists' mean"
SELECTIVE, SELECTIVE_ZEROS = "selective", "selective, zeros"
DENSE = "dense"
TEAM_WAYS = (*JoinedTeacher.WAYS, SPECIALISTS, SPECIALISTS_MEAN, SELECTIVE, SELECTIVE_ZEROS, DENSE)


@dataclass(frozen=True)
class Team:
    """Several teachers that answer as one."""

    members: tuple[Recipe, ...]
    # One of `JoinedTeacher.WAYS`; "specialists" (joint answer of all) and "specialists' mean" (the
    # cheap one): the first is the generalist, the others have `special` classes; "selective": one
    # soft term for each of these, or for each tower of the one member; "selective, zeros": for each
    # tower, padded with zeros; "dense": one soft term for each member.
    how: str = "arithmetic"

    def __post_init__(self) -> None:
        if self.how not in TEAM_WAYS:
            raise ValueError(f"got how={self.how!r}; expected one of {', '.join(TEAM_WAYS)}")
        if self.is_selective and self.has_towers and not self.members[0].special:
            return
        if self.how == SELECTIVE_ZEROS:
            raise ValueError(
                f"got a team ({self.how}) without towers; expected one member with them"
            )
        special = [bool(member.special) for member in self.members]
        expected = [self.needs_groups and place > 0 for place in range(len(special))]
        if len(special) < 1 + self.needs_groups or special != expected:
            raise ValueError(
                f"got a team ({self.how}) of {len(special)} members, {sum(special)} of them with "
                "special classes; expected at least one member, and special classes of all but the "
                "first, of one at least, in a team of specialists, of none in another; a selective "
                "team may also be one network of towers"
            )

    @property
    def needs_groups(self) -> bool:
        """Whether the members after the first have classes of their own."""
        return self.how in (SPECIALISTS, SPECIALISTS_MEAN) or self.is_selective

    @property
    def is_selective(self) -> bool:
        return self.how in (SELECTIVE, SELECTIVE_ZEROS)

    @property
    def has_own_loss(self) -> bool:
        """Whether the soft term is the team's own, so that no lesson can be given."""
        return self.is_selective or self.how == DENSE

    @property
    def has_towers(self) -> bool:
        return len(self.members) == 1 and bool(self.members[0].towers)

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The classes of each specialist, or of each tower."""
        if self.has_towers:
            return self.members[0].towers.groups
        return tuple(member.special for member in self.members[1:])


@dataclass(frozen=True)
class Recipe:
    """One training, complete. Fields left at their default are not part of the hash, so that new
    fields can be added; never change a default, or old results would get a new meaning."""

    student: str = "cnn-2"  # name of the network to train
    seed: int = 0  # starting weights, choice and order of images
    dataset: str = "fashion-mnist"
    transfer: TransferSet = ALL_IMAGES  # which images it sees, which of them labelled
    teacher: Recipe | Team | None = None  # how the teacher was trained; None: labels only
    temperature: float = 4.0  # of the soft term
    kd_weight: float = 0.0  # weight of the soft term, 0..1; the hard term gets the rest
    label_smoothing: float = 0.0  # of the hard term, 0..1
    schedule: Schedule = STANDARD
    views: ViewSet = PLAIN  # augmentation
    lesson: Lesson = HINTON  # what is done with the teacher's answer; with kd_weight above 0
    towers: Towers = ONE_NETWORK  # several of the named network in one, each for some classes
    special: tuple[int, ...] = ()  # classes that it tells apart, all others being one ("dustbin")
    start: Recipe | None = None  # whose weights it starts from, where names and shapes agree
    sources: Sources = ALL_SOURCES  # how the members of a dense team are put together
    fault: str = ""  # a mistake made on purpose, one of `faults.FAULTS`: for notebook 08

    def __post_init__(self) -> None:
        check_share("kd_weight", self.kd_weight)
        check_share("label_smoothing", self.label_smoothing)
        check_temperature(self.temperature)
        if self.student not in MODEL_NAMES:
            raise ValueError(f"unknown model {self.student!r}; known: {', '.join(MODEL_NAMES)}")
        if self.dataset not in LOADERS:
            raise ValueError(f"unknown data set {self.dataset!r}; known: {', '.join(LOADERS)}")
        if self.kd_weight and self.teacher is None and not self.lesson.virtual:
            raise ValueError(f"got kd_weight={self.kd_weight} and no teacher; give one or use 0")
        if self.lesson.virtual and self.teacher:
            raise ValueError("got a teacher and a virtual one; give one of them")
        if self.lesson != HINTON and not self.kd_weight:
            raise ValueError("got a lesson and kd_weight=0: nothing would be done with it")
        if self.lesson != HINTON and isinstance(self.teacher, Team) and self.teacher.has_own_loss:
            raise ValueError(
                f"got a lesson and a {self.teacher.how} team, whose soft term is its own; choose one"
            )
        if self.sources != ALL_SOURCES and not (
            isinstance(self.teacher, Team) and self.teacher.how == DENSE
        ):
            raise ValueError(f"got {self.sources} and no dense team, the only one with sources")
        self._check_fault()
        if self.start:
            kinds = [(r.student, r.towers, r.dataset) for r in (self.start, self)]
            if kinds[0] != kinds[1]:
                raise ValueError(
                    f"got start={self.start}; expected weights of {self._words()[0]}, from "
                    f"{self.dataset} as well"
                )

    def _check_fault(self) -> None:
        if not self.fault:
            return
        if self.fault not in FAULTS:
            raise ValueError(f"got fault={self.fault!r}; expected one of {', '.join(FAULTS)}")
        team = isinstance(self.teacher, Team)
        if (
            not self.kd_weight
            or self.teacher is None
            or self.lesson != HINTON
            or (team and self.teacher.how != "arithmetic")
        ):
            raise ValueError(
                f"got fault={self.fault!r} in another lesson than Hinton's; expected kd_weight above "
                "0 and one teacher, or a team whose answers are averaged (arithmetic)"
            )
        if team != (self.fault == "means as logits") and self.fault != RIGHT:
            raise ValueError(
                f"got fault={self.fault!r} with {'a team' if team else 'one teacher'}; expected a "
                'team for "means as logits", one teacher for the others'
            )

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of what differs from the defaults."""
        text = json.dumps(to_dict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def __str__(self) -> str:
        return ", ".join([*self._words(), f"seed {self.seed}"])

    def describe(self) -> str:
        """The recipe in words without its seed, with every setting that is not at its default."""
        settings = {"dataset": self.dataset} if self.dataset != Recipe.dataset else {}
        for part in (self.transfer, self.schedule, self.views):
            settings |= to_dict(part)
        if self.start:
            settings["start"] = self.start.hash
        for part in ("lesson", "sources", "towers"):
            told = to_dict(getattr(self, part))
            settings |= {f"{part}.{name}": value for name, value in told.items()}
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

    def _words(self) -> list[str]:
        parts = [
            f"{len(self.towers.groups)} towers of {self.student}" if self.towers else self.student
        ]
        if self.special:
            parts.append(f"special classes {', '.join(map(str, self.special))}")
        if self.kd_weight:
            counts = Counter(t._words()[0] for t in self.teachers)
            who = " + ".join(f"{n} × {word}" if n > 1 else word for word, n in counts.items())
            if isinstance(self.teacher, Team):
                who = f"{who}, {self.teacher.how}"
            who = who or "a virtual teacher"
            parts.append(f"taught by {who} (T={self.temperature:g}, weight {self.kd_weight:g})")
        if self.fault:
            parts.append("watched" if self.fault == RIGHT else f"fault: {self.fault}")
        if self.label_smoothing:
            parts.append(f"labels smoothed by {self.label_smoothing:g}")
        return parts


def to_dict(value: object) -> object:
    """A dataclass as plain data for JSON, without the fields that are at their default.

    Whole numbers in float fields become floats: temperature=8 and 8.0 are the same recipe.
    """
    if not is_dataclass(value):
        return [to_dict(part) for part in value] if isinstance(value, tuple) else value
    plain = {}
    for field in fields(value):
        content = getattr(value, field.name)
        if content != field.default:
            plain[field.name] = float(content) if field.type == "float" else to_dict(content)
    return plain
