"""The reproductions on the papers' own images, CIFAR, that a laptop's processor can train.

The ladders' networks and settings are the papers', but for the passes: `nb06_assistants.on_cifar`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from kd_course.nb02_hinton import on_cifar as hinton
from kd_course.nb03_confidence import on_cifar as confidence
from kd_course.nb04_mistakes import on_cifar as mistakes
from kd_course.nb05_specialists import on_cifar as teams
from kd_course.nb06_assistants import on_cifar
from kd_course.nb07_papers.laptop import by_every_measure
from kd_course.nb07_papers.rows import Ours, Row, arm, by_name, reproduction
from kd_course.nb07_papers.tables import printed
from kd_helpers.experiments.ladders import error_overlap
from kd_helpers.experiments.recipe import Recipe
from kd_helpers.experiments.run import Run, load_or_train

DIFFERS = (
    f"The papers: 160 passes, the best of a search over λ, T and the seed. Here: {on_cifar.PASSES} "
    f"passes, T = {on_cifar.KD.temperature:g} and λ = {on_cifar.KD.kd_weight:g}, 45,000 of the "
    "50,000 training images; everything above the student is trained once."
)
FULL = (
    f"The last rows have the papers' 160 passes, {len(on_cifar.FULL_SEEDS)} students each, T = "
    f"{on_cifar.FULL_KD.temperature:g} and λ = {on_cifar.FULL_KD.kd_weight:g}."
)
COLUMN = "160 passes"
ARMS = partial(arm, on_cifar.cifar_arms)


def size(name: str) -> str:
    return name.removeprefix("cnn-")


def always(recipe: Recipe) -> Ours:
    """The same for every seed."""
    return lambda _: recipe


@reproduction(
    "Teacher assistants (Mirzadeh et al. 2020), CIFAR-100 in 20 passes", f"{DIFFERS} {FULL}", COLUMN
)
def takd() -> Iterator[Row]:
    def at(table: str, sizes: str, way: str) -> tuple:
        return printed("takd_2020", table, f"plain CNN {sizes}, CIFAR-100", way)

    labels, direct = "labels only", "direct, student of cnn-10"
    yield Row(labels, at("table 1", "10-4-2", labels), ARMS("hard labels"))
    yield Row("smoothed labels", (), ARMS("smoothed labels"), labels)
    yield Row(direct, at("table 1", "10-4-2", "direct"), ARMS("direct"), labels)
    for name in on_cifar.MIDDLE:
        numbers, ours = at("table 2", f"10-{size(name)}-2", "chain"), ARMS(f"assistant {name}")
        yield Row(f"student of {name}, which cnn-10 taught", numbers, ours, direct)
    for name in on_cifar.MIDDLE:
        numbers = at("figure 2", f"{size(name)}-2", "direct")
        title = f"student of {name}, which nobody taught"
        yield Row(title, numbers, ARMS(f"{name}, which nobody taught"), direct)
    for name in (*on_cifar.MIDDLE, on_cifar.TEACHER):
        numbers = at("figure 4", size(name), labels)
        yield Row(f"{name}, labels only (figure 4)", numbers, always(on_cifar.alone(name)))
    for way, name in (
        ("labels only", "hard labels"),
        ("direct", "direct"),
        ("chain", "assistant cnn-4"),
    ):
        numbers, ours = at("table 1", "10-4-2", way), arm(on_cifar.full_arms, name)
        few = len(on_cifar.FULL_SEEDS)
        yield Row(f"160 passes, 10-4-2: {way}", numbers, ours, seeds=few)


def shared_errors(run: Run) -> float:
    """Of the test errors of the student or of the teacher, those of both (DGKD's figure 4)."""
    teacher = load_or_train(on_cifar.alone(on_cifar.TEACHER), quiet=True)
    return 100 * error_overlap(run.answers(), teacher.answers(), on_cifar.TEST_LABELS)


@reproduction(
    "Every larger network teaches (Son et al. 2021), CIFAR-100 in 20 passes", DIFFERS, COLUMN
)
def dgkd() -> Iterator[Row]:
    at = partial(printed, "dgkd_2021")
    place, titles = "plain CNN 10-8-6-4-2, CIFAR-100", ("chain", "dense", "stochastic")
    chain, dense, random = titles
    yield Row("labels only", (), ARMS("hard labels"))
    yield Row("direct", (), ARMS("direct"), "labels only")
    yield Row(chain, at("table 1", place, chain), ARMS(chain), "direct")
    yield Row(dense, at("table 1", place, dense), ARMS(dense), chain)
    yield Row("stochastic, p = 0.75", at("table 6", place, random), ARMS(random), dense)
    yield Row("dense, mean of the terms", (), ARMS("dense, mean"), dense)
    for way in (chain, dense):
        shared = f"{way}: errors shared with the teacher"
        yield Row(shared, (), ARMS(way), "", "% of errors", shared_errors)


@reproduction(
    "Teacher, student and distilled student (Navarrete Parra 2024, plan), CIFAR-10 in 5 passes",
    "The plan gives no results. The teacher is the mean of two residual networks' probabilities, "
    "right on 90.2 % of the test images; the student is cnn-4. 111 of the 60,000 images are "
    "re-encoded (data/README.md).",
)
def navarrete() -> Iterator[Row]:
    arms = partial(arm, hinton.cifar_arms)
    two = {f"teacher, {r.student}": always(r) for r in hinton.RESNETS_10}
    yield from by_every_measure(
        two | {"student, labels only": arms("hard labels"), "student, distilled": arms("KD")}
    )


@reproduction(
    "Three claims (D'Amicantonio 2021, abstract), CIFAR-100 in 5 passes",
    "Only the abstract could be read. The arms are documented methods with their papers' settings "
    "(notebooks 03 and 04); the student cnn-2, the teacher ResNet-20, 20 passes.",
)
def damicantonio() -> Iterator[Row]:
    taught, corrected = partial(arm, confidence.cifar_arms), partial(arm, mistakes.cifar_arms)
    labels, everything, kept = "labels only", "(i) confident answers: all", "(ii) entries: all"
    yield Row(labels, (), taught("hard labels"))
    yield Row(everything, (), taught("KD"), labels)
    for name in ("KD, T = 1", "standardised logits", "decoupled, β = 1", "decoupled, β = 8"):
        yield Row(f"(i) confident answers: {name}", (), taught(name), everything)
    yield Row(kept, (), taught("KD"))
    for name in ("the largest entry", "a few entries", "a fifth of the entries"):
        yield Row(f"(ii) entries: {name}, the rest in one bin", (), taught(name), kept)
    for name in ("all but the largest", "all but a few"):
        yield Row(f"(ii) entries: {name}", (), taught(name), kept)
    for who in mistakes.TEACHERS_ON_CIFAR:
        base, *ways = mistakes.WAYS
        yield Row(f"(iii) teacher {who}: {base}", (), corrected((who, base)))
        for way in ways:
            title, against = f"(iii) teacher {who}: {way}", f"(iii) teacher {who}: {base}"
            yield Row(title, (), corrected((who, way)), against)


@reproduction(
    "Specialists as teachers (Zaras, Passalis and Tefas 2021), CIFAR-10 in 5 passes",
    "The paper's tables could not be read; the numbers are those of its first author's public "
    "code: one run of 150 passes, networks 23 times (teacher) and 8 times (student) as large as "
    "here, and which of the code's teachers it was is not said. 111 of the 60,000 images are "
    "re-encoded (data/README.md).",
    "public code",
)
def uste() -> Iterator[Row]:
    at = partial(printed, "specialists", "README", "CIFAR-10, student of 106,922 parameters")
    student, teacher = partial(arm, teams.cifar_arms), partial(arm, teams.cifar_teachers)
    labels, towers = "student: labels only", "towers by index"
    own, taught = {towers: at("teacher, 925,182 parameters")}, {towers: at("KD")}
    for name in teams.TEAMS:
        if not name.endswith("selective"):  # the same towers
            yield Row(f"teacher: {name}", own.get(name, ()), teacher(name))
    yield Row(labels, (), student("hard labels"))
    yield Row("student: smoothed labels", (), student("smoothed labels"), labels)
    for name in teams.TEAMS:
        yield Row(f"student of {name}", taught.get(name, ()), student(name), labels)


CIFAR = by_name(takd, dgkd, navarrete, damicantonio, uste)
