"""Settings of the playground: their strings, their recipes, their code. Nothing is trained here."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import kd_helpers
from kd_course.nb02_hinton import experiments as shipped
from kd_course.nb03_confidence import experiments as shipped_confidence
from kd_course.nb04_mistakes import experiments as shipped_mistakes
from kd_course.nb06_assistants import experiments as shipped_assistants
from kd_course.nb09_playground import find_or_train
from kd_course.nb09_playground.as_code import to_code
from kd_course.nb09_playground.find_or_train import BUDGET, missing, plan_for
from kd_course.nb09_playground.pareto import pareto_front
from kd_course.nb09_playground.setting import (
    ASSISTANTS,
    CHOICES,
    TEACHER_NAMES,
    TREATMENTS,
    Refused,
    Setting,
    alone,
    ladder,
    parse,
    recipe_of,
    smoothed,
)
from kd_course.nb09_playground.words import EXAMPLES, NOT_STORED, difference, name_of
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import load_run


def subset(flags: list[bool]) -> tuple[str, ...]:
    return tuple(name for name, flag in zip(ASSISTANTS, flags, strict=True) if flag)


FIELDS = {name: st.sampled_from(values) for name, values in CHOICES.items()} | {
    "assistants": st.lists(st.booleans(), min_size=3, max_size=3).map(subset),
    "temperature": st.floats(1, 20),
    "kd_weight": st.floats(0, 1),
    "seed": st.integers(0, 99),
}


@st.composite
def any_setting(draw) -> Setting:
    values = {name: draw(strategy) for name, strategy in FIELDS.items()}
    try:
        return Setting(**values)
    except Refused:  # values that do not go together
        return Setting(**{**values, "assistants": ()})


@given(any_setting())
@settings(max_examples=150, deadline=None)
def test_a_setting_comes_back_from_its_string(setting):
    assert parse(str(setting)) == setting
    assert recipe_of(parse(str(setting))).hash == recipe_of(setting).hash
    dense = Setting(temperature=8.0, assistants=("cnn-8", "cnn-4"), way="dense")
    assert str(dense) == "kd1;assistants=cnn-8+cnn-4;way=dense;T=8"
    assert parse(" kd1 ; T = 8 ;assistants=cnn-4+cnn-8;way=dense;") == dense


@given(st.text() | st.text(alphabet="kd1;=T.0alphasee+cnn-248 \n", max_size=40).map("kd1;".__add__))
@settings(max_examples=150, deadline=None)
@example("kd1;seed=" + "9" * 5000)
@example("kd1;T=1e999")
@example("kd1;seed=-1")
def test_any_text_is_a_setting_or_refused_in_words(text):
    try:
        assert isinstance(parse(text), Setting)
    except Refused as problem:
        said = str(problem)
        assert "assistant" in said or ("expected" in said and len(said) < 300)


GARBAGE = {
    "": 'got "" at the start; expected kd1',
    "kd2;T=3": 'got "kd2" at the start; expected kd1',
    "kd1;temp=3": 'got the part "temp=3"; expected name=value with one of the names images',
    "kd1;T=hot": 'got T="hot"; expected a number',
    "kd1;T=0.5": "got T=0.5; expected 1.0 to 20.0",
    "kd1;T=nan": "got T=nan; expected 1.0 to 20.0",
    "kd1;seed=100": "got seed=100; expected 0 to 99",
    "kd1;T=1;T=2": "got T twice",
    "kd1;images=601": "got images=601; expected one of 300, 600",
    "kd1;assistants=cnn-4+cnn-5": "got assistants=cnn-5; expected one of cnn-8, cnn-6, cnn-4",
    "kd1;teacher=cnn-4;assistants=cnn-6": "cnn-6 is not smaller than the teacher cnn-4",
    "kd1;student=cnn-4;assistants=cnn-4": "cnn-4 is not larger than the student cnn-4",
    "kd1;assistants=cnn-4;way=dense;treatment=swap": "no treatment is defined for that",
    "kd1;" + "x" * 1000: 'got the part "xxxxx',
}


def test_garbage_is_refused_with_the_part_that_is_wrong():
    for text, words in GARBAGE.items():
        with pytest.raises(Refused) as caught:
            parse(text)
        assert words in str(caught.value) and len(str(caught.value)) < 300, text


def test_recipes_are_those_of_the_stored_runs():
    """So that every shipped ladder, map and treatment answers at once."""
    for seed in shipped.SEEDS:
        for (teacher, chosen, way), recipe in shipped_assistants.ladder_arms(seed).items():
            name = {shipped_assistants.LARGE: "resnet-20", "cnn-8": "cnn-8"}[teacher]
            way = "chain" if way == "direct" else way
            own = Setting(teacher=name, assistants=chosen, way=way, seed=seed)
            assert recipe_of(own) == recipe
        for (t, w), recipe in shipped.map_arms(seed).items():
            own = Setting(images=600, schedule="600x128", temperature=t, kd_weight=w, seed=seed)
            assert (recipe_of(own), alone(own)) == (recipe, shipped.lab_arms(seed)["600 labels"])
        for name, recipe in shipped_confidence.temperature_arms(seed).items():
            key = {"KD": "off", "standardised logits": "standardised"}.get(name[0], "decoupled")
            assert recipe_of(Setting(temperature=name[1], treatment=key, seed=seed)) == recipe
        noisy = shipped_mistakes.correction_arms(seed)["50 % random labels", "swap"]
        assert recipe_of(Setting(teacher="cnn-4-noisy", treatment="swap", seed=seed)) == noisy
        own = Setting(images=54_000, schedule="3000x128", seed=seed)
        found = [alone(own), smoothed(own), recipe_of(own)]
        assert found == [*shipped.full_arms(seed).values()]


def test_the_first_view_and_what_lies_round_it_is_stored():
    around = [Setting(), *(Setting(teacher=name) for name in TEACHER_NAMES)]
    around += [Setting(treatment=name) for name in TREATMENTS]
    around += [Setting(temperature=t) for t in (1.0, 2.0, 8.0)] + [Setting(kd_weight=0.5)]
    for setting, seed in itertools.product(around, shipped.SEEDS):
        own = replace(setting, seed=seed)
        assert load_run(recipe_of(own)) and load_run(alone(own)), str(own)


def test_where_nobody_teaches_the_recipe_is_that_of_the_labels():
    for setting in (Setting(teacher="none"), Setting(kd_weight=0.0)):
        setting = replace(setting, assistants=("cnn-8",), way="dense", treatment="swap")
        assert ladder(setting) == (alone(setting),)
        assert alone(setting) == shipped_confidence.small_student(0)


@given(setting=any_setting())
@settings(max_examples=40, deadline=None)
@example(setting=Setting())
@example(setting=Setting(assistants=ASSISTANTS, way="stochastic", seed=3))
@example(setting=Setting(teacher="cnn-4-pairs", treatment="standardised"))
def test_the_copied_code_makes_the_same_recipes_without_the_playground(setting):
    code = to_code(setting)
    asked: list[Recipe] = []
    run = SimpleNamespace(accuracy=50.0)
    with pytest.MonkeyPatch.context() as patch:  # nothing is trained
        patch.setattr(kd_helpers, "load_or_train", lambda recipe: asked.append(recipe) or run)
        exec(compile(code, "copied", "exec"), {})
    assert asked == [alone(setting), recipe_of(setting)]
    assert "playground" not in code and max(map(len, code.splitlines())) <= 120


def test_what_is_missing_comes_teachers_first(tmp_path, monkeypatch):
    monkeypatch.setenv("KD_OUT", str(tmp_path))
    assert missing(recipe_of(Setting())) == []
    own = Setting(temperature=3.0, teacher="cnn-4", seed=1)  # of this teacher the record only
    assert missing(recipe_of(own)) == list(ladder(own))


def test_a_plan_says_steps_and_seconds_and_what_is_too_long(tmp_path, monkeypatch):
    monkeypatch.setenv("KD_OUT", str(tmp_path))
    monkeypatch.setattr(find_or_train, "seconds_per_step", lambda student, batch: 0.05)
    plan = plan_for(Setting(temperature=3.0), shipped.SEEDS)
    assert "5 trainings, 3,000 steps in all, about 160 s" in str(plan) and not plan.is_too_long
    assert [recipe.seed for recipe in plan.recipes] == list(shipped.SEEDS)
    assert plan_for(Setting(), shipped.SEEDS).recipes == ()
    plan = plan_for(Setting(images=54_000, schedule="3000x128", student="resnet-8"), (0,))
    assert sum(plan.seconds) > BUDGET and plan.is_too_long
    assert "2 trainings, 6,000 steps" in str(plan) and "Take 600 steps of 64 images" in str(plan)


def test_every_choice_has_a_name_and_the_examples_are_settings():
    """No abbreviation from inside on a control."""
    for field, offered in CHOICES.items():
        names = [name_of(field, value) for value in offered]
        assert len(set(names)) == len(offered), field
    told = " ".join(name_of("treatment", value) for value in CHOICES["treatment"])
    assert not any(word in told for word in ("flsw", "cwsm", "wsld", "sure-0.9", "kd1"))
    assert all(str(parse(text)) == text for text in EXAMPLES | NOT_STORED)
    assert difference(Setting(), Setting(temperature=2.0, images=600)) == (
        "labelled images = 600 (1.11 %), T = 2"
    )


@given(st.dictionaries(st.text(), st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=1))
def test_the_pareto_front_is_what_nobody_beats(points):
    front = pareto_front(points)
    for name, (cost, score) in points.items():
        better = [
            o for o in points.values() if o != (cost, score) and o[0] <= cost and o[1] >= score
        ]
        assert (name in front) == (not better)
    assert [points[n][0] for n in front] == sorted(points[n][0] for n in front)
