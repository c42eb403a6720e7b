"""A setting of the playground (notebook 09): its string, and its recipes. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from kd_course.nb02_hinton.experiments import FULL, LAB
from kd_course.nb03_confidence.experiments import DECOUPLED, SHORT, STANDARDISED
from kd_course.nb04_mistakes.experiments import CORRECTIONS, TEACHERS
from kd_course.nb06_assistants.experiments import LARGE, gap_teachers, of_labels
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.ladders import climb, sizes_of
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.methods.objective import HINTON, Lesson
from kd_helpers.training.schedules import Schedule

VERSION, NO_TEACHER, UNTREATED, ALL = "kd1", "none", "off", 54_000
IMAGES = (300, 600, 1_000, 2_000, 6_000, 12_000, ALL)  # labelled; the last one is all there are
STUDENTS = ("cnn-2", "cnn-4", "cnn-4-1xn", "resnet-8")
ASSISTANTS = ("cnn-8", "cnn-6", "cnn-4")  # the largest first
WAYS = ("chain", "dense", "stochastic")
SCHEDULES: dict[str, Schedule] = {"600x64": SHORT, "600x128": LAB, "3000x128": FULL}
SMOOTHING = {"600x64": 0.4, "600x128": 0.45, "3000x128": 0.1}  # of the control, as it is stored
# Name in a setting → what it is called by the recipes of notebooks 06 and 04.
TRAINED_ALIKE = {name: name for name in ("cnn-2", "cnn-4", "cnn-6", "cnn-8")}
LONG = {"cnn-4-long": "cnn-4, 6,000 steps", "resnet-20": LARGE}
WRONG = {
    "cnn-4-few": "600 labels",
    "cnn-4-noisy": "50 % random labels",
    "cnn-4-pairs": "40 % pair labels",
}
TEACHER_NAMES = (NO_TEACHER, *TRAINED_ALIKE, *LONG, *WRONG)
TREATMENTS: dict[str, Lesson] = {
    UNTREATED: HINTON,
    "standardised": STANDARDISED,
    "flsw": Lesson(temperatures="flsw"),
    "cwsm": Lesson(temperatures="cwsm"),
    "decoupled": DECOUPLED,
    "wsld": Lesson(weights="wsld"),
    "sure-0.9": Lesson(weights="above", threshold=0.9),
    "unsure-0.9": Lesson(weights="below", threshold=0.9),
    "top-3": Lesson(compared="top", count=3),
    "all-but-top-3": Lesson(compared="small", count=3, lump=False),
    "swap": CORRECTIONS["swap"],
    "replace": CORRECTIONS["replace"],
    "mask": CORRECTIONS["mask"],
    "trust": CORRECTIONS["trust"],
}
LOWEST_T, HIGHEST_T, LAST_SEED = 1.0, 20.0, 99
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
            if getattr(self, name) not in offered:
                raise Refused(_not_offered(key_of(name), getattr(self, name), offered))
        for name, (low, high) in RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise Refused(f"got {key_of(name)}={getattr(self, name)}; expected {low} to {high}")
        if self.assistants != tuple(name for name in ASSISTANTS if name in self.assistants):
            got = "+".join(self.assistants)
            raise Refused(f"got assistants={got}; expected some of {'+'.join(ASSISTANTS)}")
        if self.has_teacher:
            self._check_assistants()

    def _check_assistants(self) -> None:
        top = sizes_of(teacher_of(self).student)
        for name in self.assistants:
            if teacher_of(self).student == name or _is_larger(sizes_of(name), top):
                raise Refused(
                    f"the assistant {name} is not smaller than the teacher {self.teacher}; take it "
                    "out, or take a larger teacher"
                )
            if self.student == name or _is_larger(sizes_of(self.student), sizes_of(name)):
                raise Refused(
                    f"the assistant {name} is not larger than the student {self.student}; take it "
                    "out, or take a smaller student"
                )
        if self.assistants and self.way != "chain" and self.treatment != UNTREATED:
            raise Refused(
                f"with way={self.way} several networks teach the student, and no treatment is "
                "defined for that; take way=chain or treatment=off"
            )

    @property
    def has_teacher(self) -> bool:
        return self.teacher != NO_TEACHER and self.kd_weight > 0

    def __str__(self) -> str:
        """As `kd1;student=cnn-4;T=8`: the version, then what is not at its default."""
        changed = [f for f in fields(self) if getattr(self, f.name) != f.default]
        parts = [f"{key_of(f.name)}={_told(getattr(self, f.name))}" for f in changed]
        return ";".join([VERSION, *parts])


CHOICES = {
    "images": IMAGES,
    "schedule": tuple(SCHEDULES),
    "student": STUDENTS,
    "teacher": TEACHER_NAMES,
    "way": WAYS,
    "treatment": tuple(TREATMENTS),
}
RANGES = {"temperature": (LOWEST_T, HIGHEST_T), "kd_weight": (0.0, 1.0), "seed": (0, LAST_SEED)}


def key_of(field: str) -> str:
    """The name of a field in a string."""
    return KEYS.get(field, field)


def _told(value: object) -> str:
    if isinstance(value, tuple):
        return "+".join(value)
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _not_offered(key: str, got: object, offered: tuple) -> str:
    return f"got {key}={got}; expected one of {', '.join(map(str, offered))}"


def _is_larger(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """More parameters and more multiply-adds, as `assistants.check_ladder` has it."""
    return size[0] >= other[0] and size[1] >= other[1]


def parse(text: str) -> Setting:
    """The setting that a string describes, the inverse of `str`.

    Raises:
        Refused: it says which part is wrong, and what was expected there.
    """
    version, *parts = (part.strip() for part in text.strip().rstrip(";").split(";"))
    if version != VERSION:
        raise Refused(
            f'got "{_short(version)}" at the start; expected {VERSION}, as in '
            f"{VERSION};student=cnn-4;T=8"
        )
    names = {key_of(field.name): field.name for field in fields(Setting)}
    values: dict[str, object] = {}
    for part in parts:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or key not in names:
            raise Refused(
                f'got the part "{_short(part)}"; expected name=value with one of the names '
                f"{', '.join(names)}"
            )
        if names[key] in values:
            raise Refused(f"got {key} twice; expected each name once")
        values[names[key]] = _read(key, value, Setting.__dataclass_fields__[names[key]].default)
    return Setting(**values)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "…"


def _read(key: str, text: str, like: object) -> object:
    """A value as its field has it; numbers are plain decimal ones."""
    if isinstance(like, tuple):
        given = [name for name in text.split("+") if name]
        for name in given:
            if name not in ASSISTANTS:
                raise Refused(_not_offered(key, _short(name), ASSISTANTS))
        return tuple(name for name in ASSISTANTS if name in given)
    if isinstance(like, str):
        return _short(text)
    kind = "a whole number" if isinstance(like, int) else "a number"
    try:
        if not text.isascii() or "_" in text:
            raise ValueError
        return type(like)(text)
    except ValueError:
        raise Refused(f'got {key}="{_short(text)}"; expected {kind}') from None


def teacher_of(setting: Setting) -> Recipe:
    """The recipe of the setting's teacher; resnet-20, and those that are wrong, are one network for
    all seeds."""
    if setting.teacher in WRONG:
        return TEACHERS[WRONG[setting.teacher]]
    return gap_teachers(setting.seed)[(TRAINED_ALIKE | LONG)[setting.teacher]]


def alone(setting: Setting) -> Recipe:
    """The student without a teacher: hard labels, the same images, steps and starting weights."""
    shown = TransferSet(images=None if setting.images == ALL else setting.images)
    how = SCHEDULES[setting.schedule]
    return Recipe(student=setting.student, seed=setting.seed, transfer=shown, schedule=how)


def smoothed(setting: Setting) -> Recipe:
    """The same on smoothed labels: a target that is as soft, and knows nothing."""
    return replace(alone(setting), label_smoothing=SMOOTHING[setting.schedule])


def ladder(setting: Setting) -> tuple[Recipe, ...]:
    """The setting's recipes, the teacher first, the student last; the student alone without one."""
    student = alone(setting)
    if not setting.has_teacher:
        return (student,)
    teacher = teacher_of(setting)
    teaching = {"temperature": setting.temperature, "kd_weight": setting.kd_weight}
    rungs = (teacher, replace(student, teacher=teacher, **teaching))
    if setting.assistants:
        rungs = climb(
            (teacher.student, *setting.assistants, setting.student),
            setting.way,
            base=of_labels(setting.seed, setting.student),
            top=teacher,
            last=student,
            **teaching,
        )
    treated = TREATMENTS[setting.treatment]
    return rungs if treated == HINTON else (*rungs[:-1], replace(rungs[-1], lesson=treated))


def recipe_of(setting: Setting) -> Recipe:
    """The recipe of the setting's student."""
    return ladder(setting)[-1]
