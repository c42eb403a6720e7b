"""A setting of the playground (notebook 09): its string, and its recipes. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from kd_course.nb02_hinton.experiments import FULL, LAB
from kd_course.nb03_confidence.experiments import SHORT, decoupled, standardised
from kd_course.nb04_mistakes.experiments import CORRECTIONS, TEACHERS
from kd_course.nb06_assistants.experiments import LARGE, gap_teachers, of_labels
from kd_course.settings import changed
from kd_helpers import methods
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.ladders import climb, sizes_of
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.training.schedules import Schedule

VERSION, NO_TEACHER, UNTREATED, ALL = "kd1", "none", "off", 54_000
IMAGES = (300, 600, 1_000, 2_000, 6_000, 12_000, ALL)  # labelled; the last one is all there are
STUDENTS = ("cnn-2", "cnn-4", "cnn-4-1xn", "resnet-8")
ASSISTANTS = ("cnn-8", "cnn-6", "cnn-4")  # the largest first
WAYS = ("chain", "dense", "stochastic")
SCHEDULES: dict[str, Schedule] = {"600x64": SHORT, "600x128": LAB, "3000x128": FULL}
SMOOTHING = {"600x64": 0.4, "600x128": 0.45, "3000x128": 0.1}  # of the control, as it is stored
# Name in a setting → what it is called by the recipes of notebooks 06 and 04.
GAP = {"cnn-4-long": "cnn-4, 6,000 steps", "resnet-20": LARGE}
WRONG = {
    "cnn-4-few": "600 labels",
    "cnn-4-noisy": "50 % random labels",
    "cnn-4-pairs": "40 % pair labels",
}
TEACHER_NAMES = (NO_TEACHER, "cnn-2", "cnn-4", "cnn-6", "cnn-8", *GAP, *WRONG)
TREATMENTS: dict[str, methods.Method] = {
    UNTREATED: methods.HintonKD(),
    "standardised": standardised(4.0),
    "flsw": methods.FLSW(),
    "cwsm": methods.CWSM(),
    "decoupled": decoupled(),
    "wsld": methods.WeightedSoftLabels(),
    "sure-0.9": methods.ConfidenceGate(threshold=0.9),
    "unsure-0.9": methods.ConfidenceGate(threshold=0.9, above=False),
    "top-3": methods.TopK(count=3),
    "all-but-top-3": methods.SmallEntries(count=3, lump=False),
    **{name: CORRECTIONS[name] for name in ("swap", "replace", "mask", "trust")},
}
KEYS = {"temperature": "T", "kd_weight": "alpha"}  # in a string, where it is not the field's name


class Refused(ValueError):
    """A setting that cannot be, or a string that is none; the message is for the reader."""


@dataclass(frozen=True)
class Setting:
    """What all controls of the page say. A teacher "none", or kd_weight = 0: labels only.

    Raises:
        Refused: a value that is not offered, or values that do not go together.
    """

    images: int = 2_000  # labelled images, one of IMAGES
    schedule: str = "600x64"  # of the student: steps and images a step, one of SCHEDULES
    student: str = "cnn-2"
    teacher: str = "resnet-20"  # one of TEACHER_NAMES
    assistants: tuple[str, ...] = ()  # of ASSISTANTS, in this order
    way: str = "chain"  # who teaches whom, where there are assistants
    temperature: float = 4.0  # from 1 to 20
    kd_weight: float = 0.9  # α, weight of the soft targets, from 0 to 1
    treatment: str = UNTREATED  # of the answer that teaches the student, one of TREATMENTS
    seed: int = 0  # from 0 to 99

    def __post_init__(self) -> None:
        for name, offered in CHOICES.items():
            _check_offered(name, getattr(self, name), offered)
        for name, (low, high) in RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise Refused(f"got {key_of(name)}={getattr(self, name)}; expected {low} to {high}")
        for name in self.assistants:
            _check_offered("assistants", name, ASSISTANTS)
            if self.has_teacher:
                self._check_place_of(name)
        several = self.has_teacher and self.assistants and self.way != "chain"
        if several and self.treatment != UNTREATED:
            raise Refused(
                f"with way={self.way} several networks teach the student, and no treatment is "
                "defined for that; take way=chain or treatment=off"
            )

    def _check_place_of(self, name: str) -> None:
        if _is_as_large(name, teacher_of(self).student):
            why, other = f"smaller than the teacher {self.teacher}", "larger teacher"
        elif _is_as_large(self.student, name):
            why, other = f"larger than the student {self.student}", "smaller student"
        else:
            return
        raise Refused(f"the assistant {name} is not {why}; take it out, or take a {other}")

    @property
    def has_teacher(self) -> bool:
        return self.teacher != NO_TEACHER and self.kd_weight > 0

    def __str__(self) -> str:
        """As `kd1;student=cnn-4;T=8`: the version, then what is not at its default."""
        changed = [f.name for f in fields(self) if getattr(self, f.name) != f.default]
        return ";".join([VERSION, *(f"{key_of(n)}={_told(getattr(self, n))}" for n in changed)])


CHOICES = {
    "images": IMAGES,
    "schedule": tuple(SCHEDULES),
    "student": STUDENTS,
    "teacher": TEACHER_NAMES,
    "way": WAYS,
    "treatment": tuple(TREATMENTS),
}
RANGES = {"temperature": (1.0, 20.0), "kd_weight": (0.0, 1.0), "seed": (0, 99)}


def key_of(field: str) -> str:
    """The name of a field in a string."""
    return KEYS.get(field, field)


def _told(value: object) -> str:
    if isinstance(value, tuple):
        return "+".join(value)
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _check_offered(field: str, value: object, offered: tuple) -> None:
    if value not in offered:
        known = ", ".join(map(str, offered))
        raise Refused(f"got {key_of(field)}={value}; expected one of {known}")


def _is_as_large(name: str, other: str) -> bool:
    """At least as many parameters and multiply-adds, as `check_ladder` has it."""
    return all(own >= its for own, its in zip(sizes_of(name), sizes_of(other), strict=True))


def parse(text: str) -> Setting:
    """The setting that a string describes, the inverse of `str`.

    Raises:
        Refused: it says which part is wrong, and what was expected there.
    """
    version, *parts = (_short(part.strip()) for part in text.strip().rstrip(";").split(";"))
    if version != VERSION:
        expected = f"expected {VERSION}, as in {VERSION};student=cnn-4;T=8"
        raise Refused(f'got "{version}" at the start; {expected}')
    known = {key_of(field.name): field for field in fields(Setting)}
    values: dict[str, object] = {}
    for part in parts:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or key not in known:
            expected = f"expected name=value with one of the names {', '.join(known)}"
            raise Refused(f'got the part "{part}"; {expected}')
        if known[key].name in values:
            raise Refused(f"got {key} twice; expected each name once")
        values[known[key].name] = _read(key, value, type(known[key].default))
    return Setting(**values)


def _short(text: str) -> str:
    return text if len(text) <= 50 else text[:47] + "…"


def _read(key: str, text: str, kind: type) -> object:
    """A value as its field has it; numbers are plain decimal ones."""
    if kind is tuple:
        names = dict.fromkeys(filter(None, text.split("+")))
        return tuple(sorted(names, key=(*ASSISTANTS, *names).index))
    try:
        if kind is not str and (not text.isascii() or "_" in text):
            raise ValueError
        return kind(text)
    except ValueError:
        expected = "a whole number" if kind is int else "a number"
        raise Refused(f'got {key}="{text}"; expected {expected}') from None


def teacher_of(setting: Setting) -> Recipe:
    """The recipe of the setting's teacher; resnet-20, and those that are wrong, are one network for
    all seeds."""
    if setting.teacher in WRONG:
        return TEACHERS[WRONG[setting.teacher]]
    return gap_teachers(setting.seed)[GAP.get(setting.teacher, setting.teacher)]


def alone(setting: Setting) -> Recipe:
    """The student without a teacher: hard labels, the same images, steps and starting weights."""
    shown = TransferSet(images=None if setting.images == ALL else setting.images)
    how = SCHEDULES[setting.schedule]
    return Recipe(student=setting.student, seed=setting.seed, transfer=shown, schedule=how)


def smoothed(setting: Setting) -> Recipe:
    """The same on smoothed labels: a target that is as soft, and knows nothing."""
    smoothing = methods.CrossEntropy(label_smoothing=SMOOTHING[setting.schedule])
    return replace(alone(setting), method=smoothing)


def method_of(setting: Setting) -> methods.Method:
    """What the student minimises: the treatment at the setting's temperature and weight."""
    how = {"temperature": setting.temperature, "kd_weight": setting.kd_weight}
    return changed(TREATMENTS[setting.treatment], how, "method.")


def ladder(setting: Setting) -> tuple[Recipe, ...]:
    """The setting's recipes, the teacher first, the student last; the student alone without one."""
    if not setting.has_teacher:
        return (alone(setting),)
    teacher, student = teacher_of(setting), alone(setting)
    rungs = (teacher, replace(student, teacher=teacher, method=method_of(setting)))
    if setting.assistants:
        names = (teacher.student, *setting.assistants, setting.student)
        base = of_labels(setting.seed, setting.student)
        plain = method_of(replace(setting, treatment=UNTREATED))
        rungs = climb(names, setting.way, base=base, top=teacher, last=student, method=plain)
    if setting.treatment != UNTREATED:
        rungs = (*rungs[:-1], replace(rungs[-1], method=method_of(setting)))
    return rungs


def recipe_of(setting: Setting) -> Recipe:
    """The recipe of the setting's student."""
    return ladder(setting)[-1]
