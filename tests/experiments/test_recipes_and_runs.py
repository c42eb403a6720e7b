"""Recipes name their results, stored runs are checked when read, and what ships is what it says."""

import hashlib
from dataclasses import fields, replace

import pytest

from kd_course.catalogue import shipped_runs
from kd_course.nb02_hinton.experiments import TEACHER, full_arms, hidden_class_arms
from kd_helpers.data.augment import ViewSet
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import Recipe, Team, to_dict
from kd_helpers.methods.dgkd import Sources
from kd_helpers.methods.objective import Lesson
from kd_helpers.models.towers import Towers, by_index
from kd_helpers.runtime.folders import data_dir
from kd_helpers.training.loop import Schedule

TINY = Recipe(schedule=Schedule(steps=5, batch_size=16), transfer=TransferSet(images=64))
TAUGHT = replace(TINY, teacher=TINY, kd_weight=0.5, seed=1)
KEEP = ("weights", "test_logits")
HALF_ROUNDING = {"rtol": 2e-3, "atol": 2e-3}
# Written down once: stored results are named by these, so a change would orphan all of them.
HASHES = {
    Recipe(): "44136fa355b3",
    TEACHER: "14f55e841fb7",
    full_arms(0)["student, distilled"]: "69fb7dd74f82",
    hidden_class_arms(3)["labels only"]: "053b6769da14",
}
OTHER = {  # for every field of a recipe a value that is not its default
    "student": "cnn-4",
    "seed": 1,
    "transfer": TransferSet(images=64),
    "teacher": TINY,
    "temperature": 2.0,
    "kd_weight": 0.5,
    "label_smoothing": 0.1,
    "schedule": Schedule(steps=7),
    "views": ViewSet(flip=True),
    "lesson": Lesson(correction="swap"),
    "towers": Towers(groups=by_index(10, 5)),
    "special": (1, 2),
    "start": TINY,
    "sources": Sources(survival=0.5),
    "fault": "mean",
}
LESSON = {  # for every field of a lesson a value that is not its default
    "correction": "swap",
    "smoothing": 0.2,
    "standardised": True,
    "temperatures": "flsw",
    "compared": "top",
    "target_weight": 2.0,
    "other_weight": 4.0,
    "count": 5,
    "lump": False,
    "dropped": 0.5,
    "weights": "mask",
    "threshold": 0.5,
    "virtual": 0.9,
    "strength": 2.0,
    "warm_up": 0.1,
}
SHIPPED = list(shipped_runs())
IDS = [recipe.hash for recipe, _ in SHIPPED]
COURSE_DATA = data_dir()
MEGABYTES = 20


@pytest.fixture(autouse=True)
def float32(monkeypatch):
    monkeypatch.setenv("KD_PRECISION", "float32")


# Recipes


@pytest.mark.parametrize("recipe", HASHES, ids=str)
def test_the_hash_stays_what_it_was(recipe):
    assert recipe.hash == HASHES[recipe]


def test_fields_at_their_default_are_not_part_of_the_hash():
    spelt_out = Recipe(
        student="cnn-2",
        seed=0,
        dataset="fashion-mnist",
        teacher=None,
        temperature=4.0,
        kd_weight=0.0,
        label_smoothing=0.0,
        views=ViewSet(flip=False, max_shift=0),
        transfer=TransferSet(
            images=None,
            labelled=None,
            hidden_classes=(),
            source="train",
            label_noise=0.0,
            noise="symmetric",
        ),
        schedule=Schedule(steps=1500, batch_size=128, learning_rate=0.1, weight_decay=5e-4),
    )
    assert spelt_out.hash == Recipe().hash == hashlib.sha256(b"{}").hexdigest()[:12]
    assert to_dict(spelt_out) == {}


def test_every_field_is_looked_at():
    assert {f.name for f in fields(Recipe)} == set(OTHER) | {"dataset"}  # there is one data set


def test_every_changed_field_changes_the_hash():
    base = dict.fromkeys(OTHER, Recipe()) | {
        "kd_weight": Recipe(teacher=TINY),
        "lesson": Recipe(teacher=TINY, kd_weight=0.5),
        "sources": Recipe(teacher=Team((TINY, TINY), "dense"), kd_weight=0.5),
        "fault": Recipe(teacher=TINY, kd_weight=0.5),
    }
    changed = [replace(base[name], **{name: value}) for name, value in OTHER.items()]
    assert len({recipe.hash for recipe in (Recipe(), *changed)}) == len(OTHER) + 1


def with_lesson(**changes) -> Recipe:
    teacher = None if changes.get("virtual") else TINY
    return Recipe(teacher=teacher, kd_weight=0.5, lesson=Lesson(**changes))


def test_every_changed_field_of_a_lesson_changes_the_hash():
    assert {f.name for f in fields(Lesson)} == set(LESSON)
    hashes = {with_lesson(**{name: value}).hash for name, value in LESSON.items()}
    assert len(hashes | {with_lesson().hash}) == len(LESSON) + 1
    assert with_lesson().hash == Recipe(teacher=TINY, kd_weight=0.5).hash


@pytest.mark.parametrize("name", LESSON)
def test_a_recipe_in_words_names_what_is_changed_in_its_lesson(name):
    words = with_lesson(**{name: LESSON[name]}).describe()
    assert words.endswith(f", lesson.{name}={LESSON[name]}")
    assert words.count("lesson.") == 1
    who = "a virtual teacher" if name == "virtual" else "cnn-2"
    assert words.startswith(f"cnn-2, taught by {who} (T=4, weight 0.5)")
    assert "lesson" not in with_lesson().describe()


@pytest.mark.parametrize(
    "change",
    (
        {"transfer": TransferSet(labelled=3)},
        {"transfer": TransferSet(label_noise=0.2)},
        {"transfer": TransferSet(label_noise=0.2, noise="pair")},
        {"transfer": TransferSet(hidden_classes=(7,))},
        {"transfer": TransferSet(hidden_classes=(7, 2))},
        {"transfer": TransferSet(source="digits")},
        {"schedule": Schedule(batch_size=64)},
        {"schedule": Schedule(learning_rate=0.05)},
        {"schedule": Schedule(weight_decay=0.0)},
        {"views": ViewSet(max_shift=1)},
        {"views": ViewSet(flip=True)},
    ),
    ids=str,
)
def test_a_field_deep_inside_changes_the_hash_of_student_and_pupil(change):
    changed = replace(Recipe(), **change)
    assert changed.hash != Recipe().hash
    pupils = [Recipe(teacher=teacher, kd_weight=0.5) for teacher in (Recipe(), changed)]
    assert pupils[0].hash != pupils[1].hash


@pytest.mark.parametrize(
    ("whole", "real"),
    (
        (Recipe(teacher=TINY, temperature=8), Recipe(teacher=TINY, temperature=8.0)),
        (Recipe(teacher=TINY, kd_weight=1), Recipe(teacher=TINY, kd_weight=1.0)),
        (Recipe(schedule=Schedule(learning_rate=1)), Recipe(schedule=Schedule(learning_rate=1.0))),
        (with_lesson(strength=2), with_lesson(strength=2.0)),
    ),
    ids=("temperature", "kd_weight", "learning_rate", "strength"),
)
def test_equal_recipes_have_equal_hashes(whole, real):
    """A reader who types temperature=8 must find what is stored for 8.0."""
    assert whole == real
    assert whole.hash == real.hash


BAD_RECIPES = {
    "temperature 0": lambda: Recipe(temperature=0),
    "temperature nan": lambda: Recipe(temperature=float("nan")),
    "temperature inf": lambda: Recipe(temperature=float("inf")),
    "kd_weight -0.1": lambda: Recipe(kd_weight=-0.1, teacher=TINY),
    "kd_weight 1.1": lambda: Recipe(kd_weight=1.1, teacher=TINY),
    "kd_weight nan": lambda: Recipe(kd_weight=float("nan"), teacher=TINY),
    "label_smoothing -0.1": lambda: Recipe(label_smoothing=-0.1),
    "label_smoothing 1.1": lambda: Recipe(label_smoothing=1.1),
    "steps 0": lambda: Recipe(schedule=Schedule(steps=0)),
    "batch_size 0": lambda: Recipe(schedule=Schedule(batch_size=0)),
    "learning_rate -1": lambda: Recipe(schedule=Schedule(learning_rate=-1.0)),
    "learning_rate nan": lambda: Recipe(schedule=Schedule(learning_rate=float("nan"))),
    "images 0": lambda: Recipe(transfer=TransferSet(images=0)),
    "images -10": lambda: Recipe(transfer=TransferSet(images=-10)),
    "labelled -1": lambda: Recipe(transfer=TransferSet(labelled=-1)),
    "max_shift -1": lambda: Recipe(views=ViewSet(max_shift=-1)),
}


@pytest.mark.parametrize("name", BAD_RECIPES)
def test_a_bad_value_is_refused_with_got_and_expected(name):
    with pytest.raises(ValueError, match=f"got .*{name.split()[0].split('_')[-1]}.*expected"):
        BAD_RECIPES[name]()


@pytest.mark.parametrize(
    ("make", "words"),
    (
        (lambda: Recipe(student="cnn-3"), "unknown model 'cnn-3'; known: cnn-2"),
        (lambda: Recipe(dataset="mnist"), "unknown data set 'mnist'; known: fashion-mnist"),
        (lambda: TransferSet(source="cats"), "unknown source 'cats'; known: train, digits, noise"),
        (lambda: Recipe(kd_weight=0.5), "got kd_weight=0.5 and no teacher"),
        (lambda: TransferSet(images=5, labelled=6), "got 6 labelled of 5 images"),
    ),
)
def test_unknown_names_and_impossible_pairs_are_refused(make, words):
    with pytest.raises(ValueError) as caught:
        make()
    assert words in str(caught.value)


def test_the_defaults_of_teams_towers_and_sources_never_change():
    """Stored runs leave them out: another default would give old results a new meaning."""
    towers = Towers(groups=((0, 1), (1, 0, 2)))
    assert Towers(groups=towers.groups, trunk=False, average="logits") == towers
    assert (
        to_dict(Team((TINY,)))
        == to_dict(Team((TINY,), "arithmetic"))
        == {"members": [to_dict(TINY)]}
    )
    assert Sources(survival=1.0, removed=0, scale="sum", label_term="each") == Sources()
    alike = (
        Recipe(towers=towers),
        Recipe(towers=towers, special=(), start=None, sources=Sources()),
    )
    assert alike[0].hash == alike[1].hash
