"""The recipes of the stored runs of notebook 03: confident logits and the small entries.

How the settings were chosen, on validation images: data/README.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kd_course.nb02_hinton.experiments import TEACHER, smoothed
from kd_helpers import methods as m
from kd_helpers.data.transfer_set import TransferSet
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.training.schedules import Schedule

IMAGES = 2_000  # labelled images, all that a student sees in notebooks 03 and 04
SHORT = Schedule(steps=600, batch_size=64, learning_rate=0.03)
WARM_UP = 0.2  # share of the steps; the paper of decoupled KD warms up for 20 of 240 epochs
STRENGTH = 9.0  # of the soft term with standardised logits, as its authors use
TEMPERATURES = (1.0, 2.0, 4.0, 8.0)
COUNTS = (0, 1, 2, 3, 5)  # of largest entries kept beside the true class
CUT = (1, 3, 5)  # largest entries left out
SEEKING = (0.25, 0.5, 0.75, 1.0)  # β of the α-β-divergence, with α = 1 - β; β = 0 is KD


def standardised(temperature: float) -> m.Method:
    return m.Standardised(m.HintonKD(temperature=temperature, strength=STRENGTH))


def decoupled(temperature: float = 4.0, kd_weight: float = 0.9, beta: float = 1.0) -> m.Method:
    return m.DecoupledKD(temperature=temperature, kd_weight=kd_weight, warm_up=WARM_UP, beta=beta)


def hinton(temperature: float) -> m.HintonKD:
    return m.HintonKD(temperature=temperature)


def by_method(recipe: Recipe, method: m.Method) -> Recipe:
    """The same recipe with the course's teacher and any method."""
    return replace(recipe, teacher=TEACHER, method=method)


def small_student(seed: int) -> Recipe:
    """The student of notebooks 03 and 04 on its labels alone."""
    return Recipe(seed=seed, transfer=TransferSet(images=IMAGES), schedule=SHORT)


def treatment_arms(seed: int) -> dict[str, Recipe]:
    """An arm for each treatment, at the setting of four that was best on validation; controls.

    Two more at a setting of interest: β = 8 of the paper of decoupled KD, with its equal weights of
    labels and soft term, and gates at 0.9, which share the images between them.
    """
    alone = small_student(seed)
    methods = {
        "KD": m.HintonKD(),
        "standardised logits": standardised(1.0),
        "FLSW temperatures": m.FLSW(),
        "CWSM temperatures": m.CWSM(),
        "decoupled, β = 1": decoupled(),
        "weighted soft labels": m.WeightedSoftLabels(),
        "surer than 0.5 only": m.ConfidenceGate(threshold=0.5),
        "surer than 0.9 only": m.ConfidenceGate(threshold=0.9),
        "less sure than 0.9 only": m.ConfidenceGate(threshold=0.9, above=False),
        "random entries dropped": m.RandomEntries(dropped=0.1),
        "less sure than 0.99 only": m.ConfidenceGate(hinton(8.0), threshold=0.99, above=False),
        "decoupled, β = 8": decoupled(kd_weight=0.5, beta=8.0),
        "hint from the middle": m.FitNets(student_layer="body.3", teacher_layer="body.8"),
        "normalised (NKD)": m.NKD(temperature=1.0, kd_weight=0.5),
    }
    return {
        "hard labels": alone,
        "smoothed labels": smoothed(alone, 0.4),
        "virtual teacher": replace(alone, method=m.TeacherFreeKD(confidence=0.99)),
        **{name: by_method(alone, method) for name, method in methods.items()},
    }


def temperature_arms(seed: int) -> dict[tuple[str, float], Recipe]:
    """Three treatments at four temperatures."""
    methods = {"KD": hinton, "standardised logits": standardised, "decoupled, β = 1": decoupled}
    return {
        (name, t): by_method(small_student(seed), method(t))
        for name, method in methods.items()
        for t in TEMPERATURES
    }


def entry_arms(seed: int) -> dict[tuple[str, int], Recipe]:
    """Which entries teach: the largest with the rest in one bin or dropped, or all but the largest.

    Keys: the kind and its count, of entries kept or left out. "dropped" with 0 or 1 entries would
    leave nothing to compare where the teacher is right.
    """
    methods: dict[tuple[str, int], m.Method] = {
        ("rest in one bin", k): m.TopK(count=k) for k in COUNTS
    }
    methods |= {("rest dropped", k): m.TopK(count=k, lump=False) for k in COUNTS if k > 1}
    methods |= {("all but the top", k): m.SmallEntries(count=k, lump=False) for k in CUT}
    return {key: by_method(small_student(seed), method) for key, method in methods.items()}


def newest_arms(seed: int) -> dict[str, Recipe]:
    """Losses of 2022 to 2025, each at the setting of four that was best on validation."""
    methods = {
        "transformed teacher (TTM)": m.TTM(temperature=4.0, kd_weight=0.5, strength=9.0),
        "the same, weighted (WTTM)": m.WTTM(temperature=4.0, kd_weight=0.5, strength=9.0),
        "one for all (OFA), γ = 1.2": m.OFA(temperature=4.0, gamma=1.2),
        "relations (DIST)": m.DIST(temperature=4.0, kd_weight=0.5, beta=2.0, gamma=2.0),
        "α-β-divergence (ABKD)": m.ABKD(kd_weight=0.5, strength=2.0),
    }
    return {name: by_method(small_student(seed), method) for name, method in methods.items()}


def seeking_arms(seed: int) -> dict[float, Recipe]:
    """From covering what the teacher thinks possible to seeking what it thinks likeliest."""
    return {
        beta: by_method(small_student(seed), m.ABKD(alpha=1 - beta, beta=beta)) for beta in SEEKING
    }


def feature_arms(seed: int) -> dict[str, Recipe]:
    """A term on the features of the last layers, beside the labels alone and beside plain KD."""
    maps: dict[str, Any] = {"student_layer": "body.7", "teacher_layer": "body.11"}  # 7×7
    flat: dict[str, Any] = {"student_layer": "body.8", "teacher_layer": "body.13"}  # 784 and 64
    methods: dict[str, m.HintonKD] = {
        "attention (AT)": m.AttentionTransfer(feature_weight=4.0, **maps),
        "distances and angles (RKD)": m.RelationalKD(feature_weight=5.0, **flat),
        "neighbours (PKT)": m.PKT(feature_weight=94.0, **flat),
    }
    beside = {"labels": 0.0, "KD": 0.9}
    return {
        f"{name} and {what}": by_method(small_student(seed), replace(method, kd_weight=weight))
        for name, method in methods.items()
        for what, weight in beside.items()
    }
