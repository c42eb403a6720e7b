"""The runs that ship with the course: where each is kept, under which name, with which tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kd_course.nb02_hinton import experiments as hinton
from kd_course.nb02_hinton import on_cifar as hinton_on_cifar
from kd_course.nb03_confidence import experiments as confidence
from kd_course.nb03_confidence import on_cifar as confidence_on_cifar
from kd_course.nb04_mistakes import experiments as mistakes
from kd_course.nb04_mistakes import on_cifar as mistakes_on_cifar
from kd_course.nb05_specialists import experiments as teams
from kd_course.nb05_specialists import on_cifar as teams_on_cifar
from kd_course.nb06_assistants import experiments as ladders
from kd_course.nb06_assistants import on_cifar
from kd_course.nb08_faults import experiments as faults
from kd_course.nb11_low_precision import experiments as low
from kd_helpers.experiments.recipe import Recipe

WEIGHTS, LOGITS, TRAIN_LOGITS = "weights", "test_logits", "train_logits"


@dataclass(frozen=True)
class Shipped:
    """A stored run: `data/runs/CHAPTER`, a row with this arm and the recipe's seed."""

    chapter: str
    arm: str
    recipe: Recipe
    keep: tuple[str, ...] = ()  # tensors; only those that a notebook or an explorer reads


def shipped_runs() -> tuple[Shipped, ...]:
    """Every shipped recipe once, with the earliest chapter that has it; teachers go first."""
    found: dict[Recipe, Shipped] = {}
    for chapter, arm, recipe, keep in every_arm():
        for needed in with_teachers(recipe):
            name = arm if needed == recipe else f"{arm}: its {needed.student}"
            found.setdefault(needed, Shipped(chapter, name, needed))
        kept = found[recipe].keep
        found[recipe] = replace(found[recipe], keep=tuple(dict.fromkeys((*kept, *keep))))
    return tuple(found.values())


def with_teachers(recipe: Recipe) -> Iterator[Recipe]:
    for teacher in recipe.needs:
        yield from with_teachers(teacher)
    yield recipe


def every_arm() -> Iterator[tuple[str, str, Recipe, tuple[str, ...]]]:
    """(chapter, arm, recipe, tensors to keep); an arm is "experiment: name"."""
    for chapter, experiment, arms, keep in every_experiment():
        for key, recipe in arms.items():
            name = words(key)
            yield chapter, f"{experiment}: {name}" if name else experiment, recipe, keep


def words(key: object) -> str:
    """("chain", ("cnn-6", "cnn-4")) → "chain, cnn-6, cnn-4"."""
    return ", ".join(filter(None, map(words, key))) if isinstance(key, tuple) else str(key)


Experiment = tuple[str, str, Mapping[Any, Recipe], tuple[str, ...]]


def every_experiment() -> Iterator[Experiment]:
    """(chapter, name of the experiment, its arms, tensors to keep of each)."""
    yield "nb02_hinton", "teacher", {"": hinton.TEACHER}, (WEIGHTS, LOGITS, TRAIN_LOGITS)
    for seed in hinton.SEEDS:
        yield from hinton_experiments(seed)
    for seed in hinton.SEEDS:
        yield "nb03_confidence", "treatment", confidence.treatment_arms(seed), ()
        yield "nb03_confidence", "temperature", confidence.temperature_arms(seed), ()
        yield "nb03_confidence", "entries", confidence.entry_arms(seed), ()
        yield "nb03_confidence", "newest", confidence.newest_arms(seed), ()
        yield "nb03_confidence", "seeking, β", confidence.seeking_arms(seed), ()
        yield "nb03_confidence", "features", confidence.feature_arms(seed), ()
    yield "nb04_mistakes", "teacher", mistakes.TEACHERS, (WEIGHTS, LOGITS)
    for seed in hinton.SEEDS:
        yield "nb04_mistakes", "correction", mistakes.correction_arms(seed), ()
        yield "nb04_mistakes", "noisy labels", mistakes.noisy_label_arms(seed), ()
        yield "nb04_mistakes", "refined", mistakes.refined_arms(seed), ()
    for seed in hinton.SEEDS:
        yield from team_experiments(seed)
    yield "nb06_assistants", "kind of teacher", ladders.kind_teachers(), (WEIGHTS,)
    for seed in hinton.SEEDS:
        kept = (WEIGHTS,) if seed == 0 else ()  # notebook 06 looks at the weights of one seed
        yield "nb06_assistants", "teacher", ladders.gap_teachers(seed), kept
        for arms in ladders.EXPERIMENTS:
            yield "nb06_assistants", name_of(arms), arms(seed), ()
    yield from cifar_experiments()
    for seed in hinton.SEEDS:
        for arms in faults.EXPERIMENTS:
            yield "nb08_faults", name_of(arms), arms(seed), ()
    for seed in hinton.SEEDS:
        kept = (WEIGHTS,) if seed == 0 else ()  # notebook 11 exports and draws those of one seed
        yield "nb11_low_precision", "float32", low.float_arms(seed), (WEIGHTS,)
        yield "nb11_low_precision", "low", low.low_arms(seed), kept
        yield "nb11_low_precision", "together", low.together_arms(seed), ()


def cifar_experiments() -> Iterator[Experiment]:
    """On the papers' own images; weights of teachers, so that more students can be trained."""
    yield "cifar_100", "network", on_cifar.cifar_networks(), ()
    yield "cifar_100", "teacher", {"": on_cifar.alone(on_cifar.TEACHER)}, (WEIGHTS,)
    for seed in hinton.SEEDS:
        for name, recipe in on_cifar.assistant_arms(seed).items():
            asked = seed == 0 and name in ("hard labels", "direct")  # can be asked again
            yield "cifar_100", "assistants", {name: recipe}, (WEIGHTS,) if asked else ()
        yield "cifar_100", "ladders", on_cifar.dense_arms(seed), ()
    for seed in on_cifar.FULL_SEEDS:
        yield "cifar_100", "160 passes", on_cifar.full_arms(seed), ()
    yield "cifar_100", "claims: teacher", {"": hinton_on_cifar.TEACHER_100}, (WEIGHTS,)
    for seed in hinton.SEEDS:
        yield "cifar_100", "claims", confidence_on_cifar.cifar_arms(seed), ()
        yield "cifar_100", "correction", mistakes_on_cifar.cifar_arms(seed), ()
    teachers = {recipe.student: recipe for recipe in hinton_on_cifar.RESNETS_10}
    yield "cifar_10", "teacher", teachers, (WEIGHTS, LOGITS)
    for seed in hinton.SEEDS:
        yield "cifar_10", "all images", hinton_on_cifar.cifar_arms(seed), ()
        yield from team_experiments_on_cifar(seed)


def hinton_experiments(seed: int) -> Iterator[Experiment]:
    chapter = "nb02_hinton"
    yield chapter, "few labels", hinton.lab_arms(seed), ()
    yield chapter, "temperature and weight", hinton.map_arms(seed), ()
    yield chapter, "hidden class", hinton.hidden_class_arms(seed), (WEIGHTS,)
    yield chapter, "other images", hinton.source_arms(seed), ()
    yield chapter, "all images", hinton.full_arms(seed), (WEIGHTS, LOGITS) if seed == 0 else ()


def team_experiments(seed: int) -> Iterator[Experiment]:
    chapter, generalists = "nb05_specialists", [teams.generalist(seed, m) for m in range(5)]
    yield chapter, "generalist", dict(enumerate(generalists)), (WEIGHTS,)
    yield chapter, "specialist", dict(enumerate(teams.specialists(seed))), (WEIGHTS,)
    for name, recipe in teams.tower_teachers(seed).items():
        shown = seed == 0 and name in ("towers by index", "towers by index, double softmax")
        yield chapter, "teacher", {name: recipe}, (WEIGHTS,) if shown else ()
    yield chapter, "student", teams.student_arms(seed), ()


def team_experiments_on_cifar(seed: int) -> Iterator[Experiment]:
    chapter, setting = "cifar_10", teams_on_cifar.ON_CIFAR
    several = [teams.generalist(seed, m, setting) for m in range(setting.generalists)]
    yield chapter, "generalist", dict(enumerate(several)), ()
    yield chapter, "specialist", dict(enumerate(teams.specialists(seed, setting))), ()
    towers = teams.tower_teachers(seed, setting)["towers by index"]
    yield chapter, "teacher", {"towers by index": towers}, ()
    yield chapter, "student", teams_on_cifar.cifar_arms(seed), ()


def name_of(arms: Callable) -> str:
    """ladder_arms → "ladder"."""
    return arms.__name__.removesuffix("_arms").replace("_", " ")
